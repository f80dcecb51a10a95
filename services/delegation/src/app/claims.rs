//! Claims on members, which directory keeps: how a membership is proved, and how a member is kept from leaving under a
//! designation.
//!
//! Claims and own rows are in two databases. To use a member: claim, commit, claim again. To let go: commit, release,
//! look again, and claim again what is in use by now. Whatever runs beside it, a row that is kept ends with a claim. A
//! crash leaves a claim without a row, or, where a release overtook another call's use, a row without a claim: the
//! reconciler releases the one and places the other. A release names incarnations, so that it cannot reach a later
//! membership, however late it comes.

use std::{collections::BTreeSet, time::Duration};

use bailiwick_core::{AccountId, DirectoryId, Operator, Role, Timestamp, TrustedService};
use bailiwick_db::Position;
use bailiwick_rpc::Call;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::{App, Error};
use crate::store;

/// How long before the deadline waiting ends, so that the caller learns why.
pub(super) const MARGIN: Duration = Duration::from_millis(100);

/// Most memberships of one request.
pub const CLAIMS_MAX: usize = 1_000;

/// Most that a call waits for directory once its own change is committed.
const AFTERWARDS: Duration = Duration::from_secs(2);

/// On whose behalf directory is called, and until when.
#[derive(Clone, Debug)]
pub struct Behalf {
    /// The operator.
    pub operator: Operator,
    /// Id of the call; empty for none.
    pub call_id: String,
    /// The deadline.
    pub deadline: Instant,
}

/// What a claim stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClaimKind {
    /// A designation: the member cannot leave.
    Designation,
    /// An enrolment: the member can leave; it has the service-linked roles of the service.
    Enrolment,
}

/// Claims to be placed on some members for one service, at most 1,000.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimSet {
    /// The directory.
    pub directory: DirectoryId,
    /// The service.
    pub service: TrustedService,
    /// What they stand for.
    pub kind: ClaimKind,
    /// The members.
    pub accounts: Vec<AccountId>,
}

/// Claims that were placed on some memberships for one service, at most 1,000.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The directory.
    pub directory: DirectoryId,
    /// The service.
    pub service: TrustedService,
    /// What they stand for.
    pub kind: ClaimKind,
    /// The members, and the incarnation of the membership of each.
    pub memberships: Vec<(AccountId, String)>,
}

/// Claims that stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The incarnation of each membership.
    pub memberships: Vec<(AccountId, String)>,
    /// The position of directory's log at which they stood.
    pub position: Position,
}

/// A claim that directory lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The directory.
    pub directory: DirectoryId,
    /// The service.
    pub service: TrustedService,
    /// The member.
    pub account: AccountId,
    /// The incarnation that it stands on.
    pub incarnation: String,
    /// When it was placed.
    pub created: Timestamp,
}

/// Why there is no answer of use.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClaimsError {
    /// Directory's own words, which are for the caller.
    #[error("directory refused: {0}")]
    Refused(Box<tonic::Status>),
    /// Directory cannot be reached, or its answer made no sense.
    #[error("directory cannot be asked: {0}")]
    Unavailable(String),
}

/// Directory's `ClaimService`. Each call ends by the deadline.
pub trait Claims: Send + Sync {
    /// Places claims, all or none. One that stands already is kept.
    fn place<'a>(&'a self, behalf: &'a Behalf, set: &'a ClaimSet) -> BoxFuture<'a, Result<Placed, ClaimsError>>;
    /// Releases claims. One that does not stand, or stands on another incarnation, is passed over.
    fn release<'a>(&'a self, behalf: &'a Behalf, held: &'a Held) -> BoxFuture<'a, Result<(), ClaimsError>>;
    /// A page of all claims of a kind, and the token of the next: empty at the end.
    fn list<'a>(
        &'a self,
        behalf: &'a Behalf,
        kind: ClaimKind,
        token: &'a str,
    ) -> BoxFuture<'a, Result<(Vec<Claim>, String), ClaimsError>>;
}

impl Behalf {
    /// The one of a call.
    pub fn of(call: &Call) -> Self {
        Self { operator: call.operator.clone(), call_id: call.call_id.clone(), deadline: call.deadline }
    }

