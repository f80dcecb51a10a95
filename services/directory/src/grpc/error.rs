//! Errors as callers see them.

use std::{error::Error as _, fmt::Write, time::Duration};

use bailiwick_api::errors::v1::ErrorReason as Reason;
use bailiwick_core::AccountId;
use bailiwick_db::DbError;
use bailiwick_rpc::{ApiError, Kind, PreconditionViolation, QuotaViolation, refusal, status};
use tonic::Status;

use crate::{
    app::Error,
    domain::{
        self,
        account::AccountType,
        claim,
        member::{Finding, FindingKind},
    },
};

const RETRY_CONFLICT: Duration = Duration::from_millis(100);
const RETRY_UNAVAILABLE: Duration = Duration::from_secs(1);

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match &error {
            Error::Refused(refused) => return refusal(refused),
            Error::Db(DbError::Conflict(_)) => {}
            Error::Db(_) | Error::Signing(_) => log(&error),
            Error::IssuerUnavailable(_) => {}
            Error::Domain(_) | Error::PageToken(_) | Error::RequestIdReused(_) => {}
        }
        status(&error)
    }
}

/// The causes, which callers are not told.
fn log(error: &Error) {
    let mut causes = String::new();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(causes, ": {cause}");
        source = cause.source();
    }
    tracing::error!(error = format!("{error}{causes}"), "a call failed");
}

impl ApiError for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Domain(error) => domain_kind(error),
            Self::PageToken(_) | Self::RequestIdReused(_) => Kind::InvalidArgument,
            Self::Db(DbError::Conflict(_)) => Kind::Aborted,
            Self::Db(DbError::Unavailable(_)) | Self::IssuerUnavailable(_) => Kind::Unavailable,
            Self::Refused(_) => Kind::NotFound,
            Self::Db(_) | Self::Signing(_) => Kind::Internal,
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::Domain(error) => domain_reason(error),
            Self::PageToken(_) => Reason::PageTokenInvalid,
            Self::RequestIdReused(_) => Reason::RequestIdReused,
            Self::Db(DbError::Conflict(_)) => Reason::ConcurrentChange,
            Self::Db(DbError::Unavailable(_)) => Reason::DatabaseUnavailable,
            Self::Refused(_) => Reason::ResourceNotFound,
            Self::IssuerUnavailable(_) => Reason::IdentityProviderUnavailable,
            Self::Db(_) | Self::Signing(_) => Reason::Internal,
        }
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Domain(error) => domain_metadata(error),
            Self::RequestIdReused(request_id) => vec![("request_id", request_id.clone())],
            Self::IssuerUnavailable(provider) => vec![("identity_provider", provider.clone())],
            Self::PageToken(_) | Self::Db(_) | Self::Refused(_) | Self::Signing(_) => Vec::new(),
        }
    }

    fn precondition_violations(&self) -> Vec<PreconditionViolation> {
        if let Self::Domain(domain::Error::MemberDeletionRefused { findings, .. }) = self {
            let violation = |f: &Finding| PreconditionViolation::new("FINDING", f.to_string(), f.describe());
            return findings.iter().map(violation).collect();
        }
        let Self::Domain(domain::Error::MemberInUse(blockers)) = self else { return Vec::new() };
        let violation = |blocker: &domain::Blocker| {
            let description = format!("{} holds a blocking claim of kind {}", blocker.service, blocker.kind);
            PreconditionViolation::new("CLAIM", format!("{}/{}", blocker.service, blocker.kind), description)
        };
        blockers.iter().map(violation).collect()
    }

    fn quota_violations(&self) -> Vec<QuotaViolation> {
        use domain::Error as E;
        let (subject, limit) = match self {
            Self::Domain(E::MemberQuotaExceeded { limit }) => ("members and pending invitations", limit),
            Self::Domain(E::InvitationRateExceeded { limit }) => ("invitations within 24 hours", limit),
            Self::Domain(E::UserQuotaExceeded { limit }) => ("users of the account", limit),
            Self::Domain(E::AccessKeyQuotaExceeded { limit }) => ("access keys of the user", limit),
            Self::Domain(E::VerificationQuotaExceeded { limit, .. }) => ("verification codes within 24 hours", limit),
            Self::Domain(E::IdentityProviderQuotaExceeded { limit }) => ("identity providers of the account", limit),
            _ => return Vec::new(),
        };
        vec![QuotaViolation::new(subject, format!("at most {limit}"))]
    }

    fn retry_after(&self) -> Option<Duration> {
        use domain::Error as E;
        match self {
            Self::Domain(E::VerificationTooSoon { retry_after } | E::VerificationQuotaExceeded { retry_after, .. }) => {
                Some(*retry_after)
            }
            Self::Db(DbError::Conflict(_)) => Some(RETRY_CONFLICT),
            Self::Db(DbError::Unavailable(_)) | Self::IssuerUnavailable(_) => Some(RETRY_UNAVAILABLE),
            _ => None,
        }
    }
}

