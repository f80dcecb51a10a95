use std::time::Duration;

use sea_orm::ConnectionTrait;

use super::{Applied, CursorWait};
use crate::{
    Db, DbError, Position, Tx,
    testing::{PATIENCE, change, worlds},
};

fn at(epoch: &str, revision: i64) -> Position {
    Position { epoch: epoch.into(), revision }
}

async fn apply(db: &Db, expected: Option<&Position>, new: &Position) -> Applied<()> {
    let work = |tx: Tx| async move {
        tx.record(change("mirrored"));
        Ok::<_, DbError>(())
    };
    db.follow_apply("directory", expected, new, work).await.unwrap()
}

#[tokio::test]
async fn a_cursor_moves_only_from_where_it_is_believed() {
    for world in worlds().await {
        let db = &world.db;
        assert_eq!(db.cursor("directory").await.unwrap(), None);
        assert!(matches!(apply(db, None, &at("e", 3)).await, Applied::Done(_)), "{}", world.engine());
        assert_eq!(apply(db, None, &at("e", 4)).await, Applied::Elsewhere(Some(at("e", 3))));
        assert_eq!(apply(db, Some(&at("e", 2)), &at("e", 4)).await, Applied::Elsewhere(Some(at("e", 3))));
        assert_eq!(apply(db, Some(&at("f", 3)), &at("f", 4)).await, Applied::Elsewhere(Some(at("e", 3))));
        let Applied::Done(done) = apply(db, Some(&at("e", 3)), &at("e", 4)).await else { panic!("{}", world.engine()) };
        assert_eq!(done.position.revision, 2);
        // A resync after a restore may begin anywhere.
        assert!(matches!(apply(db, Some(&at("e", 4)), &at("f", 1)).await, Applied::Done(_)));
        assert_eq!(db.cursor("directory").await.unwrap(), Some(at("f", 1)));
        assert_eq!(db.cursor("delegation").await.unwrap(), None);
    }
}

#[tokio::test]
async fn elsewhere_and_failures_leave_nothing() {
    for world in worlds().await {
        let db = &world.db;
        assert_eq!(apply(db, Some(&at("e", 1)), &at("e", 2)).await, Applied::Elsewhere(None), "{}", world.engine());
        let fail = |tx: Tx| async move {
            tx.record(change("mirrored"));
            Err::<(), _>(DbError::other("refused"))
        };
        assert!(db.follow_apply("directory", None, &at("e", 1), fail).await.is_err());
        let (from, to) = (at("e", 2), at("e", 1));
        let back = db.follow_apply("directory", Some(&from), &to, |_| async { Ok::<_, DbError>(()) });
        assert!(back.await.is_err());
        assert_eq!(db.cursor("directory").await.unwrap(), None);
        assert_eq!(db.head().await.unwrap().revision, 0);
        assert_eq!(crate::testing::count(db, "cursors").await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_replicas_one_applies() {
    for world in worlds().await {
        let other = world.replica().await;
        for step in 1..=20 {
            let from = (step > 1).then(|| at("e", step - 1));
            let to = at("e", step);
            let (a, b) = tokio::join!(apply(&world.db, from.as_ref(), &to), apply(&other, from.as_ref(), &to));
            let done = [&a, &b].into_iter().filter(|applied| matches!(applied, Applied::Done(_))).count();
            assert_eq!(done, 1, "{}: {a:?} {b:?}", world.engine());
        }
        assert_eq!(world.db.head().await.unwrap().revision, 20);
    }
}

#[tokio::test]
async fn waiting_for_a_cursor() {
    for world in worlds().await {
        let db = &world.db;
        let short = Duration::from_millis(20);
        assert_eq!(db.wait_cursor("directory", &at("e", 1), short).await.unwrap(), CursorWait::Behind(None));
        let wanted = at("e", 2);
        let (waited, _) = tokio::join!(db.wait_cursor("directory", &wanted, PATIENCE), apply(db, None, &wanted));
        assert_eq!(waited.unwrap(), CursorWait::Reached, "{}", world.engine());
        // Another replica follows.
        let other = world.replica().await;
        apply(&other, Some(&at("e", 2)), &at("e", 5)).await;
        assert_eq!(db.wait_cursor("directory", &at("e", 5), PATIENCE).await.unwrap(), CursorWait::Reached);
        assert_eq!(db.wait_cursor("directory", &at("e", 1), short).await.unwrap(), CursorWait::Reached);
        assert_eq!(
            db.wait_cursor("directory", &at("e", 6), short).await.unwrap(),
            CursorWait::Behind(Some(at("e", 5)))
        );
        let lost = db.wait_cursor("directory", &at("d", 1), PATIENCE).await.unwrap();
        assert_eq!(lost, CursorWait::OtherEpoch(at("e", 5)), "{}", world.engine());
    }
}

#[tokio::test]
async fn an_error_of_the_database_is_reported() {
    for world in worlds().await {
        world.db.writer().execute_unprepared("DROP TABLE cursors").await.unwrap();
        assert!(matches!(world.db.cursor("directory").await, Err(DbError::Other(_))), "{}", world.engine());
        assert!(world.db.wait_cursor("directory", &at("e", 1), PATIENCE).await.is_err());
    }
}
