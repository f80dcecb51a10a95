//! Removing what has had its time: decisions of before the retention of their directory, and blocks that have expired.

#[cfg(test)]
mod tests;

use std::time::Duration;

use bailiwick_changelog::Recorded;
use bailiwick_core::{Role, Timestamp, authz::Tenant};
use bailiwick_db::{Db, DbError, Tx};
use bailiwick_rpc::BackgroundTask;
use tokio_util::sync::CancellationToken;

use crate::access::{
    domain::{AccessBlock, Resource, ResourceKind, SaseInstance},
    store,
};

const EVERY: Duration = Duration::from_mins(10);
/// How long a block is kept that has expired.
const EXPIRED_KEPT: Duration = Duration::from_hours(24);
/// How long changes are kept that administrators made, and how many of a directory.
const AUDIT_KEPT: Duration = Duration::from_hours(400 * 24);
const AUDIT_MAX: u32 = 100_000;
/// Rows that are removed in one transaction.
const PURGED: u32 = 5_000;
const METHOD: &str = "expire-access-blocks";

/// Sweeps now and then.
pub(crate) fn sweeper(db: Db, shutdown: CancellationToken) -> BackgroundTask {
    let task = async move {
        let work = async {
            loop {
                if let Err(error) = sweep(&db).await {
                    tracing::warn!(%error, "instances were not read, and nothing was removed whose time has passed");
                }
                tokio::time::sleep(EVERY).await;
            }
        };
        shutdown.run_until_cancelled(work).await;
    };
    ("sweep-sase", Box::pin(task))
}

/// One round. A directory where it fails keeps no other waiting.
pub(crate) async fn sweep(db: &Db) -> Result<(), DbError> {
    for instance in store::instances(db.reader()).await? {
        if let Err(error) = sweep_one(db, &instance).await {
            let directory = instance.meta.directory;
            tracing::warn!(%directory, %error, "decisions and blocks whose time has passed were not removed");
        }
    }
    Ok(())
}

async fn sweep_one(db: &Db, instance: &SaseInstance) -> Result<(), DbError> {
    let directory = instance.meta.directory;
    let kept = before(db.clock().now(), Duration::from_hours(24) * instance.decision_retention_days);
    let purge = move |tx: Tx| async move { store::decisions_purge(tx.conn(), directory, kept, PURGED).await };
    while db.write("sase_decisions_purge", purge).await?.value == u64::from(PURGED) {}
    let purge = move |tx: Tx| async move { store::decision_counts_purge(tx.conn(), directory, kept, PURGED).await };
    while db.write("sase_decision_counts_purge", purge).await?.value == u64::from(PURGED) {}
    let overflow = store::audit_overflow(db.reader(), directory, AUDIT_MAX).await?;
    let kept = overflow.into_iter().chain([before(db.clock().now(), AUDIT_KEPT)]).max().unwrap_or_default();
    let purge = move |tx: Tx| async move { store::audit_purge(tx.conn(), directory, kept, PURGED).await };
    while db.write("sase_audit_purge", purge).await?.value == u64::from(PURGED) {}
    db.write("sase_sweep", |tx| expire_blocks(db, tx, instance)).await.map(drop)
}

async fn expire_blocks(db: &Db, tx: Tx, instance: &SaseInstance) -> Result<(), DbError> {
    let (directory, now) = (instance.meta.directory, db.clock().now());
    store::head_lock(tx.conn(), directory).await?;
    let blocks = store::all::<AccessBlock>(tx.conn(), directory).await?;
    let mut names = Vec::new();
    for block in blocks.values() {
        if !block.stands(before(now, EXPIRED_KEPT)) {
            store::remove(tx.conn(), directory, ResourceKind::AccessBlock, &block.meta.id).await?;
            names.push(block.name());
        }
    }
    if names.is_empty() {
        return Ok(());
    }
    store::generation_next(tx.conn(), directory).await?;
    let recorded = Recorded {
        resource: directory.name(),
        tenant: Tenant::Directory(directory),
        accounts: Vec::new(),
        request_id: String::new(),
        facts: Vec::new(),
    };
    tx.record(recorded.of_items_by_service(names, Role::SasePolicy, METHOD, now));
    Ok(())
}

fn before(now: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_micros(now.as_micros().saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
}
