//! Why a change is refused. Every text may be read by who asked for it: none tells of other tenants.

use std::time::Duration;

use bailiwick_core::{AccountId, TrustedService};

use super::{account::AccountType, invitation::State, member::Finding};

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
    /// The member is of the other type (E-DIR-15).
    #[error("a member of type {} cannot be removed", .0.as_str().to_lowercase())]
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
    #[error("the root user can neither be deleted nor be given policies")]
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
