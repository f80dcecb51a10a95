use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use sea_orm::{ConnectionTrait, EntityTrait, QuerySelect, Statement};
use tokio::sync::{Barrier, Mutex};

use crate::{
    Db, DbError, Tx, TxError,
    testing::{World, change, commit, worlds},
};

#[derive(Debug)]
enum Failure {
    Refused,
    Database(DbError),
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        Self::Database(error)
    }
}

impl TxError for Failure {
    fn db(&self) -> Option<&DbError> {
        match self {
            Self::Refused => None,
            Self::Database(error) => Some(error),
        }
    }
}

async fn run(conn: &impl ConnectionTrait, sql: &str) -> Result<(), DbError> {
    conn.execute_raw(Statement::from_string(conn.get_database_backend(), sql)).await?;
    Ok(())
}

async fn tables(world: &World) {
    run(world.db.writer(), "CREATE TABLE things (id bigint PRIMARY KEY, n bigint NOT NULL)").await.unwrap();
    run(world.db.writer(), "INSERT INTO things VALUES (1, 0), (2, 0)").await.unwrap();
}

async fn n(db: &Db, id: i64) -> i64 {
    thing::Entity::find_by_id(id).one(db.reader()).await.unwrap().unwrap().n
}

mod thing {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "things")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub n: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

#[tokio::test]
async fn a_refusal_rolls_back_and_leaves_no_gap() {
    for world in worlds().await {
        tables(&world).await;
        commit(&world.db, "a").await;
        let work = |tx: Tx| async move {
            run(tx.conn(), "UPDATE things SET n = 9").await?;
            tx.record(change("b"));
            Err::<(), _>(Failure::Refused)
        };
        assert!(matches!(world.db.write("refused", work).await, Err(Failure::Refused)));
        assert_eq!(n(&world.db, 1).await, 0, "{}", world.engine());
        assert_eq!(commit(&world.db, "c").await.revision, 2);
    }
}

#[tokio::test]
async fn without_a_change_no_revision_is_taken() {
    for world in worlds().await {
        let head = commit(&world.db, "a").await;
        let done = world.db.write("nothing", |_| async { Ok::<_, DbError>(5) }).await.unwrap();
        assert_eq!((done.value, done.position, done.replayed), (5, head, false), "{}", world.engine());
    }
}

#[tokio::test]
async fn abandoned_work_is_rolled_back() {
    for world in worlds().await {
        tables(&world).await;
        let reached = Arc::new(Barrier::new(2));
        let work = {
            let reached = reached.clone();
            move |tx: Tx| {
                let reached = reached.clone();
                async move {
                    run(tx.conn(), "UPDATE things SET n = 9").await?;
                    reached.wait().await;
                    std::future::pending::<()>().await;
                    Ok::<_, DbError>(())
                }
            }
        };
        let db = world.db.clone();
        let task = tokio::spawn(async move { db.write("abandoned", work).await });
        reached.wait().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(commit(&world.db, "after").await.revision, 1, "{}", world.engine());
        assert_eq!(n(&world.db, 1).await, 0);
    }
}

#[tokio::test]
async fn a_clone_left_behind_fails_the_transaction() {
    for world in worlds().await {
        let kept = Mutex::new(None);
        let kept = &kept;
        let work = |tx: Tx| async move {
            tx.record(change("a"));
            kept.lock().await.replace(tx.clone());
            Ok::<_, DbError>(())
        };
        assert!(matches!(world.db.write("leak", work).await, Err(DbError::Other(_))));
        kept.lock().await.take();
        assert_eq!(world.db.head().await.unwrap().revision, 0, "{}", world.engine());
    }
}

#[tokio::test]
async fn a_conflict_is_tried_five_times() {
    for world in worlds().await {
        let runs = AtomicU32::new(0);
        let runs = &runs;
        let conflict = |until: u32| {
            move |tx: Tx| async move {
                tx.record(change("a"));
                let run = runs.fetch_add(1, Ordering::SeqCst) + 1;
                if run < until { Err(DbError::Conflict("made up".into())) } else { Ok(run) }
            }
        };
        assert_eq!(world.db.write("late", conflict(5)).await.unwrap().value, 5);
        runs.store(0, Ordering::SeqCst);
        assert!(matches!(world.db.write("never", conflict(u32::MAX)).await, Err(DbError::Conflict(_))));
        assert_eq!(runs.load(Ordering::SeqCst), 5, "{}", world.engine());
        assert_eq!(world.db.head().await.unwrap().revision, 1);
    }
}

