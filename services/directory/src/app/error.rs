//! Why a call fails.

use bailiwick_core::authz::Refusal;
use bailiwick_db::{DbError, PageTokenError, TxError};

use crate::domain;

/// Why a call fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is refused by a rule of the directory.
    #[error(transparent)]
    Domain(#[from] domain::Error),
    /// It names what it was not permitted for.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Its page token does not continue its list.
    #[error(transparent)]
    PageToken(#[from] PageTokenError),
    /// Its request id was used for another request (E-GW-06).
    #[error("the request id `{0}` was used for another request within 24 hours")]
    RequestIdReused(String),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// An identity provider does not answer as it should; it is named.
    #[error("the keys of `{0}` cannot be had from its issuer")]
    IssuerUnavailable(String),
    /// A token could not be signed: a defect.
    #[error("a token could not be signed")]
    Signing(#[source] jsonwebtoken::errors::Error),
}

impl TxError for Error {
    fn db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::IssuerUnavailable(_) => None,
            Self::Domain(_) | Self::Refused(_) | Self::PageToken(_) | Self::RequestIdReused(_) | Self::Signing(_) => {
                None
            }
        }
    }
}
