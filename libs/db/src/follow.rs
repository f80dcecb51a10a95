//! The local side of following another service's log: its cursor, moved by the transaction that applies what was read.

use std::{collections::BTreeMap, time::Duration};

use sea_orm::{ConnectionTrait, DatabaseTransaction, QueryResult, Statement};
use tokio::time::{Instant, timeout_at};

use crate::{Committed, Db, DbError, Position, Tx, TxError, db::POLL};

/// How an attempt to move a cursor ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied<T> {
    /// Applied, and the cursor moved.
    Done(Committed<T>),
    /// The cursor is not where the caller believed, for another replica moved it: nothing was done.
    Elsewhere(Option<Position>),
}

/// How waiting for a cursor ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CursorWait {
    /// The cursor is there or beyond.
    Reached,
    /// Not in time.
    Behind(Option<Position>),
    /// The cursor is in another epoch of the upstream, in which the position means nothing.
    OtherEpoch(Position),
}

/// Ends the transaction of a cursor that is elsewhere.
enum FollowError<E> {
    Elsewhere(Option<Position>),
    Work(E),
}

impl<E: TxError> From<DbError> for FollowError<E> {
    fn from(error: DbError) -> Self {
        Self::Work(error.into())
    }
}

impl<E: TxError> TxError for FollowError<E> {
    fn db(&self) -> Option<&DbError> {
        match self {
            Self::Elsewhere(_) => None,
            Self::Work(error) => error.db(),
        }
    }
}

impl Db {
    /// Runs `work` in a write transaction that moves the cursor of `upstream` from `expected` (none: it was never set) to
    /// `new`. The cursor's row stays locked meanwhile, so that of two replicas one applies and the other is told
    /// [`Applied::Elsewhere`]. Within an epoch the cursor does not move back.
    pub async fn follow_apply<T, E, F, Fut>(
        &self,
        upstream: &str,
        expected: Option<&Position>,
        new: &Position,
        work: F,
    ) -> Result<Applied<T>, E>
    where
        T: Send,
        E: TxError,
        F: Fn(Tx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        if expected.is_some_and(|from| from.epoch == new.epoch && from.revision > new.revision) {
            return Err(DbError::other("a cursor does not move back").into());
        }
        let work = &work;
        let done = self
            .write("follow_apply", move |tx| async move {
                tx.follow();
                let current = lock(tx.conn(), upstream).await?;
                if current.as_ref() != expected {
                    return Err(FollowError::Elsewhere(current));
                }
                let value = work(tx.clone()).await.map_err(FollowError::Work)?;
                set(tx.conn(), upstream, new).await?;
                Ok(value)
            })
            .await;
        match done {
            Ok(done) => {
                self.saw_cursors([(upstream.to_owned(), new.clone())]);
                Ok(Applied::Done(done))
            }
            Err(FollowError::Elsewhere(current)) => Ok(Applied::Elsewhere(current)),
            Err(FollowError::Work(error)) => Err(error),
        }
    }

    /// Where the cursor of `upstream` is; none if it was never set.
    pub async fn cursor(&self, upstream: &str) -> Result<Option<Position>, DbError> {
        Ok(self.read_cursors().await?.remove(upstream))
    }

    /// Waits until the cursor of `upstream` has reached `position`, for `max_wait` at most. Replicas that follow through
    /// the same database are seen within 200 ms.
    pub async fn wait_cursor(
        &self,
        upstream: &str,
        position: &Position,
        max_wait: Duration,
    ) -> Result<CursorWait, DbError> {
        let deadline = Instant::now() + max_wait;
        let mut cursors = self.0.cursors.subscribe();
        let mut read = false;
        loop {
            let known = cursors.borrow_and_update().get(upstream).cloned();
            if known.as_ref().is_some_and(|known| known.reaches(position)) {
                return Ok(CursorWait::Reached);
            }
            // What is remembered may be of before a resync; what was read within the poll time is not.
            if read && let Some(known) = known.as_ref().filter(|known| known.epoch != position.epoch) {
                return Ok(CursorWait::OtherEpoch(known.clone()));
            }
            if read && Instant::now() >= deadline {
                return Ok(CursorWait::Behind(known));
            }
            let pause = if read { deadline.min(Instant::now() + POLL) } else { Instant::now() };
            if !read || timeout_at(pause, cursors.changed()).await.is_err() {
                self.0.cursors_read.once(async || self.read_cursors().await.map(drop)).await?;
                read = true;
            }
        }
    }

    async fn read_cursors(&self) -> Result<BTreeMap<String, Position>, DbError> {
        let backend = self.reader().get_database_backend();
        let select = Statement::from_string(backend, "SELECT upstream, epoch, revision FROM cursors");
        let mut cursors = BTreeMap::new();
        for row in self.reader().query_all_raw(select).await? {
            cursors.insert(row.try_get("", "upstream")?, position(&row)?);
        }
        self.saw_cursors(cursors.clone());
        Ok(cursors)
    }

    fn saw_cursors(&self, seen: impl IntoIterator<Item = (String, Position)>) {
        self.0.cursors.send_if_modified(|known| {
            let mut moved = false;
            for (upstream, position) in seen {
                if !known.get(&upstream).is_some_and(|known| known.reaches(&position)) {
                    known.insert(upstream, position);
                    moved = true;
                }
            }
            moved
        });
    }
}

/// Locks the cursor's row, which is made first if there is none: a missing row cannot be locked.
async fn lock(conn: &DatabaseTransaction, upstream: &str) -> Result<Option<Position>, DbError> {
    let backend = conn.get_database_backend();
    let make = "INSERT INTO cursors (upstream, epoch, revision) VALUES ($1, '', 0) ON CONFLICT DO NOTHING";
    conn.execute_raw(Statement::from_sql_and_values(backend, make, [upstream.into()])).await?;
    let lock = if backend == sea_orm::DbBackend::Postgres { "FOR UPDATE" } else { "" };
    let select = format!("SELECT epoch, revision FROM cursors WHERE upstream = $1 {lock}");
    let row = conn
        .query_one_raw(Statement::from_sql_and_values(backend, select, [upstream.into()]))
        .await?
        .ok_or_else(|| DbError::Conflict("the row of a cursor vanished".into()))?;
    Ok(Some(position(&row)?).filter(|position| !position.epoch.is_empty()))
}

async fn set(conn: &DatabaseTransaction, upstream: &str, new: &Position) -> Result<(), DbError> {
    let update = Statement::from_sql_and_values(
        conn.get_database_backend(),
        "UPDATE cursors SET epoch = $2, revision = $3 WHERE upstream = $1",
        [upstream.into(), new.epoch.as_str().into(), new.revision.into()],
    );
    conn.execute_raw(update).await?;
    Ok(())
}

fn position(row: &QueryResult) -> Result<Position, DbError> {
    Ok(Position { epoch: row.try_get("", "epoch")?, revision: row.try_get("", "revision")? })
}

#[cfg(test)]
mod tests;
