//! Errors as callers see them.

use std::time::Duration;

use bailiwick_api::errors::v1::ErrorReason;
use bailiwick_changelog::database_problem;
use bailiwick_rpc::{Kind, Problem, refusal};
use tonic::Status;

use crate::app::TrailError;

const RETRY: Duration = Duration::from_millis(200);

impl From<TrailError> for Status {
    fn from(error: TrailError) -> Self {
        let message = error.to_string();
        match error {
            TrailError::Refusal(refused) => refusal(&refused),
            TrailError::Db(error) => database_problem(&error).into(),
            TrailError::PageToken(_) => {
                Problem::new(Kind::InvalidArgument, ErrorReason::PageTokenInvalid, message).into()
            }
            TrailError::NotReached(role) => Problem::new(Kind::Unavailable, ErrorReason::RevisionNotReached, message)
                .with("role", role.as_str())
                .retry_after(RETRY)
                .into(),
        }
    }
}
