//! Scores by day (E-SC-09).
//!
//! Each write of risks says in its transaction whose score is due; the worker writes those scores as the row of the day,
//! within a minute. With the first pass of a day (UTC) all accounts are due that were scanned or listed: ages grow
//! without a write. Such an account has one row for each day on which the service ran, of what was last known of that day.

use std::time::Duration;

use bailiwick_core::Timestamp;
use bailiwick_db::{Db, DbError, Tx};
use bailiwick_rpc::BackgroundTask;
use tokio_util::sync::CancellationToken;

use super::security_score::scored;
use crate::posture::{
    domain,
    store::{self, ScoreDay},
};

/// How long scores are kept, in days.
const KEPT: i64 = 400;
const EVERY: Duration = Duration::from_secs(10);
const LEASE: &str = "score-history";
const LEASED: Duration = Duration::from_secs(30);
/// Accounts in one transaction.
const BATCH: u32 = 200;
/// Scores that are removed in one transaction.
const PURGED: u32 = 5_000;

/// Writes the scores that are due until `shutdown`. Replicas take turns by a lease.
pub(crate) fn task(db: Db, holder: String, shutdown: CancellationToken) -> BackgroundTask {
    let task = async move {
        let work = async {
            loop {
                match db.try_lease(LEASE, &holder, LEASED).await {
                    Ok(Some(_)) => {
                        if let Err(error) = pass(&db).await {
                            tracing::warn!(%error, "scores of the day were not written");
                        }
                    }
                    Ok(None) => {}
                    Err(error) => tracing::warn!(%error, "the lease of the score history was not asked for"),
                }
                tokio::time::sleep(EVERY).await;
            }
        };
        shutdown.run_until_cancelled(work).await;
    };
    ("score-history", Box::pin(task))
}

/// Writes all scores that are due.
pub(crate) async fn pass(db: &Db) -> Result<(), DbError> {
    let now = db.clock().now();
    let last = store::score_days_last(db.reader()).await?;
    if last.is_none_or(|last| last < domain::day(now)) {
        begin_day(db, now).await?;
    }
    loop {
        let done = db.write("score_day", move |tx: Tx| write_some(tx, db.engine(), now)).await?;
        if done.value < BATCH {
            return Ok(());
        }
    }
}

/// All of it precedes the first score of the day: whoever is interrupted begins again.
async fn begin_day(db: &Db, now: Timestamp) -> Result<(), DbError> {
    let before = domain::day(now) - KEPT + 1;
    let purge = move |tx: Tx| async move { store::score_days_purge(tx.conn(), before, PURGED).await };
    while db.write("score_days_purge", purge).await?.value == u64::from(PURGED) {}
    let mut after = None;
    loop {
        let accounts = store::accounts_with_score(db.reader(), after, BATCH).await?;
        let Some(last) = accounts.last() else {
            return Ok(());
        };
        after = Some(*last);
        let due = &accounts.into_iter().collect();
        db.write("score_day_begin", |tx: Tx| async move { store::score_due_add(tx.conn(), due).await }).await?;
    }
}

/// Writes some scores, and returns how many.
async fn write_some(tx: Tx, engine: bailiwick_db::Engine, now: Timestamp) -> Result<u32, DbError> {
    let (conn, day) = (tx.conn(), domain::day(now));
    let accounts = store::score_due_take(conn, engine, BATCH).await?;
    let scores = scored(conn, &accounts, day).await?;
    let row = |(account, (rules, open)): (&bailiwick_core::AccountId, &(domain::ScoreRules, domain::OpenRisks))| {
        let score = rules.score(open);
        ScoreDay { account: *account, day, score: score.points, open: score.open }
    };
    let rows: Vec<_> = accounts.iter().zip(&scores).map(row).collect();
    store::score_days_save(conn, &rows).await?;
    Ok(u32::try_from(accounts.len()).unwrap_or(BATCH))
}
