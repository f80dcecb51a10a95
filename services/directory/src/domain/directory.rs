//! Directories.

use bailiwick_core::{AccountId, DirectoryId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    Error,
    account::Account,
    etag,
    member::{JoinMethod, Membership},
};

/// The folder that everything lies under.
pub const ROOT_FOLDER: &str = "root";

/// A directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    /// The id.
    pub id: DirectoryId,
    /// The account that enabled it: exactly one, for good (R-DIR-03).
    pub management_account: AccountId,
    /// When it was enabled.
    pub create_time: Timestamp,
    /// Grows with each change.
    pub version: i64,
    /// Whether members can be deleted (E-DIR-19).
    pub member_deletion_enabled: bool,
}

impl Directory {
    /// Enables a directory, with the membership of its management account (R-DIR-01). The account must be verified
    /// (R-DIR-02) and in no directory (R-DIR-05).
    pub fn enable(
        id: DirectoryId,
        account: &Account,
        belongs_to: Option<DirectoryId>,
        incarnation: String,
        now: Timestamp,
    ) -> Result<(Self, Membership), Error> {
        if belongs_to.is_some() {
            return Err(Error::AccountAlreadyInDirectory(account.id));
        }
        account.verified()?;
        let directory =
            Self { id, management_account: account.id, create_time: now, version: 1, member_deletion_enabled: false };
        let membership = Membership {
            directory: id,
            account: account.id,
            incarnation,
            join_method: JoinMethod::EnabledDirectory,
            display_name: account.display_name.clone(),
            folder: ROOT_FOLDER.to_owned(),
            join_time: now,
            version: 1,
            purge_time: None,
        };
        Ok((directory, membership))
    }

    /// The etag.
    pub fn etag(&self) -> String {
        etag(self.create_time, self.version)
    }
}
