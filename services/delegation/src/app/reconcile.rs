//! Releases claims that nothing needs: a crash between claim and use leaves them.

use std::{collections::BTreeMap, time::Duration};

use bailiwick_core::{Entropy, random_token};
use tokio_util::sync::CancellationToken;

use super::{
    App, Error,
    claims::{Behalf, Claim, ClaimKind, ClaimSet},
};

/// A younger claim may be on its way to being used.
const GRACE: Duration = Duration::from_secs(60);
/// Most pages of claims of one kind in one run.
const PAGES_MAX: usize = 10_000;
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
const LEASE: &str = "reconcile-claims";
/// Expired request ids that one run deletes.
const PURGE_MAX: u32 = 10_000;

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Claims that were looked at.
    pub seen: usize,
    /// Claims that were released.
    pub released: usize,
}

impl App {
    /// Looks at all claims once, and releases those older than 60 seconds that no row needs. Any number of replicas may
    /// do so at once.
    pub async fn reconcile(&self) -> Result<Reconciled, Error> {
        let mut done = Reconciled::default();
        for kind in [ClaimKind::Designation, ClaimKind::Enrolment] {
            let mut token = String::new();
            for _ in 0..PAGES_MAX {
                let (claims, next) = self.claims.list(&Behalf::own(CALL_TIMEOUT), kind, &token).await?;
                done.seen += claims.len();
                for set in self.old(kind, claims) {
                    done.released += self.release_unused(&Behalf::own(CALL_TIMEOUT), set).await?;
                }
                token = next;
                if token.is_empty() {
                    break;
                }
            }
        }
        Ok(done)
    }

    fn old(&self, kind: ClaimKind, claims: Vec<Claim>) -> Vec<ClaimSet> {
        let now = self.now();
        let mut sets: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for claim in claims.into_iter().filter(|claim| claim.created.after(GRACE) < now) {
            sets.entry((claim.directory, claim.service)).or_default().push(claim.account);
        }
        let set = |((directory, service), accounts)| ClaimSet { directory, service, kind, accounts };
        sets.into_iter().map(set).collect()
    }

    /// Reconciles each `interval`, on one replica, and forgets expired request ids, until `shutdown`.
    pub async fn reconcile_forever(self, interval: Duration, shutdown: CancellationToken) {
        let holder = holder(self.entropy.as_ref());
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(interval) => {}
            }
            match self.reconcile_leased(&holder, interval).await {
                Ok(done) if done.released > 0 => {
                    tracing::info!(claims.released = done.released, "claims without use were released");
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "claims could not be reconciled; it is tried again later"),
            }
        }
    }

    async fn reconcile_leased(&self, holder: &str, interval: Duration) -> Result<Reconciled, Error> {
        if self.db.try_lease(LEASE, holder, interval * 2).await?.is_none() {
            return Ok(Reconciled::default());
        }
        self.db.purge_expired(PURGE_MAX).await?;
        self.reconcile().await
    }
}

fn holder(entropy: &dyn Entropy) -> String {
    random_token(entropy, 20)
}
