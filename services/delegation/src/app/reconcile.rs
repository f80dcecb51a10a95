//! Releases claims that nothing needs, and places those that are missing: a crash between claim and use leaves the first,
//! one between a release and the look after it the second.

use std::{collections::BTreeMap, time::Duration};

use bailiwick_core::{AccountId, DirectoryId, Entropy, TrustedService, random_token};
use tokio_util::sync::CancellationToken;

use super::{
    App, Error,
    claims::{Behalf, Claim, ClaimKind, ClaimSet, ClaimsError, Held},
};
use crate::store;

/// A younger claim may be on its way to being used.
const GRACE: Duration = Duration::from_secs(60);
/// Most pages of claims, or of rows, of one kind in one run.
const PAGES_MAX: usize = 10_000;
/// Rows of a page, which are the most claims of one call.
const ROWS: u64 = 1_000;
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
    /// Looks at all claims once, and releases those older than 60 seconds that no row needs; then at all rows, and places
    /// the claims that they lack. Any number of replicas may do so at once. What directory refuses of one service and
    /// directory does not keep others from their turn.
    pub async fn reconcile(&self) -> Result<Reconciled, Error> {
        let mut done = Reconciled::default();
        for kind in [ClaimKind::Designation, ClaimKind::Enrolment] {
            let mut token = String::new();
            for _ in 0..PAGES_MAX {
                let (claims, next) = self.claims.list(&Behalf::own(CALL_TIMEOUT), kind, &token).await?;
                done.seen += claims.len();
                for held in self.old(kind, claims) {
                    let directory = held.directory;
                    let released = self.release_unused(&Behalf::own(CALL_TIMEOUT), held).await;
                    done.released += unless_refused(directory, released)?;
                }
                token = next;
                if token.is_empty() {
                    break;
                }
            }
        }
        self.confirm_designations().await?;
        self.confirm_enrolments().await?;
        Ok(done)
    }

    fn old(&self, kind: ClaimKind, claims: Vec<Claim>) -> Vec<Held> {
        let now = self.now();
        let mut sets: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for claim in claims.into_iter().filter(|claim| claim.created.after(GRACE) < now) {
            sets.entry((claim.directory, claim.service)).or_default().push((claim.account, claim.incarnation));
        }
        let held = |((directory, service), memberships)| Held { directory, service, kind, memberships };
        sets.into_iter().map(held).collect()
    }

    async fn confirm_designations(&self) -> Result<(), Error> {
        let mut last = None;
        for _ in 0..PAGES_MAX {
            let rows = store::delegated_administrators::direct_after(self.db.reader(), last.as_ref(), ROWS).await?;
            let users = rows.iter().map(|row| (row.directory, row.service, row.account));
            self.confirm(ClaimKind::Designation, users).await?;
            last = rows.into_iter().last();
            if last.is_none() {
                break;
            }
        }
        Ok(())
    }

    async fn confirm_enrolments(&self) -> Result<(), Error> {
        let mut last = None;
        for _ in 0..PAGES_MAX {
            let rows = store::enrolments::all_after(self.db.reader(), last.as_ref(), ROWS).await?;
            let users = rows.iter().map(|row| (row.directory, row.service, row.account));
            self.confirm(ClaimKind::Enrolment, users).await?;
            last = rows.into_iter().last();
            if last.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Places the claims of rows: those that stand are kept. A row may have ended since it was read, so that what was
    /// placed is released again where no row needs it.
    async fn confirm(
        &self,
        kind: ClaimKind,
        users: impl Iterator<Item = (DirectoryId, TrustedService, AccountId)>,
    ) -> Result<(), Error> {
        let mut sets: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (directory, service, account) in users {
            sets.entry((directory, service)).or_default().push(account);
        }
        for ((directory, service), accounts) in sets {
            let (behalf, set) = (Behalf::own(CALL_TIMEOUT), ClaimSet { directory, service, kind, accounts });
            let confirmed = match self.claims.place(&behalf, &set).await {
                Ok(placed) => self.release_unused(&behalf, set.held(placed.memberships)).await,
                Err(error) => Err(error.into()),
            };
            unless_refused(directory, confirmed)?;
        }
        Ok(())
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

/// A refusal is of one directory, such as of a member that has just left: the next run comes to it again.
fn unless_refused(directory: DirectoryId, done: Result<usize, Error>) -> Result<usize, Error> {
    match done {
        Err(Error::Claims(error @ ClaimsError::Refused(_))) => {
            tracing::warn!(%error, directory.id = %directory, "claims of a directory could not be reconciled");
            Ok(0)
        }
        done => done,
    }
}

fn holder(entropy: &dyn Entropy) -> String {
    random_token(entropy, 20)
}