/// Two transactions lock two rows in opposite orders: PostgreSQL ends one, which is tried again. SQLite runs them one
/// after the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_tried_again() {
    for world in worlds().await {
        tables(&world).await;
        let both = Arc::new(Barrier::new(2));
        let first = Arc::new(AtomicU32::new(0));
        let cross = |ids: [i64; 2]| {
            let (db, both, first) = (world.db.clone(), both.clone(), first.clone());
            let meet = world.engine() == "postgres";
            tokio::spawn(async move {
                let (both, first) = (&both, &first);
                db.write("cross", |tx| async move {
                    run(tx.conn(), &format!("UPDATE things SET n = n + 1 WHERE id = {}", ids[0])).await?;
                    if meet && first.fetch_add(1, Ordering::SeqCst) < 2 {
                        both.wait().await;
                    }
                    run(tx.conn(), &format!("UPDATE things SET n = n + 1 WHERE id = {}", ids[1])).await
                })
                .await
            })
        };
        let (a, b) = (cross([1, 2]), cross([2, 1]));
        a.await.unwrap().unwrap();
        b.await.unwrap().unwrap();
        assert_eq!((n(&world.db, 1).await, n(&world.db, 2).await), (2, 2), "{}", world.engine());
    }
}

/// What each service does with its aggregate: lock, read, decide, write.
#[tokio::test(flavor = "multi_thread")]
async fn a_locked_row_is_not_changed_by_others_meanwhile() {
    for world in worlds().await {
        tables(&world).await;
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let db = world.db.clone();
                tokio::spawn(async move {
                    db.write("add", |tx| async move {
                        let row = thing::Entity::find_by_id(1)
                            .lock_exclusive()
                            .one(tx.conn())
                            .await
                            .map_err(DbError::from)?;
                        tokio::task::yield_now().await;
                        run(tx.conn(), &format!("UPDATE things SET n = {} WHERE id = 1", row.unwrap().n + 1)).await
                    })
                    .await
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        assert_eq!(n(&world.db, 1).await, 8, "{}", world.engine());
    }
}

#[tokio::test]
async fn a_second_row_of_a_key_is_told_apart() {
    for world in worlds().await {
        tables(&world).await;
        let work = |tx: Tx| async move { run(tx.conn(), "INSERT INTO things VALUES (1, 1)").await };
        let error = world.db.write("twice", work).await.unwrap_err();
        assert!(error.is_unique(), "{}: {error:?}", world.engine());
        assert_eq!(error.to_string(), "such a row exists already");
    }
}

#[tokio::test]
async fn a_closed_database_is_unavailable() {
    for world in worlds().await {
        world.db.close().await.unwrap();
        assert!(matches!(world.db.head().await, Err(DbError::Unavailable(_))), "{}", world.engine());
        let work = |_| async { Ok::<_, DbError>(()) };
        assert!(matches!(world.db.write("closed", work).await, Err(DbError::Unavailable(_))));
    }
}

#[tokio::test]
async fn a_connection_lost_in_a_transaction_is_unavailable() {
    for world in worlds().await.into_iter().filter(|world| world.engine() == "postgres") {
        let work = |tx: Tx| async move {
            tx.record(change("a"));
            let kill = "SELECT pg_terminate_backend(pg_backend_pid())";
            run(tx.conn(), kill).await
        };
        let error = world.db.write("lost", work).await.unwrap_err();
        assert!(matches!(error, DbError::Unavailable(_)), "{error:?}");
        assert_eq!(commit(&world.db, "b").await.revision, 1);
    }
}

#[tokio::test]
async fn the_reader_of_sqlite_does_not_write() {
    for world in worlds().await.into_iter().filter(|world| world.engine() == "sqlite") {
        tables(&world).await;
        assert!(run(world.db.reader(), "UPDATE things SET n = 9").await.is_err());
    }
}