fn domain_kind(error: &domain::Error) -> Kind {
    use domain::Error as E;
    match error {
        E::NotFound(_) => Kind::NotFound,
        E::EtagMismatch(_) => Kind::Aborted,
        E::EnterpriseIdentityRequired(_)
        | E::LegalEntityMismatch(_)
        | E::AccountAlreadyInDirectory(_)
        | E::InvitationStatusMismatch(_)
        | E::MemberTypeMismatch(_)
        | E::MemberInUse(_)
        | E::MemberPendingDeletion(_)
        | E::MemberNotPendingDeletion(_)
        | E::MemberDeletionRefused { .. }
        | E::RootUserDisabled(_)
        | E::RootUserImmutable
        | E::ManagementAccountNotEligible(_)
        | E::VerificationCodeInvalid { .. } => Kind::FailedPrecondition,
        E::DisplayNameUsed(_) | E::ExternalAccountUsed { .. } | E::InvitationPending(_) | E::UserExists(_) => {
            Kind::AlreadyExists
        }
        E::MemberQuotaExceeded { .. }
        | E::InvitationRateExceeded { .. }
        | E::UserQuotaExceeded { .. }
        | E::AccessKeyQuotaExceeded { .. }
        | E::VerificationTooSoon { .. }
        | E::VerificationQuotaExceeded { .. } => Kind::ResourceExhausted,
        E::UnknownPolicy(_) | E::UnknownTrustedService(_) => Kind::InvalidArgument,
        E::AccountNotInDirectory(_) => Kind::PermissionDenied,
        E::CredentialInvalid => Kind::Unauthenticated,
        E::IdentityProviderExists(_) => Kind::AlreadyExists,
        E::IdentityProviderQuotaExceeded { .. } => Kind::ResourceExhausted,
        E::SignInRefused => Kind::Unauthenticated,
    }
}

fn domain_reason(error: &domain::Error) -> Reason {
    use domain::Error as E;
    match error {
        E::NotFound(_) => Reason::ResourceNotFound,
        E::EtagMismatch(_) => Reason::EtagMismatch,
        E::EnterpriseIdentityRequired(_) => Reason::EnterpriseIdentityRequired,
        E::LegalEntityMismatch(_) => Reason::LegalEntityMismatch,
        E::AccountAlreadyInDirectory(_) => Reason::AccountAlreadyInDirectory,
        E::DisplayNameUsed(_) => Reason::DisplayNameUsed,
        E::ExternalAccountUsed { .. } => Reason::ExternalAccountUsed,
        E::MemberQuotaExceeded { .. } => Reason::MemberQuotaExceeded,
        E::InvitationRateExceeded { .. } => Reason::InvitationRateExceeded,
        E::InvitationPending(_) => Reason::InvitationPending,
        E::InvitationStatusMismatch(_) => Reason::InvitationStatusMismatch,
        E::MemberTypeMismatch(_) => Reason::MemberTypeMismatch,
        E::MemberInUse(_) => Reason::MemberInUse,
        E::MemberPendingDeletion(_) => Reason::MemberPendingDeletion,
        E::MemberNotPendingDeletion(_) => Reason::MemberNotPendingDeletion,
        E::MemberDeletionRefused { findings, .. } => deletion_reason(findings),
        E::RootUserDisabled(_) => Reason::RootUserDisabled,
        E::RootUserImmutable => Reason::RootUserImmutable,
        E::UserExists(_) => Reason::UserExists,
        E::UserQuotaExceeded { .. } => Reason::UserQuotaExceeded,
        E::AccessKeyQuotaExceeded { .. } => Reason::AccessKeyQuotaExceeded,
        E::UnknownPolicy(_) => Reason::UnknownPolicy,
        E::UnknownTrustedService(_) => Reason::UnknownTrustedService,
        E::ManagementAccountNotEligible(_) => Reason::ManagementAccountNotEligible,
        E::AccountNotInDirectory(_) => Reason::AccountNotInDirectory,
        E::CredentialInvalid => Reason::CredentialInvalid,
        E::IdentityProviderExists(_) => Reason::IdentityProviderExists,
        E::IdentityProviderQuotaExceeded { .. } => Reason::IdentityProviderQuotaExceeded,
        E::SignInRefused => Reason::CredentialInvalid,
        E::VerificationCodeInvalid { .. } => Reason::VerificationCodeInvalid,
        E::VerificationTooSoon { .. } => Reason::VerificationTooSoon,
        E::VerificationQuotaExceeded { .. } => Reason::VerificationQuotaExceeded,
    }
}

