//! Why a call fails.

use std::sync::Arc;

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
    /// Of what others waited for as well.
    #[error(transparent)]
    Shared(Arc<Error>),
}

impl Error {
    /// The same error for one more who waited.
    pub(super) fn again(error: &Arc<Self>) -> Self {
        match &**error {
            Self::Domain(error) => Self::Domain(error.clone()),
            Self::Uncompiled(error) => Self::Uncompiled(error.clone()),
            _ => Self::Shared(error.clone()),
        }
    }
}

impl TxError for Error {
    fn db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::Shared(error) => error.db(),
            _ => None,
        }
    }
}
