//! Why a call fails.

use bailiwick_core::authz::Refusal;
use bailiwick_db::{DbError, PageTokenError, TxError};

use crate::access::domain::{SaseError, cedar::Uncompiled};

/// A call that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// By the rules.
    #[error(transparent)]
    Domain(#[from] SaseError),
    /// The call is about another kind of tenant.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// By the database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The page token continues another list, or none.
    #[error(transparent)]
    Token(#[from] PageTokenError),
    /// What is stored could not be compiled: a fault of ours, after which nothing is allowed.
    #[error(transparent)]
    Uncompiled(#[from] Uncompiled),
}

impl TxError for Error {
    fn db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            _ => None,
        }
    }
}
