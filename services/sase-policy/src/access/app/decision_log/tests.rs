use std::{net::IpAddr, sync::Arc};

use bailiwick_core::Timestamp;
use bailiwick_roster::testing::{Suite, directory};
use bailiwick_testkit::{ManualClock, databases};
use futures::future::join_all;
use sea_orm::{ConnectionTrait, Statement};

use super::*;
use crate::access::{
    domain::{AccessQuery, DecisionReason, PastDecisions, Wanted},
    store::DecisionFilter,
};

fn decided(n: usize, action: Action) -> Vec<Decided> {
    let query = AccessQuery {
        user: "ann".into(),
        wanted: Wanted::Application("shop".into()),
        device_id: String::new(),
        device: None,
        source: None::<IpAddr>,
        strength: None,
        groups: <_>::default(),
        attributes: <_>::default(),
    };
    let time = Timestamp::from_micros(1_000_000);
    let decision = Decision {
        action,
        application: "shop".into(),
        decided_by: "p".into(),
        ..Decision::blocked(&query, DecisionReason::Policy, time)
    };
    vec![Decided { id: format!("{n:05}"), decision }]
}

/// How many are in the log, and how many were counted.
async fn found(db: &Db, action: Action) -> (usize, i64) {
    let filter = DecisionFilter { end: Timestamp::from_micros(i64::MAX), action: Some(action), ..<_>::default() };
    let logged = store::decisions(db.reader(), directory(1), &filter, 10_000).await.unwrap().len();
    let past = store::past_decisions(db.reader(), directory(1), Timestamp::from_micros(0), 10_000).await.unwrap();
    (logged, past.iter().filter(|past| past.action == action).map(|past: &PastDecisions| past.count).sum())
}

async fn run(db: &Db, sql: &'static str) {
    let work = |tx: Tx| async move {
        let statement = Statement::from_string(tx.conn().get_database_backend(), sql);
        tx.conn().execute_raw(statement).await?;
        Ok::<_, DbError>(())
    };
    db.write("test", work).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_is_written_when_it_is_told_and_the_rest_when_the_log_ends() {
    for database in databases().await {
        let suite = Suite::new(&database.url, Arc::new(ManualClock::default()), crate::migrations).await;
        let (log, writer) = decision_log(suite.db.clone());
        let shutdown = CancellationToken::new();
        let (_, task) = writer.task(shutdown.clone());
        let writing = tokio::spawn(task);
        for n in 0..20 {
            log.note(directory(1), decided(n, Action::Block)).await.unwrap();
            assert_eq!(found(&suite.db, Action::Block).await, (n + 1, n as i64 + 1), "{}", database.engine);
        }
        // Without an instance all are sampled.
        join_all((100..500).map(|n| log.note(directory(1), decided(n, Action::Allow)))).await;
        log.flush(directory(1)).await.unwrap();
        assert_eq!(found(&suite.db, Action::Allow).await, (400, 400));
        shutdown.cancel();
        join_all((500..900).map(|n| log.note(directory(1), decided(n, Action::Allow)))).await;
        drop(log);
        writing.await.unwrap();
        assert_eq!(found(&suite.db, Action::Allow).await, (800, 800), "a shutdown drains");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_finds_the_queue_full_is_counted_and_blocks_wait() {
    for database in databases().await {
        let suite = Suite::new(&database.url, Arc::new(ManualClock::default()), crate::migrations).await;
        let (log, mut writer) = sized(suite.db.clone(), 10);
        for n in 0..25 {
            log.note(directory(1), decided(n, Action::Allow)).await.unwrap();
        }
        let blocked = log.note(directory(1), decided(50, Action::Block));
        let lost = async {
            writer.notes.recv_many(&mut writer.queue, 10).await;
            let counted = lock(&writer.counted).clone();
            let work = |tx: Tx| {
                let (queue, counted) = (&writer.queue, &counted);
                async move { write(&tx, queue, counted).await }
            };
            // Tried, and not committed: an error rolls back.
            let (sender, receiver) = oneshot::channel();
            let sender = Mutex::new(Some(sender));
            let tried = suite.db.write("test", |tx: Tx| {
                let work = work(tx);
                let sender = &sender;
                async move {
                    let lost = work.await?;
                    sender.lock().unwrap().take().map(|sender| sender.send(lost));
                    Err::<(), _>(DbError::RequestIdReused)
                }
            });
            tried.await.unwrap_err();
            let lost = receiver.await.unwrap();
            tokio::spawn(writer.task(CancellationToken::new()).1);
            lost
        };
        let (blocked, lost) = tokio::join!(blocked, lost);
        blocked.unwrap();
        assert_eq!(lost, 15, "{}", database.engine);
        assert_eq!(found(&suite.db, Action::Block).await, (1, 1));
        assert_eq!(found(&suite.db, Action::Allow).await, (10, 25), "counted exactly");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nothing_can_be_written_blocks_fail_and_what_allowed_is_kept() {
    for database in databases().await {
        let suite = Suite::new(&database.url, Arc::new(ManualClock::default()), crate::migrations).await;
        let (log, writer) = decision_log(suite.db.clone());
        tokio::spawn(writer.task(CancellationToken::new()).1);
        run(&suite.db, "ALTER TABLE sase_decisions RENAME TO sase_decisions_away").await;
        log.note(directory(1), decided(1, Action::Allow)).await.unwrap();
        log.note(directory(1), decided(2, Action::Block)).await.unwrap_err();
        run(&suite.db, "ALTER TABLE sase_decisions_away RENAME TO sase_decisions").await;
        log.flush(directory(1)).await.unwrap();
        assert_eq!(found(&suite.db, Action::Allow).await, (1, 1), "{}", database.engine);
        assert_eq!(found(&suite.db, Action::Block).await, (0, 0), "nobody was told of it");
    }
}
