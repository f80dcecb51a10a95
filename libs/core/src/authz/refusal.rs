//! Why a call is refused.

use std::fmt;

use crate::{AccountId, IdentityName};

/// The status codes that refusals use, a part of gRPC's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The request cannot be right for any caller.
    InvalidArgument,
    /// Nobody is identified.
    Unauthenticated,
    /// The caller may not.
    PermissionDenied,
    /// The caller may not know whether it exists.
    NotFound,
}

/// The reasons of refusals: values of `bailiwick.errors.v1.ErrorReason`, without their prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No credential.
    CredentialMissing,
    /// The identity is disabled or deleted, or the token is of an earlier generation.
    CredentialRevoked,
    /// The seat is not held.
    SeatRequired,
    /// No policy allows the action.
    ActionNotAllowed,
    /// A policy denies the action.
    ActionDenied,
    /// Root users are refused.
    OperatorRequired,
    /// The trusted service may not work on the directory.
    TrustedAccessRequired,
    /// An account acted on does not belong to the directory.
    AccountNotInDirectory,
    /// An account acted on is not in the scope of the service.
    AccountNotEnrolled,
    /// The administrator was designated for a folder, and the call reaches beyond it.
    OutsideFolderScope,
    /// The role does not trust the caller.
    RoleNotTrusted,
    /// The account of the caller waits for its deletion.
    AccountSuspended,
    /// The method is for roles of the suite.
    InternalMethod,
    /// The tenant is none of the caller's.
    ResourceNotFound,
    /// A field that names resource or account is malformed.
    InvalidField,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 15] = [
        Self::CredentialMissing,
        Self::CredentialRevoked,
        Self::SeatRequired,
        Self::ActionNotAllowed,
        Self::ActionDenied,
        Self::OperatorRequired,
        Self::TrustedAccessRequired,
        Self::AccountNotInDirectory,
        Self::AccountNotEnrolled,
        Self::OutsideFolderScope,
        Self::RoleNotTrusted,
        Self::AccountSuspended,
        Self::InternalMethod,
        Self::ResourceNotFound,
        Self::InvalidField,
    ];

    /// The name in the contract, without its prefix.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CredentialMissing => "CREDENTIAL_MISSING",
            Self::CredentialRevoked => "CREDENTIAL_REVOKED",
            Self::SeatRequired => "SEAT_REQUIRED",
            Self::ActionNotAllowed => "ACTION_NOT_ALLOWED",
            Self::ActionDenied => "ACTION_DENIED",
            Self::OperatorRequired => "OPERATOR_REQUIRED",
            Self::TrustedAccessRequired => "TRUSTED_ACCESS_REQUIRED",
            Self::AccountNotInDirectory => "ACCOUNT_NOT_IN_DIRECTORY",
            Self::AccountNotEnrolled => "ACCOUNT_NOT_ENROLLED",
            Self::OutsideFolderScope => "OUTSIDE_FOLDER_SCOPE",
            Self::RoleNotTrusted => "ROLE_NOT_TRUSTED",
            Self::AccountSuspended => "ACCOUNT_SUSPENDED",
            Self::InternalMethod => "INTERNAL_METHOD",
            Self::ResourceNotFound => "RESOURCE_NOT_FOUND",
            Self::InvalidField => "INVALID_FIELD",
        }
    }

    /// The status code that goes with it.
    pub const fn code(self) -> Code {
        match self {
            Self::CredentialMissing | Self::CredentialRevoked => Code::Unauthenticated,
            Self::ResourceNotFound => Code::NotFound,
            Self::InvalidField => Code::InvalidArgument,
            Self::SeatRequired
            | Self::ActionNotAllowed
            | Self::ActionDenied
            | Self::OperatorRequired
            | Self::TrustedAccessRequired
            | Self::AccountNotInDirectory
            | Self::AccountNotEnrolled
            | Self::OutsideFolderScope
            | Self::RoleNotTrusted
            | Self::AccountSuspended
            | Self::InternalMethod => Code::PermissionDenied,
        }
    }
}

/// A refused call. What it says may be read by the refused caller: it tells nothing of other tenants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason.
    pub reason: Reason,
    /// One sentence for a person.
    pub message: String,
    /// Further facts for a program, such as `required_seat` (R-GW-11).
    pub metadata: Vec<(&'static str, String)>,
    /// The request field at fault, for [`Reason::InvalidField`].
    pub field: Option<&'static str>,
}

impl Refusal {
    /// The refusal of what does not exist, or belongs to a tenant that the caller has nothing to do with: the same
    /// words for both.
    pub fn not_found(resource: &str) -> Self {
        Self {
            reason: Reason::ResourceNotFound,
            message: format!("`{resource}` does not exist"),
            metadata: vec![("resource", resource.to_owned())],
            field: None,
        }
    }

    /// The refusal of a credential that no longer counts, or of one whose identity does not.
    pub fn revoked(identity: &IdentityName) -> Self {
        let message = format!("`{identity}` or the credential that the token was had with has been disabled");
        Self { reason: Reason::CredentialRevoked, message, metadata: Vec::new(), field: None }
            .with("principal", identity.to_string())
    }

    /// The refusal of whoever belongs to an account that waits for its deletion.
    pub fn suspended(account: AccountId) -> Self {
        let message = format!("`{}` waits for its deletion; nobody acts in it", account.name());
        Self { reason: Reason::AccountSuspended, message, metadata: Vec::new(), field: None }
            .with("account", account.name())
    }

    /// The refusal of a role to somebody whom it does not trust.
    pub fn role_not_trusted(role: &IdentityName, caller: &IdentityName) -> Self {
        let message = format!("`{role}` does not trust `{caller}`, or not with this external id or from here");
        Self { reason: Reason::RoleNotTrusted, message, metadata: Vec::new(), field: None }
            .with("role", role.to_string())
    }

    pub(super) fn with(mut self, key: &'static str, value: String) -> Self {
        self.metadata.push((key, value));
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}
