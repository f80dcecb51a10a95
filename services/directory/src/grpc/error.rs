//! Errors as callers see them.

use std::{error::Error as _, fmt::Write, time::Duration};

use bailiwick_api::errors::v1::ErrorReason as Reason;
use bailiwick_core::AccountId;
use bailiwick_db::DbError;
use bailiwick_rpc::{ApiError, FieldViolation, Kind, PreconditionViolation, QuotaViolation, refusal, status};
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
            Error::Db(DbError::Conflict(_) | DbError::ChangeTooLarge { .. }) => {}
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
            Self::Db(DbError::ChangeTooLarge { .. }) => Kind::ResourceExhausted,
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
            Self::Db(DbError::ChangeTooLarge { .. }) => Reason::ChangeTooLarge,
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
            Self::Db(DbError::ChangeTooLarge { limit, .. }) => vec![("limit_bytes", limit.to_string())],
            Self::IssuerUnavailable(provider) => vec![("identity_provider", provider.clone())],
            Self::PageToken(_) | Self::Db(_) | Self::Refused(_) | Self::Signing(_) => Vec::new(),
        }
    }

    fn field_violations(&self) -> Vec<FieldViolation> {
        let field = match self {
            Self::Domain(domain::Error::ExpireTimeOutOfRange) => "credential.expire_time",
            Self::Domain(domain::Error::SessionPolicyTooLong) => "session_policy",
            Self::Domain(domain::Error::SessionTooLong { .. }) => "duration_seconds",
            _ => return Vec::new(),
        };
        vec![FieldViolation::new(field, self.to_string())]
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
            Self::Domain(E::CredentialQuotaExceeded { limit }) => ("single-purpose credentials of the user", limit),
            Self::Domain(E::FolderDepthExceeded { limit }) => ("levels of folders below the root folder", limit),
            Self::Domain(E::FolderQuotaExceeded { limit }) => ("folders of the directory", limit),
            Self::Domain(E::ControlPolicyQuotaExceeded { on: None, limit }) => {
                ("custom control policies of the directory", limit)
            }
            Self::Domain(E::ControlPolicyQuotaExceeded { on: Some(_), limit }) => {
                ("control policies of the folder or member", limit)
            }
            Self::Domain(E::VerificationQuotaExceeded { limit, .. }) => ("verification codes within 24 hours", limit),
            Self::Domain(E::QuotaExceeded { quota, limit }) => {
                return vec![QuotaViolation::new(quota.to_string(), format!("at most {limit}"))];
            }
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
        E::EtagMismatch(_) | E::SourceFolderMismatch(_) => Kind::Aborted,
        E::FolderDepthExceeded { .. }
        | E::FolderHasMembers(_)
        | E::FolderHasSubfolders(_)
        | E::RootFolderImmutable
        | E::FolderCycle(_)
        | E::AlreadyInFolder(_)
        | E::DirectoryHasMembers { .. }
        | E::DirectoryHasInvitations { .. }
        | E::DirectoryHasFolders { .. }
        | E::DirectoryInUse { .. }
        | E::ControlPolicyNotAttached { .. }
        | E::LastControlPolicy(_)
        | E::ControlPolicyInUse { .. } => Kind::FailedPrecondition,
        E::FolderNameUsed(_) | E::ControlPolicyExists(_) | E::ControlPolicyAttached { .. } => Kind::AlreadyExists,
        E::FolderQuotaExceeded { .. } | E::ControlPolicyQuotaExceeded { .. } => Kind::ResourceExhausted,
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
        | E::AccessKeyDisabled(_)
        | E::ManagementAccountNotEligible(_)
        | E::VerificationCodeInvalid { .. }
        | E::MissingSecurityInfo(_)
        | E::AccessKeyInUse { .. }
        | E::RiskNotAcknowledged
        | E::PhoneAlreadyBound(_)
        | E::ContactChangeNotPending(_) => Kind::FailedPrecondition,
        E::DisplayNameUsed(_) | E::ExternalAccountUsed { .. } | E::InvitationPending(_) | E::UserExists(_) => {
            Kind::AlreadyExists
        }
        E::MemberQuotaExceeded { .. }
        | E::InvitationRateExceeded { .. }
        | E::UserQuotaExceeded { .. }
        | E::AccessKeyQuotaExceeded { .. }
        | E::CredentialQuotaExceeded { .. }
        | E::VerificationTooSoon { .. }
        | E::VerificationQuotaExceeded { .. } => Kind::ResourceExhausted,
        E::ExpireTimeOutOfRange | E::SessionTooLong { .. } | E::SessionPolicyTooLong => Kind::InvalidArgument,
        E::UnknownPolicy(_) | E::UnknownTrustedService(_) => Kind::InvalidArgument,
        E::AccountNotInDirectory(_) => Kind::PermissionDenied,
        E::LinkedRoleInUse(_) => Kind::FailedPrecondition,
        E::CredentialInvalid => Kind::Unauthenticated,
        E::QuotaExceeded { .. } => Kind::ResourceExhausted,
        E::ResourceExists(_) => Kind::AlreadyExists,
        E::PolicyInUse { .. }
        | E::PolicyVersionInUse(_)
        | E::SystemPolicyImmutable(_)
        | E::ServiceLinkedRoleImmutable { .. } => Kind::FailedPrecondition,
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
        E::AccessKeyDisabled(_) => Reason::AccessKeyDisabled,
        E::CredentialQuotaExceeded { .. } => Reason::CredentialQuotaExceeded,
        E::ExpireTimeOutOfRange | E::SessionPolicyTooLong => Reason::InvalidField,
        E::SessionTooLong { .. } => Reason::SessionTooLong,
        E::LinkedRoleInUse(_) => Reason::ServiceLinkedRoleInUse,
        E::CredentialInvalid => Reason::CredentialInvalid,
        E::IdentityProviderExists(_) => Reason::IdentityProviderExists,
        E::IdentityProviderQuotaExceeded { .. } => Reason::IdentityProviderQuotaExceeded,
        E::SignInRefused => Reason::CredentialInvalid,
        E::VerificationCodeInvalid { .. } => Reason::VerificationCodeInvalid,
        E::VerificationTooSoon { .. } => Reason::VerificationTooSoon,
        E::VerificationQuotaExceeded { .. } => Reason::VerificationQuotaExceeded,
        E::MissingSecurityInfo(_) => Reason::MissingSecurityInfo,
        E::AccessKeyInUse { .. } => Reason::AccessKeyInUse,
        E::RiskNotAcknowledged => Reason::RiskNotAcknowledged,
        E::PhoneAlreadyBound(_) => Reason::PhoneAlreadyBound,
        E::ContactChangeNotPending(_) => Reason::ContactChangeNotPending,
        E::QuotaExceeded { .. } => Reason::IdentityQuotaExceeded,
        E::ResourceExists(_) => Reason::ResourceExists,
        E::PolicyInUse { .. } => Reason::PolicyInUse,
        E::PolicyVersionInUse(_) => Reason::PolicyVersionInUse,
        E::SystemPolicyImmutable(_) => Reason::SystemPolicyImmutable,
        E::ServiceLinkedRoleImmutable { .. } => Reason::ServiceLinkedRoleImmutable,
        E::FolderDepthExceeded { .. } => Reason::FolderDepthExceeded,
        E::FolderQuotaExceeded { .. } => Reason::FolderQuotaExceeded,
        E::FolderNameUsed(_) => Reason::FolderNameUsed,
        E::FolderHasMembers(_) => Reason::FolderHasMembers,
        E::FolderHasSubfolders(_) => Reason::FolderHasSubfolders,
        E::RootFolderImmutable => Reason::RootFolderImmutable,
        E::FolderCycle(_) => Reason::FolderCycle,
        E::AlreadyInFolder(_) => Reason::AlreadyInFolder,
        E::SourceFolderMismatch(_) => Reason::SourceFolderMismatch,
        E::DirectoryHasMembers { .. } => Reason::DirectoryHasMembers,
        E::DirectoryHasInvitations { .. } => Reason::DirectoryHasInvitations,
        E::DirectoryHasFolders { .. } => Reason::DirectoryHasFolders,
        E::DirectoryInUse { .. } => Reason::DirectoryInUse,
        E::ControlPolicyExists(_) => Reason::ControlPolicyExists,
        E::ControlPolicyQuotaExceeded { .. } => Reason::ControlPolicyQuotaExceeded,
        E::ControlPolicyAttached { .. } => Reason::ControlPolicyAttached,
        E::ControlPolicyNotAttached { .. } => Reason::ControlPolicyNotAttached,
        E::LastControlPolicy(_) => Reason::LastControlPolicy,
        E::ControlPolicyInUse { .. } => Reason::ControlPolicyInUse,
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
        | E::AccountNotInDirectory(id)
        | E::MissingSecurityInfo(id)
        | E::PhoneAlreadyBound(id) => account(id),
        E::AccessKeyInUse { account: id, keys } => {
            vec![("account", id.name()), ("access_keys", keys.to_string())]
        }
        E::ContactChangeNotPending(state) => state.iter().map(|state| ("state", state.as_str().to_owned())).collect(),
        E::DisplayNameUsed(name) => vec![("display_name", name.clone())],
        E::ExternalAccountUsed { provider, external_id } => {
            vec![("provider", provider.clone()), ("external_id", external_id.clone())]
        }
        E::MemberQuotaExceeded { limit }
        | E::InvitationRateExceeded { limit }
        | E::UserQuotaExceeded { limit }
        | E::AccessKeyQuotaExceeded { limit }
        | E::CredentialQuotaExceeded { limit }
        | E::VerificationQuotaExceeded { limit, .. } => vec![("limit", limit.to_string())],
        E::VerificationCodeInvalid { attempts_left } => vec![("attempts_left", attempts_left.to_string())],
        E::AccessKeyDisabled(key) => vec![("access_key", key.clone())],
        E::SessionTooLong { limit } => vec![("max_seconds", limit.to_string())],
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
        E::LinkedRoleInUse(role) => vec![("role", role.clone())],
        E::IdentityProviderExists(id) => vec![("identity_provider", id.clone())],
        E::IdentityProviderQuotaExceeded { limit } => vec![("limit", limit.to_string())],
        E::SignInRefused => Vec::new(),
        E::UnknownPolicy(policy) => vec![("policy", policy.clone())],
        E::UnknownTrustedService(service) => vec![("trusted_service", service.clone())],
        E::RootUserImmutable
        | E::ExpireTimeOutOfRange
        | E::SessionPolicyTooLong
        | E::CredentialInvalid
        | E::RootFolderImmutable
        | E::RiskNotAcknowledged
        | E::VerificationTooSoon { .. } => Vec::new(),
        E::QuotaExceeded { quota, limit } => vec![("quota", quota.to_string()), ("limit", limit.to_string())],
        E::ResourceExists(resource) => vec![("resource", resource.clone())],
        E::PolicyInUse { policy, attachments } => {
            vec![("policy", policy.clone()), ("attachments", attachments.to_string())]
        }
        E::PolicyVersionInUse(version) => vec![("version", version.clone())],
        E::SystemPolicyImmutable(policy) => vec![("policy", policy.clone())],
        E::ServiceLinkedRoleImmutable { role, service } => {
            vec![("role", role.clone()), ("trusted_service", service.to_string())]
        }
        E::FolderDepthExceeded { limit }
        | E::FolderQuotaExceeded { limit }
        | E::ControlPolicyQuotaExceeded { on: None, limit } => vec![("limit", limit.to_string())],
        E::ControlPolicyQuotaExceeded { on: Some(target), limit } => {
            vec![("limit", limit.to_string()), ("target", target.clone())]
        }
        E::FolderNameUsed(name) => vec![("display_name", name.clone())],
        E::FolderHasMembers(folder)
        | E::FolderHasSubfolders(folder)
        | E::FolderCycle(folder)
        | E::AlreadyInFolder(folder)
        | E::SourceFolderMismatch(folder) => vec![("folder", folder.clone())],
        E::DirectoryHasMembers { members } => vec![("members", members.to_string())],
        E::DirectoryHasInvitations { pending } => vec![("pending_invitations", pending.to_string())],
        E::DirectoryHasFolders { folders } => vec![("folders", folders.to_string())],
        E::DirectoryInUse { claims } => vec![("claims", claims.to_string())],
        E::ControlPolicyExists(policy) => vec![("control_policy", policy.clone())],
        E::ControlPolicyAttached { policy, target } | E::ControlPolicyNotAttached { policy, target } => {
            vec![("control_policy", policy.clone()), ("target", target.clone())]
        }
        E::LastControlPolicy(target) => vec![("target", target.clone())],
        E::ControlPolicyInUse { policy, attachments } => {
            vec![("control_policy", policy.clone()), ("attachments", attachments.to_string())]
        }
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
