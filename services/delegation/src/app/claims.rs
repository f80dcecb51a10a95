//! Claims on members, which directory keeps: how a membership is proved, and how a member is kept from leaving under a
//! designation.
//!
//! Claims and own rows are in two databases. To use a member: claim, commit, claim again. To let go: commit, release,
//! look again, and claim again what is in use by now. Whatever runs beside it, a row that is kept ends with a claim; what
//! a crash leaves is a claim without a row, which the reconciler releases.

use std::time::Duration;

use bailiwick_core::{AccountId, DirectoryId, Operator, Role, Timestamp, TrustedService};
use bailiwick_db::{CursorWait, Position};
use bailiwick_rpc::Call;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::{App, Error};
use crate::store;

/// How long before the deadline waiting ends, so that the caller learns why.
const MARGIN: Duration = Duration::from_millis(100);

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimKind {
    /// A designation: the member cannot leave.
    Designation,
    /// An enrolment: the member can leave; it has the service-linked roles of the service.
    Enrolment,
}

/// Claims on some members for one service, at most 1,000.
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

/// Directory's `ClaimService`.
pub trait Claims: Send + Sync {
    /// Places claims, all or none. One that stands already is kept.
    fn place<'a>(&'a self, behalf: &'a Behalf, set: &'a ClaimSet) -> BoxFuture<'a, Result<Placed, ClaimsError>>;
    /// Releases claims. One that does not stand is passed over.
    fn release<'a>(&'a self, behalf: &'a Behalf, set: &'a ClaimSet) -> BoxFuture<'a, Result<(), ClaimsError>>;
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
}

impl App {
    /// Places claims, and waits until what they prove is mirrored here.
    pub(crate) async fn claim(&self, behalf: &Behalf, set: &ClaimSet) -> Result<Placed, Error> {
        let placed = self.claims.place(behalf, set).await?;
        let remaining = behalf.deadline.saturating_duration_since(Instant::now()).saturating_sub(MARGIN);
        match self.db.wait_cursor(Role::Directory.as_str(), &placed.position, remaining).await? {
            CursorWait::Reached => Ok(placed),
            CursorWait::Behind(_) | CursorWait::OtherEpoch(_) => Err(Error::NotMirrored),
        }
    }

    /// Places claims again after the rows are committed, for a release may have run beside it. What is committed stays
    /// so whatever comes of it.
    pub(super) async fn claim_again(&self, behalf: &Behalf, set: &ClaimSet) {
        if set.accounts.is_empty() {
            return;
        }
        if let Err(error) = self.claims.place(behalf, set).await {
            tracing::warn!(%error, directory.id = %set.directory, "claims could not be confirmed");
        }
    }

    /// Releases the claims of a set that no row needs. If it fails, the reconciler comes to them.
    pub(super) async fn release_unused(&self, behalf: &Behalf, set: ClaimSet) -> Result<usize, Error> {
        let used = self.used(&set).await?;
        let unused = without(set, &used);
        if unused.accounts.is_empty() {
            return Ok(0);
        }
        self.claims.release(behalf, &unused).await?;
        let again = self.used(&unused).await?;
        let released = unused.accounts.len() - again.len();
        self.claim_again(behalf, &ClaimSet { accounts: again, ..unused }).await;
        Ok(released)
    }

    /// As [`App::release_unused`] where the caller has what it asked for already.
    pub(super) async fn release_after(&self, behalf: &Behalf, set: ClaimSet) {
        let directory = set.directory;
        if let Err(error) = self.release_unused(behalf, set).await {
            tracing::warn!(%error, directory.id = %directory, "claims could not be released; it is tried again later");
        }
    }

    /// Of the accounts of a set, those that have a row.
    async fn used(&self, set: &ClaimSet) -> Result<Vec<AccountId>, Error> {
        let (conn, directory, service) = (self.db.reader(), set.directory, set.service);
        Ok(match set.kind {
            ClaimKind::Designation => {
                let rows = store::delegated_administrators::among(conn, directory, service, &set.accounts).await?;
                rows.into_iter().map(|row| row.account).collect()
            }
            ClaimKind::Enrolment => {
                let rows = store::enrolments::among(conn, directory, service, &set.accounts).await?;
                rows.into_iter().map(|row| row.account).collect()
            }
        })
    }
}

fn without(set: ClaimSet, used: &[AccountId]) -> ClaimSet {
    let accounts = set.accounts.iter().copied().filter(|account| !used.contains(account)).collect();
    ClaimSet { accounts, ..set }
}
