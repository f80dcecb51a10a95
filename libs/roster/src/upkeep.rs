//! What runs beside the calls of a service that follows other logs.

use std::time::Duration;

use bailiwick_changelog::Level;
use bailiwick_db::Db;
use bailiwick_rpc::BackgroundTask;
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

/// How often the database is asked whether it is there.
const PROBE: Duration = Duration::from_secs(2);
/// How long it may take to answer.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
const SWEEP: Duration = Duration::from_secs(60);
/// Rows deleted by one statement.
const SWEEP_ROWS: u32 = 1_000;

/// Whether a service can do its work: its database answers, and each follower has been level once.
pub(crate) fn readiness(
    db: Db,
    levels: Vec<Level>,
    shutdown: CancellationToken,
) -> (watch::Receiver<bool>, BackgroundTask) {
    let (ready, receiver) = watch::channel(false);
    let task = async move {
        let work = async {
            for level in &levels {
                level.reached().await;
            }
            loop {
                let answers = matches!(timeout(PROBE_TIMEOUT, db.head()).await, Ok(Ok(_)));
                if ready.send_replace(answers) != answers {
                    tracing::info!(ready = answers, "readiness changed");
                }
                tokio::time::sleep(PROBE).await;
            }
        };
        shutdown.run_until_cancelled(work).await;
    };
    (receiver, ("readiness", Box::pin(task)))
}

/// Deletes the answers of request ids that have expired, some of them at a time.
pub(crate) fn sweeper(db: Db, shutdown: CancellationToken) -> BackgroundTask {
    let task = async move {
        let work = async {
            loop {
                match db.purge_expired(SWEEP_ROWS).await {
                    Ok(purged) if purged >= u64::from(SWEEP_ROWS) => continue,
                    Ok(_) => {}
                    Err(error) => tracing::warn!(%error, "expired request ids were not deleted"),
                }
                tokio::time::sleep(SWEEP).await;
            }
        };
        shutdown.run_until_cancelled(work).await;
    };
    ("sweep", Box::pin(task))
}
