//! Write transactions: named, retried where the database asks for it, numbered at their end.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bailiwick_core::Entropy;
use sea_orm::{DatabaseTransaction, SqliteTransactionMode, TransactionOptions, TransactionTrait};
use tracing::Instrument;

use crate::{ChangeRow, Db, DbError, Position, TxError, idempotency::StoredResponse, log};

/// Times a transaction is tried.
const ATTEMPTS: u32 = 5;
/// Pause before the second attempt; doubled for each further one, and up to as much again at random.
const PAUSE: Duration = Duration::from_millis(5);

/// What a committed transaction returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed<T> {
    /// The result of the work.
    pub value: T,
    /// The position of its last change. If it recorded none, or it is the stored one of before a restore from a backup,
    /// the head, whose changes it may have seen.
    pub position: Position,
    /// Whether the result is the stored one of an earlier request with the same request id.
    pub replayed: bool,
}

/// A running write transaction. Clones are for passing it on; all must be gone when the work ends.
#[derive(Clone)]
pub struct Tx(Arc<Inner>);

struct Inner {
    conn: DatabaseTransaction,
    pending: Mutex<Pending>,
}

/// What is written when the work is done.
#[derive(Default)]
struct Pending {
    changes: Vec<ChangeRow>,
    response: Option<StoredResponse>,
    /// Whether the changes are made by following another log.
    follows: bool,
}

impl Db {
    /// Runs `work` in a write transaction: `BEGIN IMMEDIATE` on SQLite, READ COMMITTED on PostgreSQL, where `work` must
    /// first lock the row of the aggregate that it decides over (`QuerySelect::lock_exclusive`, without effect on
    /// SQLite). An error of `work` rolls back. Serialization failures, deadlocks and busy databases are tried five times,
    /// so `work` may run more than once and must have no other effects; then [`DbError::Conflict`] is returned.
    /// `operation` is for traces.
    pub async fn write<T, E, F, Fut>(&self, operation: &'static str, work: F) -> Result<Committed<T>, E>
    where
        T: Send,
        E: TxError,
        F: Fn(Tx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        self.run(operation, |tx| {
            let work = work(tx);
            async move { Ok((work.await?, None)) }
        })
        .await
    }

    /// As [`Db::write`]; the work may say that its result is the one of an earlier transaction.
    pub(crate) async fn run<T, E, F, Fut>(&self, operation: &'static str, work: F) -> Result<Committed<T>, E>
    where
        T: Send,
        E: TxError,
        F: Fn(Tx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<(T, Option<Position>), E>> + Send,
    {
        let span = tracing::debug_span!("db.write", db.operation = operation);
        async {
            let mut attempt = 1;
            loop {
                let error = match self.attempt(&work).await {
                    Ok(done) => return Ok(done),
                    Err(error) => error,
                };
                if attempt == ATTEMPTS || !error.db().is_some_and(DbError::is_conflict) {
                    return Err(error);
                }
                tracing::debug!(db.attempt = attempt, "transaction is tried again after a conflict");
                tokio::time::sleep(pause(attempt, self.0.deps.entropy.as_ref())).await;
                attempt += 1;
            }
        }
        .instrument(span)
        .await
    }

    async fn attempt<T, E, F, Fut>(&self, work: &F) -> Result<Committed<T>, E>
    where
        T: Send,
        E: TxError,
        F: Fn(Tx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<(T, Option<Position>), E>> + Send,
    {
        let tx = Tx(Arc::new(Inner { conn: begin(self).await?, pending: Mutex::default() }));
        match work(tx.clone()).await {
            Ok((value, replayed)) => {
                let head = tx.commit().await?;
                self.saw_head(&head);
                let again = replayed.is_some();
                // A position of before a restore from a backup would be refused wherever it is shown. What it stood for
                // was in the backup, as the stored result was: it is at or before the head.
                let position = replayed.filter(|stored| stored.epoch == head.epoch).unwrap_or(head);
                Ok(Committed { value, replayed: again, position })
            }
            Err(error) => {
                tx.rollback().await;
                Err(error)
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is where transactions begin")]
pub(crate) async fn begin(db: &Db) -> Result<DatabaseTransaction, DbError> {
    let options = match db.engine() {
        crate::Engine::Sqlite => TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        },
        // READ COMMITTED is set for the whole connection, which saves a statement here.
        crate::Engine::Postgres => TransactionOptions::default(),
    };
    Ok(db.writer().begin_with_options(options).await?)
}

fn pause(attempt: u32, entropy: &dyn Entropy) -> Duration {
    let base = PAUSE * (1 << attempt.min(6));
    let mut random = [0; 1];
    entropy.fill(&mut random);
    base + base * u32::from(random[0]) / 256
}

// === impl Tx ===

impl Tx {
    /// What queries of this transaction are run on.
    pub fn conn(&self) -> &DatabaseTransaction {
        &self.0.conn
    }

    /// Adds a change to be logged at the end of the transaction, after those recorded before; each takes one revision. At
    /// most 10 000 in a transaction: more make it fail.
    pub fn record(&self, change: ChangeRow) {
        self.pending(|pending| pending.changes.push(change));
    }

    /// Says that what is recorded is made by following another log.
    pub(crate) fn follow(&self) {
        self.pending(|pending| pending.follows = true);
    }

    pub(crate) fn respond(&self, response: StoredResponse) {
        self.pending(|pending| pending.response = Some(response));
    }

    fn pending(&self, add: impl FnOnce(&mut Pending)) {
        add(&mut self.0.pending.lock().unwrap_or_else(PoisonError::into_inner));
    }

    async fn commit(self) -> Result<Position, DbError> {
        let inner = Arc::into_inner(self.0)
            .ok_or_else(|| DbError::other("the work of a transaction left a clone of it behind"))?;
        let pending = inner.pending.into_inner().unwrap_or_else(PoisonError::into_inner);
        let limit = if pending.follows { log::FOLLOWED_MAX } else { log::PAYLOAD_MAX };
        let head = log::append(&inner.conn, pending.changes, limit).await?;
        if let Some(response) = pending.response {
            response.store(&inner.conn, &head).await?;
        }
        inner.conn.commit().await?;
        Ok(head)
    }

    /// Waits for the rollback, so that the connection is clean for the next; dropping would only queue it.
    async fn rollback(self) {
        if let Some(inner) = Arc::into_inner(self.0)
            && let Err(error) = inner.conn.rollback().await
        {
            tracing::debug!(%error, "rollback failed; the connection is dropped");
        }
    }
}

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tx")
    }
}

#[cfg(test)]
mod tests;
