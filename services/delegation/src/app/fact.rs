//! The full list of facts, at one revision.

use std::time::Duration;

use bailiwick_changelog::by_bytes;
use bailiwick_core::Role;
use bailiwick_db::{Position, Snapshot};
use tokio::{sync::mpsc, time::timeout};

use super::{App, Error};
use crate::store;

/// Facts that one query reads, and the most of one part, which has 1,024 at most by the contract: few enough to be read
/// at once where each is as large as it may be.
const PAGE: u64 = 256;
/// Bytes in one part, unless it is one fact: a message to a gateway has 4 MiB at most.
const PART_BYTES: usize = 1 << 20;
/// How long a watcher may take for one part: the list holds a read transaction open.
const TAKE: Duration = Duration::from_secs(10);

/// Encoded facts of the full list, at most 1,024.
pub type ListPart = Vec<Vec<u8>>;

impl App {
    /// Sends all facts in parts, accounts first, and returns the revision at which all of them held, and how much of
    /// directory's log is in it.
    pub async fn list_facts(&self, parts: &mpsc::Sender<ListPart>) -> Result<(Position, Option<Position>), Error> {
        let listed = self.db.snapshot("list_facts", |snapshot| send_all(snapshot, parts)).await?;
        Ok((listed.position, listed.value))
    }
}

async fn send_all(snapshot: Snapshot, parts: &mpsc::Sender<ListPart>) -> Result<Option<Position>, Error> {
    let conn = snapshot.conn();
    let mut after: Option<(i32, String)> = None;
    loop {
        let from = after.as_ref().map(|(kind, key)| (*kind, key.as_str()));
        let rows = store::facts::page(conn, from, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = Some((last.kind, last.key.clone()));
        for part in by_bytes(rows.into_iter().filter_map(|row| row.value), PART_BYTES, Vec::len) {
            timeout(TAKE, parts.send(part)).await.map_err(|_| Error::SlowWatcher)?.map_err(|_| Error::SlowWatcher)?;
        }
    }
    let (_, upstream) = bailiwick_changelog::head_with_cursor(conn, Role::Directory).await?;
    Ok(upstream)
}
