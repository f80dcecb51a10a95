//! What is due: members whose deletion has waited long enough are ended, and what is kept for a time only is forgotten:
//! finished invitations, expired request ids, verification codes.

use std::time::Duration;

use bailiwick_core::{AccountId, DirectoryId, Role, Timestamp, authz::Tenant};
use bailiwick_db::{DbError, Tx};
use bailiwick_rpc::telemetry::background_failed;
use tokio_util::sync::CancellationToken;

use super::{App, Error, Made};
use crate::{
    domain::{invitation::RETENTION, verification::RATE_WINDOW},
    events, store,
};

/// The method of changes that a sweep makes.
pub(super) const METHOD: &str = "sweep";
const LEASE: &str = "directory-sweep";
const PERIOD: Duration = Duration::from_mins(1);
/// Longer than a sweep takes, shorter than a pause that anyone would notice.
const LEASE_TTL: Duration = Duration::from_mins(4);
/// Most members that one sweep ends, most directories that it looks at, and most rows of each; the rest waits for the
/// next.
const MEMBERS_MAX: u64 = 1_000;
const DIRECTORIES_MAX: u64 = 100;
const INVITATIONS_MAX: u64 = 500;
const REQUEST_IDS_MAX: u32 = 10_000;
const VERIFICATIONS_MAX: u64 = 10_000;
const SIGN_INS_MAX: u64 = 10_000;

impl App {
    /// Sweeps now and then until the shutdown. Of several replicas one does.
    pub async fn sweep_until(&self, shutdown: CancellationToken) {
        let holder = self.random_id();
        while shutdown.run_until_cancelled(tokio::time::sleep(PERIOD)).await.is_some() {
            match self.db.try_lease(LEASE, &holder, LEASE_TTL).await {
                Ok(Some(lease)) => {
                    if let Err(error) = self.sweep().await {
                        tracing::warn!(%error, "a sweep failed; the next one goes on");
                    }
                    if let Err(error) = self.db.release_lease(&lease).await {
                        tracing::debug!(%error, "a lease was not given back; it expires");
                    }
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "no sweep, for its lease cannot be had"),
            }
        }
    }

    /// Does what is due: ends members whose silence period is over (E-DIR-20), forgets invitations that were finished
    /// 30 days ago (E-DIR-35), request ids and verification codes of 24 hours ago, messages that nobody needs any more.
    pub async fn sweep(&self) -> Result<(), Error> {
        self.db.purge_expired(REQUEST_IDS_MAX).await?;
        self.outbox_sweep().await?;
        let before = ago(self.now(), RATE_WINDOW);
        let forget =
            move |tx: Tx| async move { store::verification::delete_before(tx.conn(), before, VERIFICATIONS_MAX).await };
        self.db.write::<_, DbError, _, _>("verification_sweep", forget).await?;
        let now = self.now();
        let forget = move |tx: Tx| async move { store::sign_in::delete_expired(tx.conn(), now, SIGN_INS_MAX).await };
        self.db.write::<_, DbError, _, _>("sign_in_sweep", forget).await?;
        self.end_due(None, MEMBERS_MAX).await?;
        let before = ago(self.now(), RETENTION);
        for id in store::invitation::directories_to_purge(self.db.reader(), before, DIRECTORIES_MAX).await? {
            // What fails in one directory does not keep others from their turn.
            if let Err(error) = self.db.write("sweep", move |tx: Tx| self.purge(tx, id, before)).await {
                tracing::error!(%error, directory.id = %id, "finished invitations could not be forgotten");
                background_failed(Role::Directory, "invitation_sweep");
            }
        }
        Ok(())
    }

    async fn purge(&self, tx: Tx, id: DirectoryId, before: Timestamp) -> Result<(), Error> {
        // It may have been disabled in the meantime, and its invitations with it.
        if store::directory::lock(tx.conn(), id).await?.is_none() {
            return Ok(());
        }
        let due = store::invitation::finished_before(tx.conn(), id, before, INVITATIONS_MAX).await?;
        if due.is_empty() {
            return Ok(());
        }
        let ids = due.iter().map(|invitation| invitation.id.clone()).collect();
        store::invitation::delete(tx.conn(), id, ids).await?;
        let mut accounts: Vec<AccountId> = due.iter().map(|invitation| invitation.account).collect();
        accounts.sort_unstable();
        accounts.dedup();
        let facts = due.iter().map(|invitation| events::invitation_gone(invitation.name())).collect();
        let made = Made { resource: id.name(), tenant: Tenant::Directory(id), accounts, facts };
        self.record_own(&tx, METHOD, self.now(), made);
        Ok(())
    }

    /// Tells whether the database answers, until the shutdown.
    pub async fn watch_database(&self, ready: tokio::sync::watch::Sender<bool>, shutdown: CancellationToken) {
        const PERIOD: Duration = Duration::from_secs(1);
        while shutdown.run_until_cancelled(tokio::time::sleep(PERIOD)).await.is_some() {
            let alive: Result<_, DbError> = self.db.head().await;
            let changed = ready.send_if_modified(|ready| std::mem::replace(ready, alive.is_ok()) != alive.is_ok());
            if changed && let Err(error) = alive {
                tracing::error!(%error, "the database does not answer");
            }
        }
        ready.send_replace(false);
    }
}

/// The moment so long before another.
pub(super) fn ago(now: Timestamp, duration: Duration) -> Timestamp {
    let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(now.as_micros().saturating_sub(micros))
}
