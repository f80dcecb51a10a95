//! Releases claims that nothing needs, and places those that are missing: a crash between claim and use leaves the first,
//! one between a release and the look after it the second.
//!
//! Claims and rows are read in the same order and compared; what stands as it should is left alone. They are two databases,
//! read at different moments: a difference is only a reason to look closer, as [`App::release_unused`] does.

use std::{collections::BTreeMap, time::Duration};

use bailiwick_core::{AccountId, DirectoryId, Entropy, Timestamp, TrustedService, random_token};
use bailiwick_db::Tx;
use tokio_util::sync::CancellationToken;

use super::{
    App, Error,
    claims::{Behalf, Claim, ClaimKind, ClaimSet, ClaimsError, Held},
};
use crate::{
    domain::service_linked_role::RETENTION,
    store::{self, Place},
};

/// A younger claim may be on its way to being used.
const GRACE: Duration = Duration::from_secs(60);
/// Pages of claims and of rows that are read of a kind in one run; the next run goes on from there.
const PAGES: usize = 100;
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
    /// Rows whose claims were placed anew.
    pub confirmed: usize,
}

/// How far a pass through all claims and rows has come.
#[derive(Clone, Debug, Default)]
pub struct Pass {
    designations: Option<At>,
    enrolments: Option<At>,
}

/// Where a pass goes on.
#[derive(Clone, Debug, Default)]
struct At {
    /// The page of claims.
    token: String,
    /// What was compared already.
    after: Option<Place>,
}

/// A row that needs a claim.
struct Use {
    directory: DirectoryId,
    service: TrustedService,
    account: AccountId,
    incarnation: String,
}

impl App {
    /// Compares claims with rows from where `pass` is, at most some pages of each kind: releases claims older than 60
    /// seconds that no row needs, and places those that rows lack. Any number of replicas may do so at once. What directory
    /// refuses of one service and directory does not keep others from their turn.
    pub async fn reconcile(&self, pass: &mut Pass, pages: usize) -> Result<Reconciled, Error> {
        let mut done = Reconciled::default();
        for kind in [ClaimKind::Designation, ClaimKind::Enrolment] {
            // After a failure it begins anew.
            let (mut at, mut left) = (pass.at(kind).take().unwrap_or_default(), pages);
            while let Some(next) = self.compare(kind, at, &mut left, &mut done).await? {
                if left == 0 {
                    *pass.at(kind) = Some(next);
                    break;
                }
                at = next;
            }
        }
        Ok(done)
    }

    /// Compares a page of claims with the rows of the same range. None at the end.
    async fn compare(
        &self,
        kind: ClaimKind,
        at: At,
        left: &mut usize,
        done: &mut Reconciled,
    ) -> Result<Option<At>, Error> {
        let (claims, next) = self.claims.list(&Behalf::own(CALL_TIMEOUT), kind, &at.token).await?;
        *left = left.saturating_sub(1);
        let mut standing: BTreeMap<_, _> = claims.into_iter().map(|claim| (claim.place(), claim)).collect();
        let last = standing.keys().next_back().cloned().filter(|_| !next.is_empty());
        standing.retain(|place, _| at.after.as_ref().is_none_or(|after| place > after));
        done.seen += standing.len();
        let mut after = at.after;
        loop {
            let rows = self.uses(kind, after.as_ref()).await?;
            let full = u64::try_from(rows.len()).unwrap_or(u64::MAX) >= ROWS;
            let count = rows.len();
            let range: Vec<_> = rows.into_iter().take_while(|(p, _)| last.as_ref().is_none_or(|l| p <= l)).collect();
            let more = full && range.len() == count;
            after = range.last().map(|(place, _)| place.clone()).or(after);
            let is_right = |place: &Place, row: &Use| {
                standing.get(place).is_some_and(|claim| claim.incarnation == row.incarnation)
            };
            let (right, missing): (Vec<_>, Vec<_>) = range.into_iter().partition(|(place, row)| is_right(place, row));
            right.iter().for_each(|(place, _)| drop(standing.remove(place)));
            done.confirmed += missing.len();
            self.confirm(kind, missing.into_iter().map(|(_, row)| row)).await?;
            if !more {
                break;
            }
            *left = left.saturating_sub(1);
            if *left == 0 {
                standing.retain(|place, _| after.as_ref().is_some_and(|after| place <= after));
                self.release_old(kind, standing, done).await?;
                return Ok(Some(At { token: at.token, after }));
            }
        }
        self.release_old(kind, standing, done).await?;
        Ok(if next.is_empty() { None } else { Some(At { token: next, after: last.or(after) }) })
    }

