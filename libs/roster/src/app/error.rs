//! Why a call fails, from wherever.

use bailiwick_core::authz::Refusal;
use bailiwick_db::{DbError, PageTokenError, TxError};

use super::Refused;
use crate::domain;

/// A call that failed.
#[derive(Debug, thiserror::Error)]
pub enum RosterError {
    /// By the rules of the list.
    #[error(transparent)]
    Domain(#[from] domain::EntryError),
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

impl TxError for RosterError {
    fn db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            _ => None,
        }
    }
}
