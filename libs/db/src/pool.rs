//! Opening the connections.

use std::time::Duration;

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DbErr,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};

use crate::{DatabaseUrl, DbError, Engine};

/// Bounds of the connections of one [`crate::Db`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DbOptions {
    /// Most connections at once: of the one pool on PostgreSQL, of the readers on SQLite (which has one writer).
    pub connections_max: u32,
    /// How long a call waits for a free connection before it fails as unavailable.
    pub acquire_timeout: Duration,
    /// How long one statement may run on PostgreSQL.
    pub statement_timeout: Duration,
}

/// A transaction that waits for its own program longer than this is ended by PostgreSQL.
const IDLE_IN_TRANSACTION: Duration = Duration::from_secs(30);
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const OPEN_ATTEMPTS: u32 = 5;
const OPEN_PAUSE: Duration = Duration::from_millis(50);
const PING_AFTER_IDLE: Duration = Duration::from_secs(1);

impl Default for DbOptions {
    fn default() -> Self {
        Self {
            connections_max: 10,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
        }
    }
}

/// The pools: the same one twice on PostgreSQL.
pub(crate) struct Pools {
    pub(crate) writer: DatabaseConnection,
    pub(crate) reader: DatabaseConnection,
}

impl Pools {
    pub(crate) async fn open(url: &DatabaseUrl, options: &DbOptions, role: &str) -> Result<Self, DbError> {
        match url.engine() {
            Engine::Sqlite => {
                let writer = connect(sqlite(url, options, 1, true)).await?;
                let reader = connect(sqlite(url, options, options.connections_max.max(1), false)).await?;
                Ok(Self { writer, reader })
            }
            Engine::Postgres => {
                let pool = connect(postgres(url, options, role)).await?;
                Ok(Self { writer: pool.clone(), reader: pool })
            }
        }
    }
}

/// Changing a new file to WAL takes a lock that SQLite's busy time-out does not wait for, so that two that open it at
/// once collide.
async fn connect(options: ConnectOptions) -> Result<DatabaseConnection, DbError> {
    let mut attempt = 1;
    loop {
        let error = match Database::connect(options.clone()).await.map_err(DbError::from) {
            Ok(pool) => return Ok(pool),
            Err(error) => error,
        };
        if attempt == OPEN_ATTEMPTS || !error.is_conflict() {
            return Err(error);
        }
        tokio::time::sleep(OPEN_PAUSE * attempt).await;
        attempt += 1;
    }
}

fn bounded(url: &str, options: &DbOptions, connections: u32) -> ConnectOptions {
    let mut connect = ConnectOptions::new(url);
    connect
        .max_connections(connections)
        .acquire_timeout(options.acquire_timeout)
        .test_before_acquire_if_idle_for(PING_AFTER_IDLE)
        .sqlx_logging(false);
    connect
}

fn sqlite(url: &DatabaseUrl, options: &DbOptions, connections: u32, writes: bool) -> ConnectOptions {
    let mut connect = bounded(url.as_str(), options, connections);
    connect.map_sqlx_sqlite_opts(move |sqlite| {
        let sqlite = sqlite.busy_timeout(BUSY_TIMEOUT).foreign_keys(true).synchronous(SqliteSynchronous::Full);
        if writes { sqlite.journal_mode(SqliteJournalMode::Wal) } else { sqlite.pragma("query_only", "ON") }
    });
    // The connections are to a file: nothing is gained by closing them.
    connect.idle_timeout(None).max_lifetime(None);
    connect
}

fn postgres(url: &DatabaseUrl, options: &DbOptions, role: &str) -> ConnectOptions {
    let mut connect = bounded(url.as_str(), options, options.connections_max.max(2));
    connect.set_application_name(format!("bailiwick-{role}")).statement_timeout(options.statement_timeout);
    connect.map_sqlx_postgres_opts(|postgres| {
        postgres.options([
            ("default_transaction_isolation", "read committed".to_owned()),
            // A plan that is kept was made for the table as it was then, and for no tenant in particular: one of the
            // first minutes reads whole tables for the rest of the connection's life.
            ("plan_cache_mode", "force_custom_plan".to_owned()),
            ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION.as_millis().to_string()),
        ])
    });
    connect
}

/// Marks the pools closed; what is running ends first.
pub(crate) async fn close(pools: &Pools) -> Result<(), DbErr> {
    pools.reader.close_by_ref().await?;
    pools.writer.close_by_ref().await
}

#[cfg(test)]
mod tests;
