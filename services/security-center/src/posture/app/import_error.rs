//! Why a call fails, from wherever.

use bailiwick_core::authz::Refusal;
use bailiwick_db::{DbError, PageTokenError, TxError};

use super::edition::Closed;
use crate::posture::domain::ImportRefusal;

/// A call about imports that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    /// By the rules of imports.
    #[error(transparent)]
    Domain(#[from] ImportRefusal),
    /// The call is about another kind of tenant.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// The multi-account feature is not open to the caller.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// By the database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The page token continues another list, or none.
    #[error(transparent)]
    PageToken(#[from] PageTokenError),
}

impl TxError for ImportError {
    fn db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) | Self::Closed(Closed::Db(error)) => Some(error),
            _ => None,
        }
    }
}
