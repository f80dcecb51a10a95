use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use sea_orm::{ConnectionTrait, Statement};

use super::{IDEMPOTENCY_TTL, IdempotencyKey};
use crate::{
    Committed, Db, DbError, Tx,
    testing::{change, commit, count, worlds},
};

fn key(request_id: &str, content: u8) -> IdempotencyKey {
    IdempotencyKey {
        scope: "accounts/1/users/a".into(),
        method: "test.v1.Test/Create".into(),
        request_id: Some(request_id.into()),
        fingerprint: [content; 32],
    }
}

/// A request that returns a secret and makes one change.
async fn create(db: &Db, key: &IdempotencyKey, secret: &str) -> Result<Committed<String>, DbError> {
    let work = |tx: Tx| async move {
        tx.record(change("r"));
        Ok(secret.to_owned())
    };
    db.write_once("create", key, work).await
}

#[tokio::test]
async fn a_repetition_gets_the_first_response() {
    for world in worlds().await {
        let first = create(&world.db, &key("x", 1), "one").await.unwrap();
        commit(&world.db, "between").await;
        let again = create(&world.replica().await, &key("x", 1), "two").await.unwrap();
        assert_eq!(again, Committed { replayed: true, ..first.clone() }, "{}", world.engine());
        assert!(!first.replayed);
        assert_eq!(world.db.head().await.unwrap().revision, 2);
    }
}

/// What is stored came with the backup; its position of the former epoch would be refused wherever it is shown.
#[tokio::test]
async fn a_repetition_after_a_restore_has_a_position_of_the_new_epoch() {
    for world in worlds().await {
        let first = create(&world.db, &key("x", 1), "one").await.unwrap();
        world.db.renew_epoch().await.unwrap();
        let head = commit(&world.db, "after").await;
        assert_ne!(head.epoch, first.position.epoch);
        let again = create(&world.db, &key("x", 1), "two").await.unwrap();
        let expected = Committed { value: first.value, position: head, replayed: true };
        assert_eq!(again, expected, "{}", world.engine());
    }
}

#[tokio::test]
async fn another_content_or_scope_is_another_request() {
    for world in worlds().await {
        create(&world.db, &key("x", 1), "one").await.unwrap();
        let reused = create(&world.db, &key("x", 2), "two").await;
        assert!(matches!(reused, Err(DbError::RequestIdReused)), "{}", world.engine());
        let other = IdempotencyKey { scope: "accounts/1/users/b".into(), ..key("x", 2) };
        assert_eq!(create(&world.db, &other, "three").await.unwrap().value, "three");
        assert_eq!(create(&world.db, &key("y", 1), "four").await.unwrap().value, "four");
        let none = IdempotencyKey { request_id: None, ..key("", 1) };
        assert_eq!(create(&world.db, &none, "five").await.unwrap().value, "five");
        assert_eq!(create(&world.db, &none, "six").await.unwrap().value, "six");
        assert_eq!(count(&world.db, "idempotency").await, 3);
    }
}

#[tokio::test]
async fn a_failure_is_not_remembered() {
    for world in worlds().await {
        let refuse = |_| async { Err::<String, _>(DbError::other("refused")) };
        world.db.write_once("create", &key("x", 1), refuse).await.unwrap_err();
        let done = create(&world.db, &key("x", 2), "one").await.unwrap();
        assert_eq!((done.value.as_str(), done.position.revision), ("one", 1), "{}", world.engine());
    }
}

#[tokio::test]
async fn an_expired_request_id_is_forgotten() {
    for world in worlds().await {
        create(&world.db, &key("x", 1), "one").await.unwrap();
        world.clock.advance(IDEMPOTENCY_TTL - Duration::from_micros(1));
        assert!(create(&world.db, &key("x", 1), "two").await.unwrap().replayed, "{}", world.engine());
        world.clock.advance(Duration::from_micros(1));
        assert_eq!(create(&world.db, &key("x", 2), "three").await.unwrap().value, "three");
    }
}

#[tokio::test]
async fn purging_is_bounded_and_takes_only_what_expired() {
    for world in worlds().await {
        for id in ["a", "b", "c"] {
            create(&world.db, &key(id, 1), id).await.unwrap();
        }
        world.clock.advance(IDEMPOTENCY_TTL);
        create(&world.db, &key("d", 1), "d").await.unwrap();
        assert_eq!(world.db.purge_expired(2).await.unwrap(), 2, "{}", world.engine());
        assert_eq!(world.db.purge_expired(2).await.unwrap(), 1);
        assert_eq!(count(&world.db, "idempotency").await, 1);
        assert!(create(&world.db, &key("d", 1), "e").await.unwrap().replayed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_at_once_is_done_once() {
    for world in worlds().await {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        RUNS.store(0, Ordering::SeqCst);
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let db = world.db.clone();
                tokio::spawn(async move {
                    let work = |tx: Tx| async move {
                        tx.record(change("r"));
                        tokio::task::yield_now().await;
                        Ok::<_, DbError>(RUNS.fetch_add(1, Ordering::SeqCst))
                    };
                    db.write_once("create", &key("x", 1), work).await.unwrap()
                })
            })
            .collect();
        let mut replayed = 0;
        for task in tasks {
            let done = task.await.unwrap();
            assert_eq!((done.value, done.position.revision), (0, 1), "{}", world.engine());
            replayed += u32::from(done.replayed);
        }
        assert_eq!((replayed, RUNS.load(Ordering::SeqCst)), (7, 1));
    }
}

#[tokio::test]
async fn the_stored_response_is_unreadable_and_bound_to_its_row() {
    for world in worlds().await {
        create(&world.db, &key("x", 1), "very secret").await.unwrap();
        create(&world.db, &key("y", 1), "other").await.unwrap();
        let backend = ConnectionTrait::get_database_backend(world.db.writer());
        let select = Statement::from_string(backend, "SELECT response FROM idempotency WHERE request_id = 'x'");
        let row = world.db.writer().query_one_raw(select).await.unwrap().unwrap();
        let stored: Vec<u8> = row.try_get("", "response").unwrap();
        assert!(!stored.windows(6).any(|part| part == b"secret"), "{}", world.engine());
        let swap = "UPDATE idempotency SET response = (SELECT response FROM idempotency WHERE request_id = 'x')";
        world.db.writer().execute_unprepared(swap).await.unwrap();
        assert!(matches!(create(&world.db, &key("y", 1), "new").await, Err(DbError::Other(_))));
    }
}
