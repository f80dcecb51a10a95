//! What the tests of this crate share: the same test on both engines.

use std::{sync::Arc, time::Duration};

use bailiwick_core::{Clock, SystemEntropy};
use bailiwick_testkit::{ManualClock, TestDatabase, databases};
use sea_orm::ConnectionTrait;

use crate::{ChangeRow, Db, DbDeps, DbError, DbOptions, Migrations, Position, Sealer, Tx};

/// A migrated database and what surrounds it.
pub(crate) struct World {
    pub(crate) db: Db,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) database: TestDatabase,
}

/// One on each engine.
pub(crate) async fn worlds() -> Vec<World> {
    let mut worlds = Vec::new();
    for database in databases().await {
        let world = World::unmigrated(database).await;
        world.db.migrate().await.unwrap();
        worlds.push(world);
    }
    worlds
}

impl World {
    pub(crate) async fn unmigrated(database: TestDatabase) -> Self {
        let clock = Arc::new(ManualClock::default());
        let db = open(&database, &clock, Vec::new).await;
        Self { db, clock, database }
    }

    /// Another handle of the same database, as another replica has it.
    pub(crate) async fn replica(&self) -> Db {
        open(&self.database, &self.clock, Vec::new).await
    }

    pub(crate) fn engine(&self) -> &'static str {
        self.database.engine
    }
}

pub(crate) async fn open(database: &TestDatabase, clock: &Arc<ManualClock>, migrations: Migrations) -> Db {
    let deps = DbDeps {
        role: "test",
        migrations,
        clock: clock.clone(),
        entropy: Arc::new(SystemEntropy),
        sealer: Sealer::new([7; 32], Arc::new(SystemEntropy)),
    };
    let options = DbOptions { connections_max: 8, ..DbOptions::default() };
    Db::open(&database.url.parse().unwrap(), &options, deps).await.unwrap()
}

pub(crate) fn change(resource: &str) -> ChangeRow {
    ChangeRow {
        method: "test.v1.Test/Change".into(),
        resource: resource.into(),
        tenant: "directories/rd-1".into(),
        request_id: String::new(),
        time: ManualClock::default().now(),
        payload: resource.as_bytes().to_vec(),
    }
}

/// Makes one change.
pub(crate) async fn commit(db: &Db, resource: &str) -> Position {
    let work = |tx: Tx| async move {
        tx.record(change(resource));
        Ok::<_, DbError>(())
    };
    db.write("commit", work).await.unwrap().position
}

pub(crate) async fn count(db: &Db, table: &str) -> i64 {
    let sql = format!("SELECT count(*) AS n FROM {table}");
    let select = sea_orm::Statement::from_string(ConnectionTrait::get_database_backend(db.reader()), sql);
    db.reader().query_one_raw(select).await.unwrap().unwrap().try_get("", "n").unwrap()
}

/// Long enough for whatever is awaited, short enough for a failing test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
