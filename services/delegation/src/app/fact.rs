//! The full list of facts, at one revision.

use std::time::Duration;

use bailiwick_core::Role;
use bailiwick_db::{Position, Snapshot};
use tokio::{sync::mpsc, time::timeout};

use super::{App, Error};
use crate::store;

/// Facts in one part of the list, which has 1,024 at most by the contract: few enough to be read at once where each is as
/// large as it may be.
const PART: u64 = 256;
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
        let rows = store::facts::page(conn, from, PART).await?;
        let Some(last) = rows.last() else { break };
        after = Some((last.kind, last.key.clone()));
        for part in by_bytes(rows.into_iter().filter_map(|row| row.value)) {
            timeout(TAKE, parts.send(part)).await.map_err(|_| Error::SlowWatcher)?.map_err(|_| Error::SlowWatcher)?;
        }
    }
    let (_, upstream) = bailiwick_changelog::head_with_cursor(conn, Role::Directory).await?;
    Ok(upstream)
}

/// Parts of at most 1 MiB each; a fact that is larger is a part of its own.
fn by_bytes(facts: impl Iterator<Item = Vec<u8>>) -> Vec<ListPart> {
    let (mut parts, mut part, mut bytes) = (Vec::new(), ListPart::new(), 0);
    for fact in facts {
        if !part.is_empty() && bytes + fact.len() > PART_BYTES {
            parts.push(std::mem::take(&mut part));
            bytes = 0;
        }
        bytes += fact.len();
        part.push(fact);
    }
    parts.extend(Some(part).filter(|part| !part.is_empty()));
    parts
}

#[cfg(test)]
mod tests {
    use super::{PART_BYTES, by_bytes};

    #[test]
    fn parts_have_a_bound_in_bytes_and_lose_nothing() {
        let sizes = [1, PART_BYTES - 1, 1, PART_BYTES + 7, 3, PART_BYTES / 2, PART_BYTES / 2, 1];
        let facts: Vec<_> = sizes.iter().enumerate().map(|(n, size)| vec![n.to_le_bytes()[0]; *size]).collect();
        let parts = by_bytes(facts.clone().into_iter());
        assert_eq!(parts.iter().flatten().collect::<Vec<_>>(), facts.iter().collect::<Vec<_>>());
        let lengths: Vec<_> = parts.iter().map(Vec::len).collect();
        assert_eq!(lengths, [2, 1, 1, 2, 2], "each as full as it may be");
        assert!(parts.iter().all(|part| part.len() == 1 || part.iter().map(Vec::len).sum::<usize>() <= PART_BYTES));
    }
}
