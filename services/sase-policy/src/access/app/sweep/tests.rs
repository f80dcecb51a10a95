use std::{collections::BTreeSet, sync::Arc};

use bailiwick_core::DirectoryId;
use bailiwick_roster::testing::{Suite, account, directory};
use bailiwick_testkit::{ManualClock, databases};
use sea_orm::{ConnectionTrait, Statement};

use super::*;
use crate::access::{
    domain::{AccessQuery, Alike, AuditEntry, Blocked, Decision, DecisionReason, INSTANCE, Meta, Wanted},
    store::{AuditFilter, DecisionFilter},
};

fn decision(time: Timestamp) -> Decision {
    let query = AccessQuery {
        user: "ann".into(),
        wanted: Wanted::Application("shop".into()),
        device_id: String::new(),
        device: None,
        source: None,
        strength: None,
        groups: BTreeSet::new(),
        attributes: BTreeSet::new(),
    };
    Decision::blocked(&query, DecisionReason::Policy, time)
}

/// An instance that keeps decisions for 2 days, with so many decisions of now, each with another user's count.
async fn filled(db: &Db, directory: DirectoryId, decisions: usize) {
    let now = db.clock().now();
    let instance = SaseInstance {
        meta: Meta::new(directory, "", "alice", now),
        allow_sample_every: 1,
        decision_retention_days: 2,
    };
    let block = AccessBlock {
        meta: Meta::new(directory, "block", "alice", now),
        blocked: Blocked::User("ann".into()),
        account: Some(account(11)),
        reason: String::new(),
        expire: Some(now),
    };
    let (ids, decision): (Vec<_>, _) = ((0..decisions).map(|n| format!("{n:05}")).collect(), decision(now));
    let work = |tx: Tx| {
        let (ids, decision, instance, block) = (&ids, &decision, &instance, &block);
        async move {
            store::instance_save(tx.conn(), instance).await?;
            store::head_lock(tx.conn(), directory).await?;
            store::save(tx.conn(), block).await?;
            let rows: Vec<_> = ids.iter().map(|id| (directory, id.as_str(), decision)).collect();
            store::decisions_save(tx.conn(), &rows).await?;
            store::decision_count(tx.conn(), &Alike::of(directory, decision).unwrap(), 1).await.map(drop)
        }
    };
    db.write("test", work).await.unwrap();
}

/// The decisions, the counts, and the blocks of a directory.
async fn kept(db: &Db, directory: DirectoryId) -> (usize, usize, usize) {
    let filter = DecisionFilter { end: Timestamp::from_micros(i64::MAX), ..<_>::default() };
    let logged = store::decisions(db.reader(), directory, &filter, 10_000).await.unwrap().len();
    let counts = store::past_decisions(db.reader(), directory, Timestamp::from_micros(0), 10_000).await.unwrap().len();
    (logged, counts, store::count(db.reader(), directory, ResourceKind::AccessBlock).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_had_its_time_goes_in_batches_also_past_a_directory_where_it_fails() {
    for database in databases().await {
        let clock = Arc::new(ManualClock::default());
        let suite = Suite::new(&database.url, clock.clone(), crate::migrations).await;
        let db = &suite.db;
        // More than one batch.
        for (n, decisions) in [(1, PURGED as usize + 100), (2, 1), (3, 1)] {
            filled(db, directory(n), decisions).await;
        }
        sweep(db).await.unwrap();
        assert_eq!(kept(db, directory(1)).await, (PURGED as usize + 100, 1, 1), "{}", database.engine);
        // Blocks of the second can no longer be read.
        let broken = |tx: Tx| async move {
            let sql = "UPDATE sase_resources SET body = '{}' WHERE directory = $1";
            let values = [directory(2).to_string().into()];
            let statement = Statement::from_sql_and_values(tx.conn().get_database_backend(), sql, values);
            tx.conn().execute_raw(statement).await?;
            Ok::<_, DbError>(())
        };
        db.write("test", broken).await.unwrap();
        clock.advance(Duration::from_hours(72));
        let new = &decision(db.clock().now());
        let new = |tx: Tx| async move { store::decisions_save(tx.conn(), &[(directory(1), "new", new)]).await };
        db.write("test", new).await.unwrap();
        sweep(db).await.unwrap();
        assert_eq!(kept(db, directory(1)).await, (1, 0, 0), "{}", database.engine);
        assert_eq!(kept(db, directory(2)).await, (0, 0, 1));
        assert_eq!(kept(db, directory(3)).await, (0, 0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_administrators_go_after_their_time_and_the_oldest_beyond_their_number() {
    for database in databases().await {
        let suite = Suite::new(&database.url, Arc::new(ManualClock::default()), crate::migrations).await;
        let db = &suite.db;
        let now = db.clock().now();
        for n in [1, 2] {
            filled(db, directory(n), 1).await;
        }
        let entry = |id: &str, days: u32| AuditEntry {
            id: id.into(),
            time: before(now, Duration::from_hours(24) * days),
            operator: "alice".into(),
            method: "m".into(),
            request_id: String::new(),
            resource: SaseInstance::name_in(directory(1)),
            account: None,
            kind: INSTANCE.into(),
            before: String::new(),
            after: "{}".into(),
        };
        let entries = &[entry("old", 401), entry("kept", 399), entry("new", 0)];
        let save = |tx: Tx| async move {
            for entry in entries {
                store::audit_save(tx.conn(), directory(1), entry).await?;
                store::audit_save(tx.conn(), directory(2), entry).await?;
            }
            Ok::<_, DbError>(())
        };
        db.write("test", save).await.unwrap();
        sweep(db).await.unwrap();
        let ids = |directory: DirectoryId| async move {
            let filter = AuditFilter { end: Timestamp::from_micros(i64::MAX), ..<_>::default() };
            let found = store::audit_entries(db.reader(), directory, &filter, 10).await.unwrap();
            found.into_iter().map(|entry| entry.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(directory(1)).await, ["new", "kept"], "{}", database.engine);
        for (most, oldest) in [(1, Some(entries[2].time)), (2, Some(entries[1].time)), (3, None)] {
            assert_eq!(store::audit_overflow(db.reader(), directory(1), most).await.unwrap(), oldest, "{most}");
        }
        let purge = |tx: Tx| async move { store::audit_purge(tx.conn(), directory(1), entries[2].time, 10).await };
        assert_eq!(db.write("test", purge).await.unwrap().value, 1);
        assert_eq!((ids(directory(1)).await, ids(directory(2)).await.len()), (vec!["new".to_owned()], 2));
    }
}
