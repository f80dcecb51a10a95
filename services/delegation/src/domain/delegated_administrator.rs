//! Designations (R-DEL-01).

use bailiwick_core::{AccountId, DirectoryId, Timestamp, TrustedService};
use serde::{Deserialize, Serialize};

use super::{Error, Membership, folder, trusted_service::changed_with};

/// A delegated administrator of a service in a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Designation {
    /// The directory.
    pub directory: DirectoryId,
    /// The service.
    pub service: TrustedService,
    /// The administrator.
    pub account: AccountId,
    /// The incarnation of the membership that was designated.
    pub incarnation: String,
    /// The service whose designation brought this one with it.
    pub follows: Option<TrustedService>,
    /// When it was designated.
    pub created: Timestamp,
    /// Another one after each change.
    pub etag: String,
    /// Id of the folder whose members it is for; none for the whole directory (E-DEL-13).
    #[serde(default)]
    pub folder: Option<String>,
}

/// A member to be designated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The directory.
    pub directory: DirectoryId,
    /// The service.
    pub service: TrustedService,
    /// The member.
    pub account: AccountId,
    /// Id of the folder whose members it is for; none for the whole directory.
    pub folder: Option<String>,
}

/// What a designation is decided over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Designating {
    /// The management account of the directory.
    pub management_account: AccountId,
    /// Whether the service has trusted access.
    pub trusted: bool,
    /// Its delegated administrators.
    pub administrators: Vec<AccountId>,
    /// How many there may be.
    pub limit: usize,
    /// The candidate's membership in the directory, as far as it is known.
    pub member: Option<Membership>,
    /// Whether the folder that it is for exists.
    pub folder_exists: bool,
}

/// What ending a designation affects (E-DEL-08).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impact {
    /// The services that the account is no longer administrator of.
    pub services: Vec<TrustedService>,
    /// The enrolled accounts that it no longer reaches.
    pub members: u64,
    /// The other delegated administrators of the service.
    #[serde(default)]
    pub remaining: u64,
    /// Id of the folder that it was for; none for the whole directory.
    #[serde(default)]
    pub folder: Option<String>,
}

impl Designating {
    /// Whether a candidate may be designated, if it is a member.
    pub fn may_designate(&self, candidate: &Candidate) -> Result<(), Error> {
        let &Candidate { directory, service, account, ref folder } = candidate;
        changed_with(service)?;
        if !self.trusted {
            return Err(Error::TrustedAccessNotEnabled(service));
        }
        if account == self.management_account {
            return Err(Error::ManagementAccount(account));
        }
        if self.administrators.contains(&account) {
            return Err(Error::AdministratorExists(account));
        }
        if self.member.as_ref().is_some_and(|member| member.suspended) {
            return Err(Error::MemberSuspended(account));
        }
        if self.administrators.len() >= self.limit {
            return Err(Error::AdministratorLimit(self.limit));
        }
        folder_exists(directory, folder.as_deref(), self.folder_exists)
    }
}

/// Whether a designation can be for a folder.
pub fn folder_exists(directory: DirectoryId, folder: Option<&str>, exists: bool) -> Result<(), Error> {
    match folder {
        Some(folder) if !exists => Err(Error::NotFound(folder::name(directory, folder))),
        _ => Ok(()),
    }
}

/// The designations that one for `service` makes: its own first, then those of the services that follow it (R-DEL-06).
/// The membership must still be the one that the claim proved.
pub fn designate(
    candidate: &Candidate,
    member: Option<Membership>,
    proved: &str,
    created: Timestamp,
    etag: &str,
) -> Result<Vec<Designation>, Error> {
    let member = member.filter(|member| member.incarnation == proved).ok_or(Error::ConcurrentChange)?;
    let designation = |of: TrustedService| Designation {
        directory: member.directory,
        service: of,
        account: member.account,
        incarnation: member.incarnation.clone(),
        follows: of.follows(),
        created,
        etag: etag.to_owned(),
        folder: candidate.folder.clone(),
    };
    Ok(changed_with(candidate.service)?.into_iter().map(designation).collect())
}

/// Whether a designation may be changed or ended by itself, by someone who read `etag` (empty: who did not say).
pub fn may_change(designation: &Designation, etag: &str) -> Result<(), Error> {
    if let Some(follows) = designation.follows {
        return Err(Error::Follows { service: designation.service, follows });
    }
    if !etag.is_empty() && etag != designation.etag {
        return Err(Error::Etag(designation.name()));
    }
    Ok(())
}

impl Designation {
    /// Its resource name.
    pub fn name(&self) -> String {
        name(self.directory, self.service, self.account)
    }
}

/// The resource name of a designation.
pub fn name(directory: DirectoryId, service: TrustedService, account: AccountId) -> String {
    format!("{}/trustedServices/{service}/delegatedAdministrators/{account}", directory.name())
}
