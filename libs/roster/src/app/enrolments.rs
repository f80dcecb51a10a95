//! The port to `delegation`, which owns the enrolments.

use bailiwick_core::{AccountId, DirectoryId, TrustedService};
use bailiwick_db::Position;
use bailiwick_rpc::Call;
use futures::future::BoxFuture;

/// Enrols and ends enrolments, on behalf of the operator of a call and within its deadline.
pub trait Enrolments: Send + Sync {
    /// Enrols the members, or none of them; those that are enrolled stay so.
    ///
    /// # Errors
    /// What `delegation` answered.
    fn enrol<'a>(
        &'a self,
        call: &'a Call,
        service: TrustedService,
        directory: DirectoryId,
        accounts: &'a [AccountId],
    ) -> BoxFuture<'a, Result<Enrolled, Refused>>;

    /// Ends the enrolment of this unique id, unless it has ended already, and returns a position in `delegation`'s log
    /// where it has. A later enrolment of the member is kept.
    ///
    /// # Errors
    /// What `delegation` answered.
    fn end<'a>(
        &'a self,
        call: &'a Call,
        service: TrustedService,
        directory: DirectoryId,
        account: AccountId,
        uid: &'a str,
    ) -> BoxFuture<'a, Result<Position, Refused>>;
}

/// Members are enrolled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// The unique ids of the enrolments, in the order of the accounts.
    pub uids: Vec<String>,
    /// The position in `delegation`'s log that includes them.
    pub position: Position,
}

/// An answer of `delegation` that is passed on as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// The gRPC status code.
    pub code: i32,
    /// The sentence.
    pub message: String,
    /// The encoded `google.rpc.Status`.
    pub details: Vec<u8>,
}
