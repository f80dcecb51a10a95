//! The facts that decide access.

use crate::{AccountId, DirectoryId, IdentityName, PrincipalKind, TrustedService};

use super::SystemPolicy;

/// What [`super::decide`] reads. Every answer is of one and the same revision.
pub trait Facts {
    /// The revision.
    fn revision(&self) -> i64;
    /// An account, and its membership.
    fn account(&self, account: AccountId) -> Option<AccountFact>;
    /// The management account of a directory.
    fn management_account(&self, directory: DirectoryId) -> Option<AccountId>;
    /// Whether a trusted service may work on a directory.
    fn trusted_access(&self, directory: DirectoryId, service: TrustedService) -> bool;
    /// Whether an account is delegated administrator of a service, in its present membership.
    fn is_administrator(&self, directory: DirectoryId, service: TrustedService, account: AccountId) -> bool;
    /// Whether an account is in the scope of a service, in its present membership.
    fn is_enrolled(&self, directory: DirectoryId, service: TrustedService, account: AccountId) -> bool;
    /// An identity.
    fn identity(&self, identity: &IdentityName) -> Option<&IdentityFact>;
    /// The account that an invitation of a directory was sent to.
    fn invitee(&self, directory: DirectoryId, invitation: &str) -> Option<AccountId>;
}

/// An account as access sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountFact {
    /// The directory that it belongs to.
    pub directory: Option<DirectoryId>,
}

/// An identity as access sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityFact {
    /// The kind.
    pub kind: PrincipalKind,
    /// Whether it may act at all.
    pub enabled: bool,
    /// Tokens of an earlier generation are refused.
    pub generation: i64,
    /// The policies attached.
    pub policies: Box<[SystemPolicy]>,
}

/// One fact, whole: what the log of facts carries. Of one that no longer holds only what identifies it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// An account, and its membership: the directory with the incarnation of the membership.
    Account {
        /// The account.
        account: AccountId,
        /// Directory and incarnation; none for a standalone account.
        membership: Option<(DirectoryId, String)>,
    },
    /// A directory.
    Directory {
        /// The directory.
        directory: DirectoryId,
        /// Its management account; none in a removal.
        management_account: Option<AccountId>,
    },
    /// An identity.
    Identity {
        /// The identity.
        identity: IdentityName,
        /// What is known of it; none in a removal.
        fact: Option<IdentityFact>,
    },
    /// Trusted access of a service.
    TrustedAccess {
        /// The directory.
        directory: DirectoryId,
        /// The service.
        service: TrustedService,
    },
    /// A delegated administrator.
    Delegation {
        /// The directory.
        directory: DirectoryId,
        /// The service.
        service: TrustedService,
        /// The administrator.
        account: AccountId,
        /// The incarnation of the membership that was designated; empty only in a removal, which then holds for any.
        incarnation: String,
    },
    /// A member in the scope of a service.
    Enrolment {
        /// The directory.
        directory: DirectoryId,
        /// The service.
        service: TrustedService,
        /// The member.
        account: AccountId,
        /// The incarnation of the membership that was enrolled; empty only in a removal, which then holds for any.
        incarnation: String,
    },
    /// An invitation.
    Invitation {
        /// The directory that sent it.
        directory: DirectoryId,
        /// Its id.
        invitation: String,
        /// The account that it was sent to; none in a removal.
        account: Option<AccountId>,
    },
}

/// One fact, and whether it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactChange {
    /// The fact.
    pub fact: Fact,
    /// Whether it no longer holds.
    pub removed: bool,
}
