//! The change log: what changed, in commit order, for those who follow.
//!
//! The head row is locked by the `UPDATE` that takes the revision and stays locked until the commit. That row is the one
//! point where all writers of a service meet, so it is taken last, when only the inserts are left to do.

use std::time::Duration;

use bailiwick_core::Timestamp;
use futures::TryStreamExt;
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, StreamTrait, Value};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};

use crate::{Db, DbError, db::POLL};

/// Most changes in one transaction.
const CHANGES_MAX: usize = 10_000;
/// Largest payload of a change of the own, in bytes.
pub const PAYLOAD_MAX: usize = 3 << 19;
/// Largest payload of a change that is made by following another log: a mirror repeats what it follows, and adds what
/// that ends. What the one who is followed could write, the follower can.
pub const FOLLOWED_MAX: usize = 2 << 20;
/// Most changes that one read returns.
const READ_MAX: u32 = 1000;
/// A read ends early when it has this many bytes of payloads.
const READ_BYTES_MAX: usize = 4 << 20;
/// Rows of one `INSERT`: seven parameters each.
const INSERT_ROWS: usize = 200;

/// A place in the change log of one database.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The incarnation of the database; revisions of different epochs cannot be compared.
    pub epoch: String,
    /// The revision: 0 before the first change.
    pub revision: i64,
}

/// A change to be written to the log by the transaction that makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeRow {
    /// The method that made it, or `follow`.
    pub method: String,
    /// Name of the resource that changed.
    pub resource: String,
    /// The tenant whose trail it belongs to; empty for changes of the platform.
    pub tenant: String,
    /// The caller's request id; empty if there was none.
    pub request_id: String,
    /// When it was made.
    pub time: Timestamp,
    /// What followers are given: at most 1.5 MiB, or 2 MiB in a change that is made by following another log; a larger one
    /// is [`DbError::ChangeTooLarge`]. It cannot hold the revision, which is not known yet: whoever reads the log adds it.
    pub payload: Vec<u8>,
}

/// A change as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedChange {
    /// Its number: from 1, gapless, in commit order.
    pub revision: i64,
    /// The change.
    pub change: ChangeRow,
}

impl Position {
    /// Whether this one is at or after `other`: never, if they are of different epochs.
    pub fn reaches(&self, other: &Self) -> bool {
        self.epoch == other.epoch && self.revision >= other.revision
    }
}

impl Db {
    /// The latest revision, read from the database, which proves that it is alive.
    pub async fn head(&self) -> Result<Position, DbError> {
        let head = read_head(self.reader()).await?;
        self.saw_head(&head);
        Ok(head)
    }

    /// The epoch, from memory if it is known.
    pub async fn epoch(&self) -> Result<String, DbError> {
        let known = self.0.head.borrow().as_ref().map(|head| head.epoch.clone());
        match known {
            Some(epoch) => Ok(epoch),
            None => Ok(self.head().await?.epoch),
        }
    }

    /// The changes after `revision` in order, without gaps: at most `limit` of them, at most 1000, and fewer where they
    /// are large. None means that there are none.
    pub async fn changes_after(&self, revision: i64, limit: u32) -> Result<Vec<LoggedChange>, DbError> {
        let select = Statement::from_sql_and_values(
            self.reader().get_database_backend(),
            "SELECT revision, time_us, method, resource, tenant, request_id, payload FROM change_log \
             WHERE revision > $1 ORDER BY revision LIMIT $2",
            [revision.into(), i64::from(limit.min(READ_MAX)).into()],
        );
        let mut rows = self.reader().stream_raw(select).await?;
        let (mut changes, mut bytes) = (Vec::new(), 0);
        while bytes < READ_BYTES_MAX
            && let Some(row) = rows.try_next().await?
        {
            let change = logged(&row)?;
            bytes += change.change.payload.len();
            changes.push(change);
        }
        Ok(changes)
    }

