//! Removing imports whose time has passed.

use std::time::Duration;

use bailiwick_core::Timestamp;
use bailiwick_db::{Db, DbError};
use bailiwick_rpc::BackgroundTask;
use tokio_util::sync::CancellationToken;

use super::risk_purge;
use crate::posture::{
    domain::{ImportState, Problem},
    store,
};

/// How long an import is kept.
const KEPT: Duration = Duration::from_hours(90 * 24);
/// How long an import may be gone on with of which nothing is heard.
const LEFT: Duration = Duration::from_hours(7 * 24);
const EVERY: Duration = Duration::from_mins(10);
/// Imports of one round. Each is a transaction of its own.
const ROUND: u64 = 100;

/// Removes imports older than 90 days, ends those that were left for 7, with their files, and removes risks that were fixed
/// long ago and texts that no risk has any more, of some accounts after others.
pub(crate) fn sweeper(db: Db, shutdown: CancellationToken) -> BackgroundTask {
    let task = async move {
        let work = async {
            let mut purged = None;
            loop {
                match risk_purge::purge(&db, purged).await {
                    Ok(last) => purged = last,
                    Err(error) => tracing::warn!(%error, "risks and texts whose time has passed were not removed"),
                }
                match sweep(&db).await {
                    Ok(swept) if swept >= ROUND => continue,
                    Ok(_) => {}
                    Err(error) => tracing::warn!(%error, "imports whose time has passed were not removed"),
                }
                tokio::time::sleep(EVERY).await;
            }
        };
        shutdown.run_until_cancelled(work).await;
    };
    ("sweep-finding-imports", Box::pin(task))
}

/// One round; returns how many imports it was about.
pub(crate) async fn sweep(db: &Db) -> Result<u64, DbError> {
    let now = db.clock().now();
    let (old, left) = (before(now, KEPT), before(now, LEFT));
    let removed = store::finding_imports_old(db.reader(), old, ROUND).await?;
    for import in &removed {
        db.write("finding_import_remove", |tx| async move {
            store::finding_import_remove(tx.conn(), import.account, &import.id).await
        })
        .await?;
    }
    let dead = store::finding_imports_left(db.reader(), left, ROUND).await?;
    for import in &dead {
        db.write("finding_import_leave", |tx| async move {
            let found = store::finding_import_lock(tx.conn(), import.account, &import.id).await?;
            let stands = |now: &_| import == now && import.state == ImportState::Running;
            let Some(mut import) = found.filter(stands) else { return Ok(()) };
            import.fail(&Problem::at(0, "", "nothing was heard of the import for 7 days"), now);
            store::import_chunks_remove(tx.conn(), import.account, &import.id).await?;
            store::finding_import_save(tx.conn(), &import).await
        })
        .await?;
    }
    Ok(u64::try_from(removed.len().max(dead.len())).unwrap_or_default())
}

pub(super) fn before(now: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_micros(now.as_micros().saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
}
