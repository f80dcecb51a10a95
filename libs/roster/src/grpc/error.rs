//! Errors as callers see them.

use std::time::Duration;

use bailiwick_api::errors::v1::ErrorReason;
use bailiwick_changelog::database_problem;
use bailiwick_core::Role;
use bailiwick_rpc::{Kind, Problem, refusal};
use tonic::{Code, Status};

use crate::{RosterError, domain::EntryError};

const RETRY: Duration = Duration::from_millis(200);

impl From<RosterError> for Status {
    fn from(error: RosterError) -> Self {
        let message = error.to_string();
        match error {
            RosterError::Domain(error) => domain(error, message).into(),
            RosterError::Refusal(refused) => refusal(&refused),
            RosterError::Db(error) => database_problem(&error).into(),
            RosterError::PageToken(_) => {
                Problem::new(Kind::InvalidArgument, ErrorReason::PageTokenInvalid, message).into()
            }
            RosterError::Delegation(refused) => {
                Self::with_details(Code::from_i32(refused.code), refused.message, refused.details.into())
            }
            RosterError::NotReached => Problem::new(Kind::Unavailable, ErrorReason::RevisionNotReached, message)
                .with("role", Role::Delegation.as_str())
                .retry_after(RETRY)
                .into(),
        }
    }
}

fn domain(error: EntryError, message: String) -> Problem {
    match error {
        EntryError::NotFound(name) => {
            Problem::new(Kind::NotFound, ErrorReason::ResourceNotFound, message).with("resource", name)
        }
        EntryError::EtagMismatch(name) => {
            Problem::new(Kind::Aborted, ErrorReason::EtagMismatch, message).with("resource", name)
        }
        EntryError::ConcurrentChange => {
            Problem::new(Kind::Aborted, ErrorReason::ConcurrentChange, message).retry_after(RETRY)
        }
        EntryError::InUse { entry, used_by } => {
            Problem::new(Kind::FailedPrecondition, ErrorReason::EntryInUse, message)
                .with("resource", entry)
                .with("used_by", used_by)
        }
    }
}
