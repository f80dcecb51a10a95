//! The handle of a service's database.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use bailiwick_core::{Clock, Entropy};
use sea_orm::DatabaseConnection;
use tokio::{
    sync::{Mutex, watch},
    time::Instant,
};

use crate::{
    DatabaseUrl, DbError, DbOptions, Engine, Migrations, Position, Sealer,
    pool::{self, Pools},
};

/// How old what is known of other replicas' commits may be while somebody waits for one.
pub(crate) const POLL: Duration = Duration::from_millis(200);

/// What a [`Db`] is given from outside.
#[derive(Clone)]
pub struct DbDeps {
    /// Name of the role that owns the database, shown by the server's own tools.
    pub role: &'static str,
    /// The service's own migrations, after the common ones; in order, each name unique.
    pub migrations: Migrations,
    /// Now, for expiry.
    pub clock: Arc<dyn Clock>,
    /// For the epoch and for jitter.
    pub entropy: Arc<dyn Entropy>,
    /// Seals stored responses. Its key must come from outside the database.
    pub sealer: Sealer,
}

/// A service's database. Cheap to clone.
#[derive(Clone)]
pub struct Db(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) engine: Engine,
    pub(crate) pools: Pools,
    pub(crate) deps: DbDeps,
    /// The latest head known here: by own commits and by reading.
    pub(crate) head: watch::Sender<Option<Position>>,
    /// The latest cursors known here, by upstream.
    pub(crate) cursors: watch::Sender<BTreeMap<String, Position>>,
    pub(crate) head_read: Poll,
    pub(crate) cursors_read: Poll,
}

/// When something was last read, so that any number of waiters cost one query for each [`POLL`].
#[derive(Default)]
pub(crate) struct Poll(Mutex<Option<Instant>>);

// === impl Db ===

impl Db {
    /// Opens the pools. The schema is not looked at: see [`Db::migrate`] and [`Db::verify_migrated`].
    pub async fn open(url: &DatabaseUrl, options: &DbOptions, deps: DbDeps) -> Result<Self, DbError> {
        let pools = Pools::open(url, options, deps.role).await?;
        Ok(Self(Arc::new(Inner {
            engine: url.engine(),
            pools,
            deps,
            head: watch::Sender::new(None),
            cursors: watch::Sender::new(BTreeMap::new()),
            head_read: Poll::default(),
            cursors_read: Poll::default(),
        })))
    }

    /// For queries outside a transaction; on SQLite it refuses to write. Not to be used inside [`Db::write`]: a second
    /// connection there does not see the transaction, and can starve the pool.
    pub fn reader(&self) -> &DatabaseConnection {
        &self.0.pools.reader
    }

    /// The engine.
    pub fn engine(&self) -> Engine {
        self.0.engine
    }

    /// The clock that expiry is measured by.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.deps.clock
    }

    /// Ends all connections, after what is running.
    pub async fn close(&self) -> Result<(), DbError> {
        Ok(pool::close(&self.0.pools).await?)
    }

    pub(crate) fn writer(&self) -> &DatabaseConnection {
        &self.0.pools.writer
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Db({}, {:?})", self.0.deps.role, self.0.engine)
    }
}

// === impl Poll ===

impl Poll {
    /// Runs `read` unless another waiter did within [`POLL`].
    pub(crate) async fn once<F>(&self, read: impl FnOnce() -> F + Send) -> Result<(), DbError>
    where
        F: Future<Output = Result<(), DbError>> + Send,
    {
        let mut last = self.0.lock().await;
        if last.is_none_or(|at| at.elapsed() >= POLL) {
            read().await?;
            *last = Some(Instant::now());
        }
        Ok(())
    }
}