    async fn release_old(
        &self,
        kind: ClaimKind,
        claims: BTreeMap<Place, Claim>,
        done: &mut Reconciled,
    ) -> Result<(), Error> {
        for held in self.old(kind, claims.into_values().collect()) {
            let directory = held.directory;
            let released = self.release_unused(&Behalf::own(CALL_TIMEOUT), held).await;
            done.released += unless_refused(directory, released)?;
        }
        Ok(())
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

    /// At most a page of the rows after a place that need a claim, in order.
    async fn uses(&self, kind: ClaimKind, after: Option<&Place>) -> Result<Vec<(Place, Use)>, Error> {
        let conn = self.db.reader();
        let uses: Vec<Use> = match kind {
            ClaimKind::Designation => {
                let rows = store::delegated_administrators::direct_after(conn, after, ROWS).await?.into_iter();
                rows.map(|of| Use {
                    directory: of.directory,
                    service: of.service,
                    account: of.account,
                    incarnation: of.incarnation,
                })
                .collect()
            }
            ClaimKind::Enrolment => {
                let rows = store::enrolments::all_after(conn, after, ROWS).await?.into_iter();
                rows.map(|of| Use {
                    directory: of.directory,
                    service: of.service,
                    account: of.account,
                    incarnation: of.incarnation,
                })
                .collect()
            }
        };
        Ok(uses.into_iter().map(|of| (place(of.directory, of.account, of.service), of)).collect())
    }

    /// Places the claims of rows: those that stand are kept. A row may have ended since it was read, so that what was
    /// placed is released again where no row needs it.
    async fn confirm(&self, kind: ClaimKind, users: impl Iterator<Item = Use>) -> Result<(), Error> {
        let mut sets: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for Use { directory, service, account, .. } in users {
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
        let (holder, mut pass) = (holder(self.entropy.as_ref()), Pass::default());
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(interval) => {}
            }
            match self.reconcile_leased(&holder, interval, &mut pass).await {
                Ok(done) if done.released > 0 => {
                    tracing::info!(claims.released = done.released, "claims without use were released");
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "claims could not be reconciled; it is tried again later"),
            }
        }
    }

    async fn reconcile_leased(&self, holder: &str, interval: Duration, pass: &mut Pass) -> Result<Reconciled, Error> {
        if self.db.try_lease(LEASE, holder, interval * 2).await?.is_none() {
            return Ok(Reconciled::default());
        }
        self.db.purge_expired(PURGE_MAX).await?;
        let retention = i64::try_from(RETENTION.as_micros()).unwrap_or(i64::MAX);
        let before = Timestamp::from_micros(self.now().as_micros().saturating_sub(retention));
        let purge = |tx: Tx| async move { store::role_deletions::purge(tx.conn(), before).await };
        self.db.write("purge_role_deletions", purge).await?;
        self.reconcile(pass, PAGES).await
    }
}

impl Pass {
    fn at(&mut self, kind: ClaimKind) -> &mut Option<At> {
        match kind {
            ClaimKind::Designation => &mut self.designations,
            ClaimKind::Enrolment => &mut self.enrolments,
        }
    }

    /// Whether all was compared, so that the next run begins from the start.
    #[cfg(test)]
    pub fn is_complete(&self) -> bool {
        self.designations.is_none() && self.enrolments.is_none()
    }
}

impl Claim {
    fn place(&self) -> Place {
        place(self.directory, self.account, self.service)
    }
}

fn place(directory: DirectoryId, account: AccountId, service: TrustedService) -> Place {
    (directory.to_string(), account.to_string(), service.id().to_owned())
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
