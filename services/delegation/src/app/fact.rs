//! The full list of facts, at one revision.

use std::time::Duration;

use bailiwick_core::Role;
use bailiwick_db::{Position, Snapshot};
use tokio::{sync::mpsc, time::timeout};

use super::{App, Error};
use crate::store;

/// Facts in one part of the list, as the contract bounds it.
const PART: u64 = 1_024;
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
        let rows = store::facts::page(conn, from, PART).await?;
        let Some(last) = rows.last() else { break };
        after = Some((last.kind, last.key.clone()));
        let part = rows.into_iter().filter_map(|row| row.value).collect();
        timeout(TAKE, parts.send(part)).await.map_err(|_| Error::SlowWatcher)?.map_err(|_| Error::SlowWatcher)?;
    }
    let (_, upstream) = bailiwick_changelog::head_with_cursor(conn, Role::Directory).await?;
    Ok(upstream)
}
