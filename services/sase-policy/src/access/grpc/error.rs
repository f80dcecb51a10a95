//! Errors as callers see them.

use bailiwick_api::errors::v1::ErrorReason;
use bailiwick_changelog::database_problem;
use bailiwick_rpc::{ApiError, FieldViolation, Kind, Problem, QuotaViolation, refusal, status};
use tonic::Status;

use crate::access::{app::Error, domain::SaseError};

/// What a dry run looks at.
const PAST: &str = "accessDecisions";

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        told(&error)
    }
}

fn told(error: &Error) -> Status {
    let message = error.to_string();
    match error {
        Error::Domain(error) => status(error),
        Error::Refusal(refused) => refusal(refused),
        Error::Db(error) => database_problem(error).into(),
        Error::Shared(error) => told(error),
        Error::Token(_) => Problem::new(Kind::InvalidArgument, ErrorReason::PageTokenInvalid, message).into(),
        Error::Uncompiled(_) => Problem::new(Kind::Internal, ErrorReason::Internal, message).into(),
    }
}

impl ApiError for SaseError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound(_) => Kind::NotFound,
            Self::Exists(_) => Kind::AlreadyExists,
            Self::EtagMismatch(_) => Kind::Aborted,
            Self::SetupIncomplete(_) | Self::GroupCycle(_) | Self::InUse { .. } => Kind::FailedPrecondition,
            Self::Quota(_) | Self::TooMuchPast(_) => Kind::ResourceExhausted,
            Self::UnknownReference { .. } | Self::Selection { .. } => Kind::InvalidArgument,
            Self::DeviceKey => Kind::Unauthenticated,
        }
    }

    fn reason(&self) -> ErrorReason {
        match self {
            Self::NotFound(_) => ErrorReason::ResourceNotFound,
            Self::Exists(_) => ErrorReason::ResourceExists,
            Self::EtagMismatch(_) => ErrorReason::EtagMismatch,
            Self::SetupIncomplete(_) => ErrorReason::SaseSetupIncomplete,
            Self::GroupCycle(_) => ErrorReason::UserGroupCycle,
            Self::InUse { .. } => ErrorReason::SaseResourceInUse,
            Self::Quota(_) | Self::TooMuchPast(_) => ErrorReason::SaseQuotaExceeded,
            Self::UnknownReference { .. } => ErrorReason::SaseReferenceUnknown,
            Self::Selection { .. } => ErrorReason::InvalidField,
            Self::DeviceKey => ErrorReason::DeviceKeyInvalid,
        }
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::NotFound(name) | Self::Exists(name) | Self::EtagMismatch(name) => vec![("resource", name.clone())],
            Self::SetupIncomplete(step) => vec![("missing_step", step.name().to_owned())],
            Self::GroupCycle(group) => vec![("user_group", group.clone())],
            Self::InUse { resource, used_by } => vec![("resource", resource.clone()), ("used_by", used_by.clone())],
            Self::Quota(kind) => {
                vec![("resource", kind.collection().to_owned()), ("limit", kind.limit().to_string())]
            }
            Self::TooMuchPast(most) => vec![("resource", PAST.to_owned()), ("limit", most.to_string())],
            Self::UnknownReference { reference, .. } => vec![("reference", reference.clone())],
            Self::Selection { .. } | Self::DeviceKey => Vec::new(),
        }
    }

    fn field_violations(&self) -> Vec<FieldViolation> {
        match self {
            Self::UnknownReference { field, .. } => vec![FieldViolation::new(*field, "names what does not exist")],
            Self::Selection { field, problem } => {
                vec![FieldViolation::new(format!("access_policy.{field}"), problem.clone())]
            }
            _ => Vec::new(),
        }
    }

    fn quota_violations(&self) -> Vec<QuotaViolation> {
        match self {
            Self::Quota(kind) => vec![QuotaViolation::new(kind.collection(), self.to_string())],
            Self::TooMuchPast(_) => vec![QuotaViolation::new(PAST, self.to_string())],
            _ => Vec::new(),
        }
    }
}