fn domain_metadata(error: &domain::Error) -> Vec<(&'static str, String)> {
    use domain::Error as E;
    let account = |id: &AccountId| vec![("account", id.name())];
    match error {
        E::NotFound(resource) | E::EtagMismatch(resource) => vec![("resource", resource.clone())],
        E::EnterpriseIdentityRequired(id)
        | E::LegalEntityMismatch(id)
        | E::AccountAlreadyInDirectory(id)
        | E::InvitationPending(id)
        | E::MemberPendingDeletion(id)
        | E::MemberNotPendingDeletion(id)
        | E::RootUserDisabled(id)
        | E::ManagementAccountNotEligible(id)
        | E::AccountNotInDirectory(id) => account(id),
        E::DisplayNameUsed(name) => vec![("display_name", name.clone())],
        E::ExternalAccountUsed { provider, external_id } => {
            vec![("provider", provider.clone()), ("external_id", external_id.clone())]
        }
        E::MemberQuotaExceeded { limit }
        | E::InvitationRateExceeded { limit }
        | E::UserQuotaExceeded { limit }
        | E::AccessKeyQuotaExceeded { limit }
        | E::VerificationQuotaExceeded { limit, .. } => vec![("limit", limit.to_string())],
        E::VerificationCodeInvalid { attempts_left } => vec![("attempts_left", attempts_left.to_string())],
        E::InvitationStatusMismatch(state) => vec![("state", state.as_str().to_owned())],
        E::MemberTypeMismatch(kind) => vec![("type", kind.as_str().to_owned())],
        E::MemberInUse(blockers) => blockers.first().map_or_else(Vec::new, |blocker| {
            vec![("trusted_service", blocker.service.to_string()), ("claim", blocker.kind.to_string())]
        }),
        E::MemberDeletionRefused { account: id, findings } => match findings.first() {
            Some(Finding { kind: FindingKind::PendingDeletion, .. }) | None => account(id),
            Some(gravest) => deletion_metadata(*gravest),
        },
        E::UserExists(user) => vec![("user", user.clone())],
        E::IdentityProviderExists(id) => vec![("identity_provider", id.clone())],
        E::IdentityProviderQuotaExceeded { limit } => vec![("limit", limit.to_string())],
        E::SignInRefused => Vec::new(),
        E::UnknownPolicy(policy) => vec![("policy", policy.clone())],
        E::UnknownTrustedService(service) => vec![("trusted_service", service.clone())],
        E::RootUserImmutable | E::CredentialInvalid | E::VerificationTooSoon { .. } => Vec::new(),
    }
}

/// The reason of the gravest finding; all of them are preconditions that were violated.
fn deletion_reason(findings: &[Finding]) -> Reason {
    match findings.first().map(|finding| finding.kind) {
        Some(FindingKind::PendingDeletion) => Reason::MemberPendingDeletion,
        Some(FindingKind::CloudAccount) => Reason::MemberTypeMismatch,
        Some(FindingKind::DeletionDisabled) => Reason::MemberDeletionDisabled,
        Some(FindingKind::Designation | FindingKind::Claim) => Reason::MemberInUse,
        Some(FindingKind::Enrolment | FindingKind::AccessKey) | None => Reason::MemberDeletionFindings,
    }
}

fn deletion_metadata(gravest: Finding) -> Vec<(&'static str, String)> {
    let about = match gravest.kind {
        FindingKind::CloudAccount => ("type", AccountType::Cloud.as_str().to_owned()),
        FindingKind::Designation => ("claim", claim::Kind::Designation.to_string()),
        FindingKind::Claim => ("claim", claim::Kind::Enrolment.to_string()),
        _ => ("finding", gravest.to_string()),
    };
    let service = gravest.service.map(|service| ("trusted_service", service.to_string()));
    service.into_iter().chain([about]).collect()
}
