//! Why a call fails.

use bailiwick_changelog::TailError;
use bailiwick_core::authz::Refusal;
use bailiwick_db::{DbError, PageTokenError, TxError};

use crate::bastion::domain::BastionError;

/// A call that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// By the rules.
    #[error(transparent)]
    Domain(#[from] BastionError),
    /// The call is about another kind of tenant.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// By the database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The page token continues another list, or none.
    #[error(transparent)]
    Token(#[from] PageTokenError),
}

impl From<TailError> for Error {
    fn from(error: TailError) -> Self {
        match error {
            TailError::Db(error) => Self::Db(error),
            TailError::OtherEpoch | TailError::BeyondHead | TailError::OtherLog => Self::Token(PageTokenError::Invalid),
            TailError::Undecodable(_) => Self::Db(DbError::Other(error.into())),
        }
    }
}

impl TxError for Error {
    fn db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            _ => None,
        }
    }
}
