//! Designations (R-DEL-01).

use bailiwick_core::{AccountId, DirectoryId, Timestamp, TrustedService};
use serde::{Deserialize, Serialize};

use super::{Error, Membership, trusted_service::changed_with};

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
    /// Unique to this designation, which never changes.
    pub etag: String,
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
}

/// What ending a designation affects (E-DEL-08).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impact {
    /// The services that the account is no longer administrator of.
    pub services: Vec<TrustedService>,
    /// The enrolled accounts that it no longer reaches.
    pub members: u64,
}

impl Designating {
    /// Whether `account` may be designated, if it is a member.
    pub fn may_designate(&self, service: TrustedService, account: AccountId) -> Result<(), Error> {
        changed_with(service)?;
        let limit = service.max_delegated_administrators();
        if !self.trusted {
            return Err(Error::TrustedAccessNotEnabled(service));
        }
        if account == self.management_account {
            return Err(Error::ManagementAccount(account));
        }
        if self.administrators.contains(&account) {
            return Err(Error::AdministratorExists(account));
        }
        if self.administrators.len() >= limit {
            return Err(Error::AdministratorLimit(limit));
        }
        Ok(())
    }
}

/// The designations that one for `service` makes: its own first, then those of the services that follow it (R-DEL-06).
/// The membership must still be the one that the claim proved.
pub fn designate(
    service: TrustedService,
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
    };
    Ok(changed_with(service)?.into_iter().map(designation).collect())
}

/// Whether a designation may be ended by itself, by someone who read `etag` (empty: who did not say).
pub fn may_end(designation: &Designation, etag: &str) -> Result<(), Error> {
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
