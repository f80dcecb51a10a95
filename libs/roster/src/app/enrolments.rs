//! The port to `delegation`, which owns the enrolments.

use std::time::Duration;

use bailiwick_core::{AccountId, DirectoryId, Operator, Role, TrustedService};
use bailiwick_db::Position;
use bailiwick_rpc::Call;
use futures::future::BoxFuture;
use tokio::time::Instant;

/// On whose behalf `delegation` is called, and until when.
#[derive(Clone, Debug)]
pub struct Behalf {
    /// The operator.
    pub operator: Operator,
    /// Id of the call; empty for none.
    pub call_id: String,
    /// The deadline.
    pub deadline: Instant,
}

impl Behalf {
    /// The one of a call.
    pub fn of(call: &Call) -> Self {
        Self { operator: call.operator.clone(), call_id: call.call_id.clone(), deadline: call.deadline }
    }

    /// Of a role itself, for so long.
    pub fn own(role: Role, timeout: Duration) -> Self {
        Self { operator: Operator::service(role), call_id: String::new(), deadline: Instant::now() + timeout }
    }
}

/// Enrols and ends enrolments, on behalf of an operator and within a deadline.
pub trait Enrolments: Send + Sync {
    /// Enrols the members, or none of them; those that are enrolled stay so.
    ///
    /// # Errors
    /// What `delegation` answered.
    fn enrol<'a>(
        &'a self,
        behalf: &'a Behalf,
        service: TrustedService,
        directory: DirectoryId,
        accounts: &'a [AccountId],
    ) -> BoxFuture<'a, Result<Enrolled, Refused>>;

    /// Ends the enrolments of these unique ids, unless they have ended already, and returns a position in `delegation`'s
    /// log where they have. A later enrolment of a member is kept. At most 1,000.
    ///
    /// # Errors
    /// What `delegation` answered.
    fn end<'a>(
        &'a self,
        behalf: &'a Behalf,
        service: TrustedService,
        directory: DirectoryId,
        enrolments: &'a [(AccountId, String)],
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
