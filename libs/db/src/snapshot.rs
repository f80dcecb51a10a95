//! Several queries that see one moment, and the position of that moment: what a list before a watch needs.

use std::{fmt, sync::Arc};

use sea_orm::{
    AccessMode, DatabaseTransaction, IsolationLevel, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use tracing::Instrument;

use crate::{Db, DbError, Engine, Position, TxError, log};

/// A value and the position at which it was true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// All changes up to this one are in it, and no later one.
    pub position: Position,
}

/// A running read transaction.
#[derive(Clone)]
pub struct Snapshot(Arc<DatabaseTransaction>);

impl Db {
    /// Runs `work`, whose queries all see the database at one revision. It cannot write, and takes no lock. On SQLite a
    /// long one keeps the write-ahead log from being shortened: bound what is read.
    pub async fn snapshot<T, E, F, Fut>(&self, operation: &'static str, work: F) -> Result<At<T>, E>
    where
        T: Send,
        E: TxError,
        F: FnOnce(Snapshot) -> Fut + Send,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        let span = tracing::debug_span!("db.snapshot", db.operation = operation);
        async {
            let conn = Arc::new(begin(self).await?);
            // Also the first statement, which on both engines is what fixes the moment.
            let position = log::read_head(conn.as_ref()).await?;
            let value = work(Snapshot(conn.clone())).await?;
            if let Some(conn) = Arc::into_inner(conn) {
                conn.rollback().await.map_err(DbError::from)?;
            }
            Ok(At { value, position })
        }
        .instrument(span)
        .await
    }
}

#[expect(clippy::disallowed_methods, reason = "this is where transactions begin")]
async fn begin(db: &Db) -> Result<DatabaseTransaction, DbError> {
    let options = match db.engine() {
        Engine::Sqlite => TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Deferred),
            ..TransactionOptions::default()
        },
        Engine::Postgres => TransactionOptions {
            isolation_level: Some(IsolationLevel::RepeatableRead),
            access_mode: Some(AccessMode::ReadOnly),
            sqlite_transaction_mode: None,
        },
    };
    Ok(db.reader().begin_with_options(options).await?)
}

impl Snapshot {
    /// What queries of this snapshot are run on.
    pub fn conn(&self) -> &DatabaseTransaction {
        &self.0
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Snapshot")
    }
}

#[cfg(test)]
mod tests;
