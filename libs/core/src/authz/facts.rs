//! The facts that decide access.

use crate::{AccountId, DirectoryId, IdentityName, PrincipalKind, Timestamp, TrustedService};

use super::{AttachedPolicy, ControlPolicy, Document};

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
    /// What an account is delegated administrator of a service for, in its present membership.
    fn designation(
        &self,
        directory: DirectoryId,
        service: TrustedService,
        account: AccountId,
    ) -> Option<Designation<'_>>;
    /// Whether an account is delegated administrator of a service, in its present membership: of the whole directory or
    /// of a folder.
    fn is_administrator(&self, directory: DirectoryId, service: TrustedService, account: AccountId) -> bool {
        self.designation(directory, service, account).is_some()
    }
    /// Whether an account is in the scope of a service, in its present membership.
    fn is_enrolled(&self, directory: DirectoryId, service: TrustedService, account: AccountId) -> bool;
    /// An identity.
    fn identity(&self, identity: &IdentityName) -> Option<&IdentityFact>;
    /// The account that an invitation of a directory was sent to.
    fn invitee(&self, directory: DirectoryId, invitation: &str) -> Option<AccountId>;
    /// Whether control policies bound the identities of a directory's members (E-DIR-27).
    fn control_policies_enabled(&self, directory: DirectoryId) -> bool;
    /// The folder that an account is in; none for a standalone one.
    fn folder_of(&self, account: AccountId) -> Option<&str>;
    /// The control policies attached to an account itself.
    fn control_policies_of(&self, account: AccountId) -> &[ControlPolicy];
    /// A folder, by its id.
    fn folder(&self, directory: DirectoryId, folder: &str) -> Option<&FolderFact>;
    /// The document of a custom policy or control policy, by its name.
    fn policy(&self, name: &str) -> Option<&Document>;
    /// A single-purpose credential, by its id.
    fn credential(&self, id: &str) -> Option<&CredentialFact>;
}

/// An account as access sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountFact {
    /// The directory that it belongs to.
    pub directory: Option<DirectoryId>,
    /// Whether it waits for its deletion: none of its identities may act (E-DIR-20).
    pub suspended: bool,
}

/// Where an account stands in its directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// The id of its folder; empty for a standalone account.
    pub folder: String,
    /// The control policies attached to the account itself.
    pub control_policies: Box<[ControlPolicy]>,
    /// Whether it waits for its deletion.
    pub suspended: bool,
}

/// A folder as access sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderFact {
    /// The id of the folder that it is in; none for the root folder.
    pub parent: Option<String>,
    /// The control policies attached to it.
    pub control_policies: Box<[ControlPolicy]>,
}

/// How far the designation of a delegated administrator reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Designation<'f> {
    /// To every member.
    Directory,
    /// To the members in the folder of this id, and below it.
    Folder(&'f str),
}

/// A credential that lives long and is good for one action.
#[derive(Clone, PartialEq, Eq)]
pub struct CredentialFact {
    /// The user that it acts as, within the user's policies.
    pub user: IdentityName,
    /// SHA-256 of its secret.
    pub secret_sha256: [u8; 32],
    /// The one action that it is good for.
    pub action: String,
    /// Until when it is accepted.
    pub expires: Timestamp,
}

impl std::fmt::Debug for CredentialFact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { user, action, expires, secret_sha256: _ } = self;
        let mut shown = f.debug_struct("CredentialFact");
        shown.field("user", user).field("action", action).field("expires", expires).finish_non_exhaustive()
    }
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
    /// The policies attached, those of its groups included.
    pub policies: Box<[AttachedPolicy]>,
    /// Of a role: who may assume it.
    pub trust_policy: Option<Document>,
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
        /// Where it stands there.
        placement: Placement,
    },
    /// A directory.
    Directory {
        /// The directory.
        directory: DirectoryId,
        /// Its management account; none in a removal.
        management_account: Option<AccountId>,
        /// Whether control policies bound its members.
        control_policies_enabled: bool,
    },
    /// A folder.
    Folder {
        /// The directory.
        directory: DirectoryId,
        /// Its id.
        folder: String,
        /// What is known of it; none in a removal.
        fact: Option<FolderFact>,
    },
    /// The document of a custom policy or control policy.
    Policy {
        /// Its name.
        policy: String,
        /// The document; none in a removal.
        document: Option<Document>,
    },
    /// A single-purpose credential.
    Credential {
        /// Its id, of which there is one in the whole installation.
        credential: String,
        /// What is known of it; none in a removal.
        fact: Option<CredentialFact>,
    },
    /// How well the root user of an account is kept: nothing is decided by it.
    RootUser {
        /// The account.
        account: AccountId,
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
        /// The id of the folder that it was designated for; none for the whole directory.
        folder: Option<String>,
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
