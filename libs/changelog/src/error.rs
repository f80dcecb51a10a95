//! Errors as callers see them.

use std::{error::Error, time::Duration};

use bailiwick_api::errors::v1::ErrorReason;
use bailiwick_db::DbError;
use bailiwick_rpc::{Kind, Problem};
use tonic::Status;

use crate::TailError;

const RETRY: Duration = Duration::from_millis(200);

/// The error of a call that the database failed. The cause is in the text of faults only, which is logged and not
/// shown.
pub fn database_problem(error: &DbError) -> Problem {
    match error {
        DbError::Conflict(_) => {
            Problem::new(Kind::Aborted, ErrorReason::ConcurrentChange, error.to_string()).retry_after(RETRY)
        }
        DbError::Unavailable(_) => {
            Problem::new(Kind::Unavailable, ErrorReason::DatabaseUnavailable, with_causes(error)).retry_after(RETRY)
        }
        DbError::RequestIdReused => {
            Problem::new(Kind::InvalidArgument, ErrorReason::RequestIdReused, error.to_string())
        }
        DbError::ChangeTooLarge { limit, .. } => {
            Problem::new(Kind::ResourceExhausted, ErrorReason::ChangeTooLarge, error.to_string())
                .with("limit_bytes", limit.to_string())
        }
        DbError::Unique { .. } | DbError::NotMigrated(_) | DbError::Other(_) => {
            Problem::new(Kind::Internal, ErrorReason::Internal, with_causes(error))
        }
    }
}

impl From<TailError> for Status {
    fn from(error: TailError) -> Self {
        let text = error.to_string();
        match error {
            TailError::OtherEpoch | TailError::BeyondHead | TailError::OtherLog => {
                Problem::new(Kind::InvalidArgument, ErrorReason::ConsistencyTokenInvalid, text)
            }
            TailError::Undecodable(_) => Problem::new(Kind::Internal, ErrorReason::Internal, text),
            TailError::Db(error) => database_problem(&error),
        }
        .into()
    }
}

/// The error and everything behind it, for the log.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