    /// Waits until the head is beyond `position` or of another epoch, for `max_wait` at most, and returns the head as
    /// then known. Commits through this handle wake it at once; those of other replicas are seen within 200 ms.
    pub async fn wait_beyond(&self, position: &Position, max_wait: Duration) -> Result<Position, DbError> {
        let deadline = Instant::now() + max_wait;
        let mut heads = self.0.head.subscribe();
        loop {
            let known = heads.borrow_and_update().clone();
            match known {
                Some(head) if !position.reaches(&head) || Instant::now() >= deadline => return Ok(head),
                Some(_) => {}
                None => {
                    self.head().await?;
                    continue;
                }
            }
            let pause = deadline.min(Instant::now() + POLL);
            if timeout_at(pause, heads.changed()).await.is_err() {
                self.0.head_read.once(async || self.head().await.map(drop)).await?;
            }
        }
    }

    /// Remembers a head that is committed, and wakes who waits for it.
    pub(crate) fn saw_head(&self, seen: &Position) {
        self.0.head.send_if_modified(|known| {
            let newer = known.as_ref().is_none_or(|known| !known.reaches(seen));
            if newer {
                *known = Some(seen.clone());
            }
            newer
        });
    }
}

pub(crate) async fn read_head(conn: &impl ConnectionTrait) -> Result<Position, DbError> {
    let select = Statement::from_string(conn.get_database_backend(), "SELECT epoch, revision FROM log_head");
    position(conn.query_one_raw(select).await?)
}

/// Writes the changes, each of at most `limit` bytes, and returns the position of the last one, or the head if there are
/// none.
pub(crate) async fn append(
    conn: &impl ConnectionTrait,
    changes: Vec<ChangeRow>,
    limit: usize,
) -> Result<Position, DbError> {
    if changes.is_empty() {
        return read_head(conn).await;
    }
    if changes.len() > CHANGES_MAX {
        return Err(DbError::other(format!(
            "a transaction recorded {} changes; {CHANGES_MAX} are the most",
            changes.len()
        )));
    }
    if let Some(change) = changes.iter().find(|change| change.payload.len() > limit) {
        let (resource, bytes) = (change.resource.clone(), change.payload.len());
        return Err(DbError::ChangeTooLarge { resource, bytes, limit });
    }
    let count = i64::try_from(changes.len()).map_err(DbError::other)?;
    let take = Statement::from_sql_and_values(
        conn.get_database_backend(),
        "UPDATE log_head SET revision = revision + $1 RETURNING epoch, revision",
        [count.into()],
    );
    let last = position(conn.query_one_raw(take).await?)?;
    let mut rows = (last.revision - count + 1..).zip(changes);
    loop {
        let chunk: Vec<_> = rows.by_ref().take(INSERT_ROWS).collect();
        if chunk.is_empty() {
            return Ok(last);
        }
        insert(conn, chunk).await?;
    }
}

async fn insert(conn: &impl ConnectionTrait, rows: Vec<(i64, ChangeRow)>) -> Result<(), DbErr> {
    let mut sql =
        "INSERT INTO change_log (revision, time_us, method, resource, tenant, request_id, payload) VALUES ".to_owned();
    let mut values: Vec<Value> = Vec::with_capacity(rows.len() * 7);
    for (revision, row) in rows {
        let comma = if values.is_empty() { "" } else { ", " };
        let parameters: Vec<String> = (1..=7).map(|i| format!("${}", values.len() + i)).collect();
        sql.push_str(&format!("{comma}({})", parameters.join(", ")));
        values.extend([revision.into(), row.time.as_micros().into(), row.method.into(), row.resource.into()]);
        values.extend([row.tenant.into(), row.request_id.into(), row.payload.into()]);
    }
    conn.execute_raw(Statement::from_sql_and_values(conn.get_database_backend(), sql, values)).await.map(drop)
}

fn position(row: Option<QueryResult>) -> Result<Position, DbError> {
    let row = row.ok_or_else(|| DbError::other("the database has no log head"))?;
    Ok(Position { epoch: row.try_get("", "epoch")?, revision: row.try_get("", "revision")? })
}

fn logged(row: &QueryResult) -> Result<LoggedChange, DbErr> {
    Ok(LoggedChange {
        revision: row.try_get("", "revision")?,
        change: ChangeRow {
            method: row.try_get("", "method")?,
            resource: row.try_get("", "resource")?,
            tenant: row.try_get("", "tenant")?,
            request_id: row.try_get("", "request_id")?,
            time: Timestamp::from_micros(row.try_get("", "time_us")?),
            payload: row.try_get("", "payload")?,
        },
    })
}

#[cfg(test)]
mod tests;
