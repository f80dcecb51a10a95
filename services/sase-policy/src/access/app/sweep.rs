//! Removing what has had its time: decisions of before the retention of their directory, and blocks that have expired.

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
const METHOD: &str = "expire-access-blocks";

/// Sweeps now and then.
pub(crate) fn sweeper(db: Db, shutdown: CancellationToken) -> BackgroundTask {
    let task = async move {
        let work = async {
            loop {
                if let Err(error) = sweep(&db).await {
                    tracing::warn!(%error, "decisions and blocks whose time has passed were not removed");
                }
                tokio::time::sleep(EVERY).await;
            }
        };
        shutdown.run_until_cancelled(work).await;
    };
    ("sweep-sase", Box::pin(task))
}

/// One round.
pub(crate) async fn sweep(db: &Db) -> Result<(), DbError> {
    for instance in store::instances(db.reader()).await? {
        let instance = &instance;
        db.write("sase_sweep", |tx| sweep_one(db, tx, instance)).await?;
    }
    Ok(())
}

async fn sweep_one(db: &Db, tx: Tx, instance: &SaseInstance) -> Result<(), DbError> {
    let (directory, now) = (instance.meta.directory, db.clock().now());
    let kept = Duration::from_hours(24) * instance.decision_retention_days;
    store::decisions_purge(tx.conn(), directory, before(now, kept)).await?;
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