    /// Of delegation itself, for so long.
    pub fn own(timeout: Duration) -> Self {
        let operator = Operator::service(Role::Delegation);
        Self { operator, call_id: String::new(), deadline: Instant::now() + timeout }
    }

    /// For what comes after the commit: a directory that does not answer must not turn a change that was made into a
    /// failed call, so that it has half of the time that is left.
    fn afterwards(&self) -> Self {
        let left = self.deadline.saturating_duration_since(Instant::now());
        Self { deadline: Instant::now() + (left / 2).min(AFTERWARDS), ..self.clone() }
    }
}

impl App {
    /// Places claims, and waits until what they prove is mirrored here.
    pub(crate) async fn claim(&self, behalf: &Behalf, set: &ClaimSet) -> Result<Placed, Error> {
        let placed = self.claims.place(behalf, set).await?;
        self.mirrored(behalf, &placed.position).await?;
        Ok(placed)
    }

    /// Places claims again after the rows are committed, for a release may have run beside it. What is committed stays
    /// so whatever comes of it.
    pub(super) async fn claim_after(&self, behalf: &Behalf, set: &ClaimSet) {
        self.claim_again(&behalf.afterwards(), set).await;
    }

    async fn claim_again(&self, behalf: &Behalf, set: &ClaimSet) {
        if set.accounts.is_empty() {
            return;
        }
        if let Err(error) = self.claims.place(behalf, set).await {
            tracing::warn!(%error, directory.id = %set.directory, "claims could not be confirmed");
        }
    }

    /// Releases the claims that no row needs. If it fails, the reconciler comes to them.
    pub(super) async fn release_unused(&self, behalf: &Behalf, held: Held) -> Result<usize, Error> {
        let used = self.used(&held).await?;
        let unused = held.without(&used);
        if unused.memberships.is_empty() {
            return Ok(0);
        }
        let released = self.claims.release(behalf, &unused).await;
        // Also where it failed, for it may have been done.
        let again = self.used(&unused).await?;
        let count = unused.memberships.len() - again.len();
        self.claim_again(behalf, &unused.on(again)).await;
        released?;
        Ok(count)
    }

    /// As [`App::release_unused`] where the caller has what it asked for already.
    pub(super) async fn release_after(&self, behalf: &Behalf, held: Held) {
        let directory = held.directory;
        if let Err(error) = self.release_unused(&behalf.afterwards(), held).await {
            tracing::warn!(%error, directory.id = %directory, "claims could not be released; it is tried again later");
        }
    }

    /// Of the memberships, those that have a row.
    async fn used(&self, held: &Held) -> Result<Vec<(AccountId, String)>, Error> {
        let (conn, directory, service) = (self.db.reader(), held.directory, held.service);
        let accounts: Vec<_> = held.memberships.iter().map(|(account, _)| *account).collect();
        let mut used: Vec<_> = match held.kind {
            ClaimKind::Designation => {
                let rows = store::delegated_administrators::among(conn, directory, service, &accounts).await?;
                rows.into_iter().map(|row| (row.account, row.incarnation)).collect()
            }
            ClaimKind::Enrolment => {
                let rows = store::enrolments::among(conn, directory, service, &accounts).await?;
                rows.into_iter().map(|row| (row.account, row.incarnation)).collect()
            }
        };
        let asked: BTreeSet<_> = held.memberships.iter().collect();
        used.retain(|membership| asked.contains(membership));
        Ok(used)
    }
}

impl ClaimSet {
    /// The claims, once they are placed.
    pub fn held(self, memberships: Vec<(AccountId, String)>) -> Held {
        let Self { directory, service, kind, .. } = self;
        Held { directory, service, kind, memberships }
    }
}

impl Held {
    fn without(&self, used: &[(AccountId, String)]) -> Self {
        let used: BTreeSet<_> = used.iter().collect();
        let unused = self.memberships.iter().filter(|membership| !used.contains(membership));
        Self { memberships: unused.cloned().collect(), ..self.clone() }
    }

    fn on(self, memberships: Vec<(AccountId, String)>) -> ClaimSet {
        let Self { directory, service, kind, .. } = self;
        let accounts = memberships.into_iter().map(|(account, _)| account).collect();
        ClaimSet { directory, service, kind, accounts }
    }
}
