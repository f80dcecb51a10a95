//! Why a call about risks and their rules fails.

use bailiwick_changelog::TailError;
use bailiwick_core::authz::Refusal;
use bailiwick_db::{DbError, PageTokenError, TxError};

use super::edition::Closed;
use crate::posture::domain::RiskError;

/// A call that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RisksError {
    /// By what there is.
    #[error(transparent)]
    Domain(#[from] RiskError),
    /// The multi-account feature is not open to the caller.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// The call is about another kind of tenant.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// By the database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The token continues another list or stream, or none.
    #[error(transparent)]
    Token(#[from] PageTokenError),
}

impl TxError for RisksError {
    fn db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) | Self::Closed(Closed::Db(error)) => Some(error),
            _ => None,
        }
    }
}

impl From<TailError> for RisksError {
    fn from(error: TailError) -> Self {
        match error {
            TailError::Db(error) => Self::Db(error),
            // Of a log that was restored from a backup since.
            TailError::OtherEpoch | TailError::BeyondHead | TailError::OtherLog => Self::Token(PageTokenError::Invalid),
            TailError::Undecodable(_) => Self::Db(DbError::Other(error.into())),
        }
    }
}
