//! Why a change is refused. Every text may be read by who asked for it: none tells of other tenants.

use std::time::Duration;

use bailiwick_core::{AccountId, TrustedService};

use super::{Quota, account::AccountType, invitation::State, member::Finding, security_info::ChangeState};

/// A claim that keeps a member in its directory (E-DIR-16, E-DIR-17).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocker {
    /// The service that holds it.
    pub service: TrustedService,
    /// What it stands for.
    pub kind: super::claim::Kind,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The resource does not exist, or not for who asks.
    #[error("`{0}` does not exist")]
    NotFound(String),
    /// The resource was changed since its etag was read.
    #[error("`{0}` has changed since its etag was read")]
    EtagMismatch(String),
    /// No verified enterprise identity (R-DIR-02, R-DIR-16).
    #[error("the enterprise identity of `accounts/{0}` has not been verified")]
    EnterpriseIdentityRequired(AccountId),
    /// Another enterprise (R-DIR-15). Also said of an account that does not exist, so that a sender learns nothing.
    #[error("`accounts/{0}` is not an account of the same enterprise as the directory")]
    LegalEntityMismatch(AccountId),
    /// The account has a directory (R-DIR-05, E-DIR-08).
    #[error("`accounts/{0}` belongs to a directory already")]
    AccountAlreadyInDirectory(AccountId),
    /// The display name is taken (E-DIR-11).
    #[error("an account of the directory has the display name `{0}` already")]
    DisplayNameUsed(String),
    /// The provider's account is registered.
    #[error("account `{external_id}` of provider `{provider}` is registered already")]
    ExternalAccountUsed {
        /// The provider.
        provider: String,
        /// Its id of the account.
        external_id: String,
    },
    /// No room for a member (E-DIR-03).
    #[error("the directory has {limit} members and pending invitations, which is the limit")]
    MemberQuotaExceeded {
        /// Most members.
        limit: u32,
    },
    /// Too many invitations (E-DIR-04).
    #[error("the directory has sent {limit} invitations within a day, which is the limit")]
    InvitationRateExceeded {
        /// Most invitations within 24 hours.
        limit: u32,
    },
    /// An invitation is pending (E-DIR-07).
    #[error("an invitation to `accounts/{0}` is pending")]
    InvitationPending(AccountId),
    /// The invitation is finished (E-DIR-06).
    #[error("the invitation is no longer pending: it is {}", .0.as_str().to_lowercase())]
    InvitationStatusMismatch(State),
    /// The member is of the other type (E-DIR-15, R-DIR-33).
    #[error("this cannot be done to a member of type {}", .0.as_str().to_lowercase())]
    MemberTypeMismatch(AccountType),
    /// Services use the member (E-DIR-16, E-DIR-17); at least one.
    #[error("trusted services use the member: remove their designations first")]
    MemberInUse(Vec<Blocker>),
    /// The member waits for its deletion (E-DIR-20, E-DEL-05).
    #[error("`accounts/{0}` waits for its deletion")]
    MemberPendingDeletion(AccountId),
    /// There is no deletion to be taken back.
    #[error("`accounts/{0}` does not wait for its deletion")]
    MemberNotPendingDeletion(AccountId),
    /// Something stands against the deletion of the member that was not ignored (E-DIR-15, E-DIR-16, E-DIR-19,
    /// E-DIR-20).
    #[error("`accounts/{account}` cannot be deleted: {}", told(.findings))]
    MemberDeletionRefused {
        /// The account.
        account: AccountId,
        /// What stands against it: at least one, the gravest first.
        findings: Vec<Finding>,
    },
    /// The root user is disabled (R-DIR-30).
    #[error("the root user of `accounts/{0}` is disabled")]
    RootUserDisabled(AccountId),
    /// The root user is as it is.
    #[error(
        "the root user can neither be deleted nor be given policies nor be put into a group, and nobody else makes its credentials"
    )]
    RootUserImmutable,
    /// The user id is taken.
    #[error("the account has a user `{0}` already")]
    UserExists(String),
    /// Too many users.
    #[error("the account has {limit} users, which is the limit")]
    UserQuotaExceeded {
        /// Most users.
        limit: u32,
    },
    /// Too many access keys.
    #[error("the user has {limit} access keys, which is the limit")]
    AccessKeyQuotaExceeded {
        /// Most keys of one user.
        limit: u32,
    },
    /// No such policy.
    #[error("there is no policy `{0}`")]
    UnknownPolicy(String),
    /// No such trusted service (E-DEL-04).
    #[error("there is no trusted service `{0}`")]
    UnknownTrustedService(String),
    /// The management account is no member that could be used (E-DEL-01).
    #[error("`accounts/{0}` is the management account of the directory")]
    ManagementAccountNotEligible(AccountId),
    /// The account is no member, or does not exist (R-DEL-03).
    #[error("`accounts/{0}` does not belong to the directory")]
    AccountNotInDirectory(AccountId),
    /// The key cannot be rotated.
    #[error("`{0}` is disabled: create another key instead of rotating it")]
    AccessKeyDisabled(String),
    /// Too many single-purpose credentials.
    #[error("the user has {limit} single-purpose credentials, which is the limit")]
    CredentialQuotaExceeded {
        /// Most credentials of one user.
        limit: u32,
    },
    /// The end of a credential is past or too far.
    #[error("`credential.expire_time` must be after the present moment, and at most 3,650 days ahead")]
    ExpireTimeOutOfRange,
    /// The session would last longer than it may (E-GW-02).
    #[error("the session may last {limit} seconds at most")]
    SessionTooLong {
        /// Longest session, in seconds.
        limit: u32,
    },
    /// The session policy makes a token that is too long to be sent.
    #[error("`session_policy` is too long for a token: make it shorter")]
    SessionPolicyTooLong,
    /// A claim of the service needs the service-linked role (E-DEL-11).
    #[error("the service uses the account: `{0}` cannot be deleted")]
    LinkedRoleInUse(String),
    /// Too many levels of folders (E-DIR-01).
    #[error("a folder would lie more than {limit} levels below the root folder")]
    FolderDepthExceeded {
        /// Most levels.
        limit: u32,
    },
    /// Too many folders (E-DIR-02).
    #[error("the directory has {limit} folders, which is the limit")]
    FolderQuotaExceeded {
        /// Most folders.
        limit: u32,
    },
    /// The name is taken (E-DIR-11).
    #[error("another folder in the same folder has the display name `{0}`")]
    FolderNameUsed(String),
    /// There are members in the folder (E-DIR-12).
    #[error("`{0}` has members")]
    FolderHasMembers(String),
    /// There are folders in the folder (E-DIR-12).
    #[error("`{0}` has subfolders")]
    FolderHasSubfolders(String),
    /// The root folder is as it is (E-DIR-13).
    #[error("the root folder can be neither renamed nor moved nor deleted")]
    RootFolderImmutable,
    /// The folder would come to lie below itself.
    #[error("`{0}` cannot be moved into itself or a folder below it")]
    FolderCycle(String),
    /// What is to be moved is in the folder.
    #[error("it is in `{0}` already")]
    AlreadyInFolder(String),
    /// The member is in this folder, not in the one that it was thought to be in.
    #[error("the member is in `{0}`")]
    SourceFolderMismatch(String),
    /// Members (E-DIR-18).
    #[error("the directory has {members} members")]
    DirectoryHasMembers {
        /// How many.
        members: u32,
    },
    /// Invitations that can still be accepted (E-DIR-18).
    #[error("the directory has {pending} pending invitations")]
    DirectoryHasInvitations {
        /// How many.
        pending: u32,
    },
    /// Folders (E-DIR-18).
    #[error("the directory has {folders} folders besides the root folder")]
    DirectoryHasFolders {
        /// How many.
        folders: u32,
    },
    /// Services use the directory (E-DIR-18).
    #[error("trusted services hold {claims} claims in the directory")]
    DirectoryInUse {
        /// How many.
        claims: u32,
    },
    /// The id is taken.
    #[error("the directory has a control policy `{0}` already")]
    ControlPolicyExists(String),
    /// Too many control policies (E-DIR-26, E-DIR-29).
    #[error("{} {limit} control policies, which is the limit", .on.as_ref().map_or_else(|| "the directory has".to_owned(), |on| format!("`{on}` is bounded by")))]
    ControlPolicyQuotaExceeded {
        /// On this folder or member; in the directory if none.
        on: Option<String>,
        /// Most policies.
        limit: u32,
    },
    /// It is attached already.
    #[error("`{policy}` is attached to `{target}` already")]
    ControlPolicyAttached {
        /// The policy.
        policy: String,
        /// The folder or member.
        target: String,
    },
    /// It is not attached.
    #[error("`{policy}` is not attached to `{target}`")]
    ControlPolicyNotAttached {
        /// The policy.
        policy: String,
        /// The folder or member.
        target: String,
    },
    /// A folder or member has one control policy at least (E-DIR-26).
    #[error("it is the last control policy of `{0}`")]
    LastControlPolicy(String),
    /// It is attached somewhere.
    #[error("`{policy}` is attached to {attachments} folders and members")]
    ControlPolicyInUse {
        /// The policy.
        policy: String,
        /// To how many.
        attachments: u32,
    },
    /// Access key and secret do not match, or may not be used: all the same to who tries.
    #[error("the access key or its secret is wrong")]
    CredentialInvalid,
    /// The id of an identity provider is taken.
    #[error("the account has an identity provider `{0}` already")]
    IdentityProviderExists(String),
    /// Too many identity providers.
    #[error("the account has {limit} identity providers, which is the limit")]
    IdentityProviderQuotaExceeded {
        /// Most providers of one account.
        limit: u32,
    },
    /// Nobody is signed in: all the same to who tries, whatever the reason.
    #[error("the ID token is not accepted by this identity provider, or signs nobody in")]
    SignInRefused,
    /// No code, a wrong one, one for something else, or one that is no longer good (R-DIR-28).
    #[error("the verification code is not valid; {}", tries(.attempts_left))]
    VerificationCodeInvalid {
        /// Wrong guesses that the code still bears; 0 if there is no code to guess.
        attempts_left: u32,
    },
    /// A code was sent a moment ago.
    #[error("a verification code was sent already; the next can be sent in {} seconds", .retry_after.as_secs().max(1))]
    VerificationTooSoon {
        /// How long it is until the next can be sent.
        retry_after: Duration,
    },
    /// Too many codes (E-DIR-23).
    #[error("{limit} verification codes were sent within a day, which is the limit")]
    VerificationQuotaExceeded {
        /// Most codes within 24 hours.
        limit: u32,
        /// How long it is until the next can be sent.
        retry_after: Duration,
    },
    /// As many groups, policies or roles as there may be.
    #[error("no room: the limit is {limit} {quota}")]
    QuotaExceeded {
        /// What there is no room for.
        quota: Quota,
        /// Most of them.
        limit: u32,
    },
    /// The name of a group, policy or role is taken.
    #[error("`{0}` exists already")]
    ResourceExists(String),
    /// Somebody has the policy.
    #[error("`{policy}` is attached {attachments} times: detach it first")]
    PolicyInUse {
        /// The policy.
        policy: String,
        /// How many users, groups and roles have it.
        attachments: u32,
    },
    /// The version counts.
    #[error("`{0}` is the version that counts: make another one the default first")]
    PolicyVersionInUse(String),
    /// The policy is a system policy.
    #[error("`{0}` is a system policy, which nobody changes")]
    SystemPolicyImmutable(String),
    /// The role is service-linked (E-DEL-12).
    #[error("`{role}` is linked to `{service}`, and only that service changes it")]
    ServiceLinkedRoleImmutable {
        /// The role.
        role: String,
        /// The service.
        service: TrustedService,
    },
    /// No address that a code could be sent to (R-DIR-21).
    #[error("`accounts/{0}` has no phone number or e-mail address in its security information to send a code to")]
    MissingSecurityInfo(AccountId),
    /// Access keys that work (R-DIR-22).
    #[error("{keys} access keys of `accounts/{account}` are enabled: disable them first")]
    AccessKeyInUse {
        /// The account.
        account: AccountId,
        /// How many.
        keys: u32,
    },
    /// The operator has not said that they know the risk (R-DIR-26).
    #[error("the switch changes who can sign in to the account: acknowledge the risk with `acknowledge_risk`")]
    RiskNotAcknowledged,
    /// The phone of a resource account is bound once (E-DIR-23).
    #[error("`accounts/{0}` is a resource account with a phone number, which does not change")]
    PhoneAlreadyBound(AccountId),
    /// No change of the contact waits (E-DIR-24): where the latest is, if there was one.
    #[error("no change of the contact waits for its code{}", latest(.0))]
    ContactChangeNotPending(Option<ChangeState>),
}

fn latest(state: &Option<ChangeState>) -> String {
    state.map_or_else(String::new, |state| format!(": the latest is {}", state.as_str().to_lowercase()))
}

fn tries(left: &u32) -> String {
    match left {
        0 => "request a new one".to_owned(),
        1 => "1 try is left".to_owned(),
        left => format!("{left} tries are left"),
    }
}

fn told(findings: &[Finding]) -> String {
    findings.iter().map(Finding::describe).collect::<Vec<_>>().join("; ")
}
