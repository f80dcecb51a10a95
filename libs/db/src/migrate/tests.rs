use bailiwick_testkit::databases;
use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait::async_trait};

use crate::{
    DbError,
    testing::{World, commit, count, open},
};

struct Own(&'static str, &'static str);

impl MigrationName for Own {
    fn name(&self) -> &str {
        self.0
    }
}

#[async_trait]
impl MigrationTrait for Own {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        use sea_orm::ConnectionTrait;
        manager.get_connection().execute_unprepared(self.1).await.map(drop)
    }
}

fn own() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(Own("test_0001", "CREATE TABLE own (id bigint PRIMARY KEY)"))]
}

fn broken() -> Vec<Box<dyn MigrationTrait>> {
    let mut migrations = own();
    migrations.push(Box::new(Own("test_0002", "CREATE NONSENSE")));
    migrations
}

#[tokio::test]
async fn migrating_twice_changes_nothing() {
    for database in databases().await {
        let world = World::unmigrated(database).await;
        assert!(matches!(world.db.verify_migrated().await, Err(DbError::NotMigrated(_))), "{}", world.engine());
        world.db.migrate().await.unwrap();
        world.db.verify_migrated().await.unwrap();
        let head = commit(&world.db, "a").await;
        world.db.migrate().await.unwrap();
        assert_eq!(world.db.head().await.unwrap(), head, "{}", world.engine());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_migrate_at_once_do_not_collide() {
    for database in databases().await {
        let mut tasks = Vec::new();
        let world = World::unmigrated(database).await;
        for _ in 0..4 {
            let db = open(&world.database, &world.clock, own).await;
            tasks.push(tokio::spawn(async move {
                db.migrate().await.unwrap();
                db.verify_migrated().await.unwrap();
                db.epoch().await.unwrap()
            }));
        }
        let mut epochs = Vec::new();
        for task in tasks {
            epochs.push(task.await.unwrap());
        }
        epochs.dedup();
        assert_eq!(epochs.len(), 1, "{}", world.engine());
        assert_eq!(count(&world.db, "own").await, 0);
    }
}

#[tokio::test]
async fn a_failed_migration_leaves_nothing_and_the_next_try_works() {
    for database in databases().await {
        let world = World::unmigrated(database).await;
        assert!(open(&world.database, &world.clock, broken).await.migrate().await.is_err());
        let fixed = open(&world.database, &world.clock, own).await;
        assert!(matches!(fixed.verify_migrated().await, Err(DbError::NotMigrated(_))), "{}", world.engine());
        fixed.migrate().await.unwrap();
        fixed.verify_migrated().await.unwrap();
    }
}

#[tokio::test]
async fn a_database_of_a_later_version_is_refused() {
    for database in databases().await {
        let world = World::unmigrated(database).await;
        open(&world.database, &world.clock, own).await.migrate().await.unwrap();
        let error = world.db.verify_migrated().await.unwrap_err();
        assert!(matches!(&error, DbError::NotMigrated(text) if text.contains("test_0001")), "{error:?}");
    }
}

#[tokio::test]
async fn the_epoch_lasts_and_is_of_one_database() {
    let mut epochs = Vec::new();
    for world in crate::testing::worlds().await {
        let epoch = world.db.head().await.unwrap().epoch;
        assert_eq!(epoch.len(), 20);
        world.db.close().await.unwrap();
        let again = world.replica().await;
        again.migrate().await.unwrap();
        assert_eq!(again.epoch().await.unwrap(), epoch, "{}", world.engine());
        again.renew_epoch().await.unwrap();
        epochs.extend([epoch, again.epoch().await.unwrap()]);
    }
    epochs.sort();
    epochs.dedup();
    assert_eq!(epochs.len(), 4);
}
