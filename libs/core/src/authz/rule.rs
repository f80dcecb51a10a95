//! The rule of a method, as its contract states it (`bailiwick.options.v1.AuthorizationRule`).

use crate::{Role, TrustedService};

/// Who may call a method, on what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The method's path on the wire, `/bailiwick.directory.v1.MemberService/CreateMember`.
    pub path: &'static str,
    /// The role that serves it; none where every role with a database does.
    pub role: Option<Role>,
    /// The action that policies match.
    pub action: &'static str,
    /// The seat that the caller must hold.
    pub seat: Seat,
    /// For administrator seats: the trusted service; none for any of them.
    pub trusted_service: Option<TrustedService>,
    /// The request field that names the resource.
    pub resource: Option<FieldPath>,
    /// The request fields that name the accounts acted on.
    pub accounts: &'static [FieldPath],
    /// Whether the accounts must be enrolled in the trusted service.
    pub enrolled: bool,
    /// Whether root users are refused.
    pub operator_required: bool,
    /// Further actions that policies must allow.
    pub also_requires: &'static [&'static str],
    /// What the audit trail keeps.
    pub audit: Audit,
    /// For internal methods: the roles that may call.
    pub callers: &'static [Role],
    /// Whether the handler limits its answer to the scope of the permit, so that an administrator of a folder may call.
    pub scope_filtered: bool,
    /// The request field with the external id that a trust policy may ask for.
    pub external_id: Option<FieldPath>,
    /// Whether the request is a stream.
    pub client_streaming: bool,
    /// Whether the answer is a stream.
    pub server_streaming: bool,
}

impl Rule {
    /// Whether the request must be read to decide.
    pub fn reads_request(&self) -> bool {
        self.resource.is_some() || !self.accounts.is_empty() || self.external_id.is_some()
    }

    /// `bailiwick.directory.v1.MemberService/CreateMember`.
    pub fn method(&self) -> &'static str {
        self.path.strip_prefix('/').unwrap_or(self.path)
    }
}

/// A path to a field of a request, for reading it from the wire. No step is a map or in a oneof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldPath {
    /// `delegated_administrator.account`.
    pub text: &'static str,
    /// The field numbers along the path; the last is of a string field.
    pub numbers: &'static [u32],
}

/// The relation of a caller to the resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seat {
    /// Anyone.
    Public,
    /// Any identified caller.
    Authenticated,
    /// Whoever runs this installation.
    PlatformOperator,
    /// The account that owns the resource.
    OwnAccount,
    /// The management account of the directory that owns the resource.
    ManagementAccount,
    /// The management account or a delegated administrator of the trusted service.
    Administrator,
    /// Own account, or administrator of the directory that the account is a member of.
    OwnAccountOrAdministrator,
    /// The member that the resource names.
    Member,
    /// The account that the invitation was sent to.
    Invitee,
    /// Roles of the suite.
    Internal,
    /// Whoever the trust policy of the role trusts that the resource names.
    TrustedPrincipal,
}

impl Seat {
    /// The name in the contract, without its prefix.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "PUBLIC",
            Self::Authenticated => "AUTHENTICATED",
            Self::PlatformOperator => "PLATFORM_OPERATOR",
            Self::OwnAccount => "OWN_ACCOUNT",
            Self::ManagementAccount => "MANAGEMENT_ACCOUNT",
            Self::Administrator => "ADMINISTRATOR",
            Self::OwnAccountOrAdministrator => "OWN_ACCOUNT_OR_ADMINISTRATOR",
            Self::Member => "MEMBER",
            Self::Invitee => "INVITEE",
            Self::Internal => "INTERNAL",
            Self::TrustedPrincipal => "TRUSTED_PRINCIPAL",
        }
    }
}

/// What the audit trail keeps of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audit {
    /// Nothing.
    None,
    /// The call reads.
    Read,
    /// The call changes state.
    Write,
}
