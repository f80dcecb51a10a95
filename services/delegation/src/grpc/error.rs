//! Errors as callers see them.

use std::time::Duration;

use bailiwick_api::errors::v1::ErrorReason;
use bailiwick_changelog::database_problem;
use bailiwick_core::Role;
use bailiwick_rpc::{ApiError, Kind, Problem, QuotaViolation, status};
use tonic::Status;

use crate::{
    app::{Error, claims::ClaimsError},
    domain,
};

const RETRY: Duration = Duration::from_millis(200);

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        let problem = match error {
            Error::Refused(error) => return status(&error),
            Error::Claims(ClaimsError::Refused(status)) => return *status,
            Error::Db(error) => database_problem(&error),
            Error::Claims(ClaimsError::Unavailable(cause)) => {
                tracing::warn!(error = %cause, "directory cannot be asked");
                Problem::new(Kind::Unavailable, ErrorReason::BackendUnavailable, "directory cannot be reached")
                    .with("role", Role::Directory.as_str())
                    .retry_after(RETRY)
            }
            Error::NotMirrored => Problem::new(Kind::Unavailable, ErrorReason::RevisionNotReached, text)
                .with("role", Role::Directory.as_str())
                .retry_after(RETRY),
            Error::PageToken(_) => Problem::new(Kind::InvalidArgument, ErrorReason::PageTokenInvalid, text),
            Error::SlowWatcher => Problem::new(Kind::Unavailable, ErrorReason::BackendUnavailable, text),
        };
        problem.into()
    }
}

impl ApiError for domain::Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound(_) => Kind::NotFound,
            Self::AdministratorExists(_) => Kind::AlreadyExists,
            Self::AdministratorLimit(_) => Kind::ResourceExhausted,
            Self::Etag(_) | Self::ConcurrentChange => Kind::Aborted,
            Self::UnknownServiceLinkedRole(_) => Kind::InvalidArgument,
            Self::ForeignService(_) | Self::NotMember(_) => Kind::PermissionDenied,
            Self::Follows { .. }
            | Self::TrustedAccessNotEnabled(_)
            | Self::TrustedAccessInUse { .. }
            | Self::MemberSuspended(_)
            | Self::MembershipRequired(_)
            | Self::ManagementAccount(_) => Kind::FailedPrecondition,
        }
    }

    fn reason(&self) -> ErrorReason {
        match self {
            Self::NotFound(_) => ErrorReason::ResourceNotFound,
            Self::Follows { .. } => ErrorReason::DelegatedAdministratorFollows,
            Self::TrustedAccessNotEnabled(_) => ErrorReason::TrustedAccessNotEnabled,
            Self::TrustedAccessInUse { .. } => ErrorReason::TrustedAccessInUse,
            Self::AdministratorExists(_) => ErrorReason::DelegatedAdministratorExists,
            Self::AdministratorLimit(_) => ErrorReason::DelegatedAdministratorLimit,
            Self::ManagementAccount(_) => ErrorReason::ManagementAccountNotEligible,
            Self::MemberSuspended(_) => ErrorReason::MemberPendingDeletion,
            Self::NotMember(_) => ErrorReason::AccountNotInDirectory,
            Self::MembershipRequired(_) => ErrorReason::MembershipRequired,
            Self::UnknownServiceLinkedRole(_) => ErrorReason::UnknownServiceLinkedRole,
            Self::Etag(_) => ErrorReason::EtagMismatch,
            Self::ConcurrentChange => ErrorReason::ConcurrentChange,
            Self::ForeignService(_) => ErrorReason::InternalMethod,
        }
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::NotFound(name) | Self::Etag(name) => vec![("resource", name.clone())],
            Self::Follows { follows, .. } => vec![("follows", follows.to_string())],
            Self::TrustedAccessNotEnabled(service) => vec![("trusted_service", service.to_string())],
            Self::TrustedAccessInUse { administrators, members } => vec![
                ("delegated_administrators", administrators.to_string()),
                ("enrolled_members", members.to_string()),
            ],
            Self::AdministratorExists(account)
            | Self::ManagementAccount(account)
            | Self::MemberSuspended(account)
            | Self::NotMember(account)
            | Self::MembershipRequired(account) => vec![("account", account.name())],
            Self::UnknownServiceLinkedRole(role) => vec![("service_linked_role", role.clone())],
            Self::AdministratorLimit(limit) => vec![("limit", limit.to_string())],
            Self::ConcurrentChange | Self::ForeignService(_) => Vec::new(),
        }
    }

    fn quota_violations(&self) -> Vec<QuotaViolation> {
        match self {
            Self::AdministratorLimit(_) => {
                vec![QuotaViolation::new("delegatedAdministrators", self.to_string())]
            }
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        matches!(self, Self::ConcurrentChange).then_some(RETRY)
    }
}
