use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;

use super::{FOLLOWED_MAX, PAYLOAD_MAX};
use crate::{
    ChangeRow, DbError, Position, Tx,
    testing::{PATIENCE, change, commit, worlds},
};

#[tokio::test(flavor = "multi_thread")]
async fn commit_order_is_revision_order_without_gaps() {
    for world in worlds().await {
        let replicas = [Arc::new(world.db.clone()), Arc::new(world.replica().await)];
        let tail = {
            let reader = world.replica().await;
            tokio::spawn(async move {
                let mut seen = Vec::new();
                while seen.len() < 400 {
                    let after = seen.last().copied().unwrap_or(0);
                    seen.extend(reader.changes_after(after, 1000).await.unwrap().iter().map(|c| c.revision));
                    tokio::task::yield_now().await;
                }
                seen
            })
        };
        let mut writers = JoinSet::new();
        for writer in 0..8 {
            let db = replicas[writer % if world.engine() == "postgres" { 2 } else { 1 }].clone();
            writers.spawn(async move {
                let mut positions = Vec::new();
                for i in 0..50 {
                    positions.push(commit(&db, &format!("r/{writer}/{i}")).await.revision);
                }
                assert!(positions.is_sorted());
                positions
            });
        }
        let mut taken: Vec<i64> = writers.join_all().await.concat();
        taken.sort_unstable();
        let expected: Vec<i64> = (1..=400).collect();
        assert_eq!(taken, expected, "{}", world.engine());
        // A reader that once saw n + 1 before n would have skipped n for good.
        let seen = tokio::time::timeout(PATIENCE, tail).await.unwrap().unwrap();
        assert_eq!(seen, expected, "{}", world.engine());
    }
}

#[tokio::test]
async fn several_changes_of_a_transaction_stand_together_and_in_order() {
    for world in worlds().await {
        commit(&world.db, "first").await;
        let many = async |count: usize| {
            let work = |tx: Tx| async move {
                (0..count).for_each(|i| tx.record(change(&format!("r/{i}"))));
                Ok::<_, DbError>(())
            };
            world.db.write("many", work).await
        };
        // More than one `INSERT` holds.
        assert_eq!(many(450).await.unwrap().position.revision, 451);
        let read = world.db.changes_after(1, 1000).await.unwrap();
        let expected: Vec<_> = (0..450).map(|i| (i + 2, change(&format!("r/{i}")))).collect();
        assert_eq!(
            read.into_iter().map(|c| (c.revision, c.change)).collect::<Vec<_>>(),
            expected,
            "{}",
            world.engine()
        );
        assert!(matches!(many(10_001).await, Err(DbError::Other(_))));
        assert_eq!(world.db.head().await.unwrap().revision, 451);
    }
}

#[tokio::test]
async fn reading_is_bounded_in_rows_and_bytes() {
    for world in worlds().await {
        for _ in 0..6 {
            world.db.write("large", |tx: Tx| large(tx, PAYLOAD_MAX)).await.unwrap();
        }
        let revisions = async |after, limit| {
            let read = world.db.changes_after(after, limit).await.unwrap();
            read.iter().map(|c| c.revision).collect::<Vec<_>>()
        };
        assert_eq!(revisions(0, 1000).await, [1, 2, 3], "{}", world.engine());
        assert_eq!(revisions(3, 1000).await, [4, 5, 6]);
        assert_eq!(revisions(1, 1).await, [2]);
        assert_eq!(revisions(6, 1000).await, Vec::<i64>::new());
    }
}

/// What is too large for the log is refused by whoever would write it, and nothing of it stays. A follower may write more,
/// for it repeats what another wrote.
#[tokio::test]
async fn a_change_that_is_too_large_is_refused_where_it_is_made() {
    for world in worlds().await {
        let over = PAYLOAD_MAX + 1;
        let refused = world.db.write("large", |tx: Tx| large(tx, over)).await.unwrap_err();
        let DbError::ChangeTooLarge { resource, bytes, limit } = &refused else { panic!("{refused:?}") };
        assert_eq!((resource.as_str(), *bytes, *limit), ("large", over, PAYLOAD_MAX), "{}", world.engine());
        assert_eq!(refused.to_string(), "the change of `large` has 1572865 bytes; a change has 1572864 at most");
        assert_eq!(world.db.head().await.unwrap().revision, 0);

        let at = |revision| Position { epoch: "e".to_owned(), revision };
        let follow = async |from: Option<i64>, to, bytes| {
            world.db.follow_apply("directory", from.map(at).as_ref(), &at(to), |tx: Tx| large(tx, bytes)).await
        };
        follow(None, 1, FOLLOWED_MAX).await.unwrap();
        let refused = follow(Some(1), 2, FOLLOWED_MAX + 1).await.unwrap_err();
        assert!(matches!(refused, DbError::ChangeTooLarge { limit: FOLLOWED_MAX, .. }), "{refused:?}");
        assert_eq!(world.db.head().await.unwrap().revision, 1, "{}", world.engine());
    }
}

async fn large(tx: Tx, bytes: usize) -> Result<(), DbError> {
    tx.record(ChangeRow { payload: vec![7; bytes], ..change("large") });
    Ok(())
}

#[tokio::test]
async fn a_waiter_is_woken_by_a_local_commit() {
    for world in worlds().await {
        let start = world.db.head().await.unwrap();
        let waiter = tokio::spawn({
            let (db, start) = (world.db.clone(), start.clone());
            async move { db.wait_beyond(&start, PATIENCE).await.unwrap() }
        });
        let made = commit(&world.db, "r").await;
        assert_eq!(waiter.await.unwrap(), made, "{}", world.engine());
    }
}

#[tokio::test]
async fn a_waiter_sees_the_commit_of_another_replica() {
    for world in worlds().await {
        let start = world.db.head().await.unwrap();
        let other = world.replica().await;
        let made = commit(&other, "r").await;
        assert_eq!(world.db.wait_beyond(&start, PATIENCE).await.unwrap(), made, "{}", world.engine());
    }
}

#[tokio::test]
async fn waiting_ends_in_time_and_at_another_epoch() {
    for world in worlds().await {
        let head = world.db.head().await.unwrap();
        assert_eq!(world.db.wait_beyond(&head, Duration::from_millis(20)).await.unwrap(), head);
        let lost = Position { epoch: "lost".into(), revision: 100 };
        assert_eq!(world.db.wait_beyond(&lost, PATIENCE).await.unwrap(), head, "{}", world.engine());
    }
}
