//! What a call may end with.

use bailiwick_db::{DbError, PageTokenError, TxError};

use super::claims::ClaimsError;
use crate::domain;

/// An error of a call.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Refused by a rule.
    #[error(transparent)]
    Refused(#[from] domain::Error),
    /// Directory refused, or could not be asked.
    #[error(transparent)]
    Claims(#[from] ClaimsError),
    /// What directory proved was not mirrored in time.
    #[error("the position of directory's log was not reached in time")]
    NotMirrored,
    /// The page token is none of this list.
    #[error(transparent)]
    PageToken(#[from] PageTokenError),
    /// Whoever watches takes the list too slowly.
    #[error("the list was not taken in time")]
    SlowWatcher,
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl TxError for Error {
    fn db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            _ => None,
        }
    }
}
