//! Errors as callers see them.

use std::time::Duration;

use bailiwick_api::errors::v1::ErrorReason;
use bailiwick_changelog::database_problem;
use bailiwick_core::Role;
use bailiwick_rpc::{ApiError, Kind, Problem, QuotaViolation, refusal, status};
use tonic::{Code, Status};

use crate::posture::{
    app::{Error, edition::Closed},
    domain::{Edition, SubscriptionError},
};

const RETRY: Duration = Duration::from_millis(200);

impl From<Closed> for Status {
    fn from(closed: Closed) -> Self {
        let message = closed.to_string();
        let problem = |reason| Problem::new(Kind::FailedPrecondition, reason, message.clone());
        match closed {
            Closed::Edition { account, edition } => problem(ErrorReason::EditionNotSupported)
                .with("account", account.name())
                .with("edition", edition.as_str())
                .with("required_editions", Edition::with_multi_account())
                .into(),
            Closed::Unverified(account) => {
                problem(ErrorReason::EnterpriseIdentityRequired).with("account", account.name()).into()
            }
            Closed::NoAccount => Problem::new(Kind::PermissionDenied, ErrorReason::SeatRequired, message).into(),
            Closed::Refusal(refused) => refusal(&refused),
            Closed::Db(error) => database_problem(&error).into(),
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Domain(error) => status(&error),
            Error::Closed(closed) => closed.into(),
            Error::Refusal(refused) => refusal(&refused),
            Error::Db(error) => database_problem(&error).into(),
            Error::PageToken(_) => Problem::new(Kind::InvalidArgument, ErrorReason::PageTokenInvalid, message).into(),
            Error::Delegation(refused) => {
                Self::with_details(Code::from_i32(refused.code), refused.message, refused.details.into())
            }
            Error::NotReached => Problem::new(Kind::Unavailable, ErrorReason::RevisionNotReached, message)
                .with("role", Role::Delegation.as_str())
                .retry_after(RETRY)
                .into(),
        }
    }
}

impl ApiError for SubscriptionError {
    fn kind(&self) -> Kind {
        match self {
            Self::Exists { .. } => Kind::AlreadyExists,
            Self::Required { .. } | Self::ChangeInvalid { .. } | Self::InUse { .. } | Self::NotPayer { .. } => {
                Kind::FailedPrecondition
            }
            Self::TooFar => Kind::InvalidArgument,
            Self::QuotaExceeded { .. } => Kind::ResourceExhausted,
            Self::NotFound(_) => Kind::NotFound,
            Self::EtagMismatch(_) => Kind::Aborted,
        }
    }

    fn reason(&self) -> ErrorReason {
        match self {
            Self::Exists { .. } => ErrorReason::SubscriptionExists,
            Self::Required { .. } | Self::NotPayer { .. } => ErrorReason::SubscriptionRequired,
            Self::ChangeInvalid { .. } => ErrorReason::SubscriptionChangeInvalid,
            Self::TooFar => ErrorReason::InvalidField,
            Self::QuotaExceeded { .. } => ErrorReason::ServerQuotaExceeded,
            Self::InUse { .. } => ErrorReason::ServerQuotaInUse,
            Self::NotFound(_) => ErrorReason::ResourceNotFound,
            Self::EtagMismatch(_) => ErrorReason::EtagMismatch,
        }
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Exists { account, buy_type } => {
                vec![("account", account.name()), ("buy_type", buy_type.as_str().to_owned())]
            }
            Self::Required { account, life } => {
                vec![("account", account.name()), ("state", life.as_str().to_owned())]
            }
            Self::NotPayer { payer, .. } => vec![("account", payer.name())],
            Self::ChangeInvalid { edition, servers } => {
                vec![("edition", edition.as_str().to_owned()), ("protected_servers", servers.to_string())]
            }
            Self::TooFar => Vec::new(),
            Self::QuotaExceeded { account, left } => vec![("account", account.name()), ("left", left.to_string())],
            Self::InUse { account, assigned } => {
                vec![("account", account.name()), ("assigned", assigned.to_string())]
            }
            Self::NotFound(name) | Self::EtagMismatch(name) => vec![("resource", name.clone())],
        }
    }

    fn field_violations(&self) -> Vec<bailiwick_rpc::FieldViolation> {
        match self {
            Self::TooFar => vec![bailiwick_rpc::FieldViolation::new("months", self.to_string())],
            _ => Vec::new(),
        }
    }

    fn quota_violations(&self) -> Vec<QuotaViolation> {
        match self {
            Self::QuotaExceeded { account, .. } => vec![QuotaViolation::new(account.name(), self.to_string())],
            _ => Vec::new(),
        }
    }
}
