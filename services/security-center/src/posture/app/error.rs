//! Why a call about editions or the multi-account feature fails, from wherever.

use bailiwick_core::authz::Refusal;
use bailiwick_db::{DbError, PageTokenError, TxError};
use bailiwick_roster::Refused;

use super::edition::Closed;
use crate::posture::domain::SubscriptionError;

/// A call that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// By the rules.
    #[error(transparent)]
    Domain(#[from] SubscriptionError),
    /// The multi-account feature is not open to the caller.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// The call is about another kind of tenant.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// By the database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The page token continues another list, or none.
    #[error(transparent)]
    PageToken(#[from] PageTokenError),
    /// By `delegation`.
    #[error(transparent)]
    Delegation(#[from] Refused),
    /// What `delegation` has done is not seen here by the deadline. It is done.
    #[error("the change was made, but is not seen here yet: repeat the call")]
    NotReached,
}

impl TxError for Error {
    fn db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) | Self::Closed(Closed::Db(error)) => Some(error),
            _ => None,
        }
    }
}
