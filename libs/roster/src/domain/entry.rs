//! An entry of the list: an enrolled member, and what the service says of it.

use bailiwick_core::{AccountId, DirectoryId, Timestamp, TrustedService};
use serde::{Deserialize, Serialize};

use super::EntryError;

/// What distinguishes the list of one trusted service from that of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The trusted service that members are enrolled in.
    pub service: TrustedService,
    /// The collection in resource names, such as `monitoredAccounts`.
    pub collection: &'static str,
    /// The pattern of resource names, such as `directories/{directory}/monitoredAccounts/{account}`.
    pub pattern: &'static str,
    /// Whether entries can be marked as followed (E-SC-05).
    pub marks: bool,
}

/// What identifies an entry.
pub type Key = (TrustedService, DirectoryId, AccountId);

/// Types of accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountType {
    /// Its root user is disabled.
    Resource,
    /// Its root user can sign in.
    Cloud,
}

/// How a member joined its directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JoinMethod {
    /// The management account created it.
    Created,
    /// It accepted an invitation.
    Invited,
    /// It enabled the directory.
    EnabledDirectory,
}

/// What the directory says of a member; shown, never changed here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Name of the account.
    pub display_name: String,
    /// Its type, if known.
    pub account_type: Option<AccountType>,
    /// How it joined, if known.
    pub join_method: Option<JoinMethod>,
    /// `directories/{directory}/folders/{folder}`.
    pub folder: String,
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The trusted service.
    pub service: TrustedService,
    /// The directory: the tenant.
    pub directory: DirectoryId,
    /// The member.
    pub account: AccountId,
    /// Unique id of the enrolment: another one after removing and enrolling again.
    pub uid: String,
    /// The incarnation of the membership.
    pub incarnation: String,
    /// What the directory says of the member.
    pub profile: Profile,
    /// A note, at most 256 characters.
    pub remark: String,
    /// Marked as followed.
    pub marked: bool,
    /// Name of the identity that enrolled it (E-SC-03).
    pub add_operator: String,
    /// When it was enrolled (E-SC-03, R-SASE-10).
    pub add_time: Timestamp,
    /// Number of changes since then.
    pub version: i64,
}

// === impl Spec ===

impl Spec {
    /// The name of an entry.
    pub fn name(&self, directory: DirectoryId, account: AccountId) -> String {
        format!("{}/{}/{account}", directory.name(), self.collection)
    }
}

// === impl AccountType ===

impl AccountType {
    /// The text in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resource => "RESOURCE",
            Self::Cloud => "CLOUD",
        }
    }

    /// The type of a text in the database; none for any other text.
    pub fn of(text: &str) -> Option<Self> {
        [Self::Resource, Self::Cloud].into_iter().find(|known| known.as_str() == text)
    }
}

// === impl JoinMethod ===

impl JoinMethod {
    /// The text in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Invited => "INVITED",
            Self::EnabledDirectory => "ENABLED_DIRECTORY",
        }
    }

    /// The method of a text in the database; none for any other text.
    pub fn of(text: &str) -> Option<Self> {
        [Self::Created, Self::Invited, Self::EnabledDirectory].into_iter().find(|known| known.as_str() == text)
    }
}

// === impl Entry ===

impl Entry {
    /// What identifies it.
    pub fn key(&self) -> Key {
        (self.service, self.directory, self.account)
    }

    /// Changes with each change of the entry, and with each enrolment.
    pub fn etag(&self) -> String {
        format!("{}.{}", self.uid, self.version)
    }

    /// Whether the entry is as the caller read it.
    ///
    /// # Errors
    /// [`EntryError::EtagMismatch`] if `etag` is set and another than the entry's.
    pub fn check_etag(&self, spec: &Spec, etag: &str) -> Result<(), EntryError> {
        if etag.is_empty() || self.etag() == etag {
            return Ok(());
        }
        Err(EntryError::EtagMismatch(spec.name(self.directory, self.account)))
    }
}
