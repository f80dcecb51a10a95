//! Directories.

use bailiwick_core::{AccountId, DirectoryId, Timestamp};
use serde::{Deserialize, Serialize};

pub use super::folder::ROOT_FOLDER;
use super::{
    Error,
    account::Account,
    check_etag,
    control_policy::FULL_ACCESS,
    etag,
    member::{JoinMethod, Membership},
};

/// A directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    /// The id.
    pub id: DirectoryId,
    /// The account that enabled it: exactly one, for good (R-DIR-03).
    pub management_account: AccountId,
    /// Whether members can be deleted (E-DIR-19).
    pub member_deletion_enabled: bool,
    /// Whether control policies bound the identities of members (E-DIR-27).
    pub control_policies_enabled: bool,
    /// When it was enabled.
    pub create_time: Timestamp,
    /// When it last changed.
    pub update_time: Timestamp,
    /// Grows with each change.
    pub version: i64,
}

/// What is to be switched; none stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    /// Whether members can be deleted.
    pub member_deletion_enabled: Option<bool>,
    /// Whether control policies bound.
    pub control_policies_enabled: Option<bool>,
}

/// What is in a directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Members, the management account not counted.
    pub members: u32,
    /// Invitations that are pending now.
    pub pending: u32,
    /// Folders but the root folder.
    pub folders: u32,
    /// Claims of services.
    pub claims: u32,
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
        let directory = Self {
            id,
            management_account: account.id,
            member_deletion_enabled: false,
            control_policies_enabled: false,
            create_time: now,
            update_time: now,
            version: 1,
        };
        let membership = Membership {
            directory: id,
            account: account.id,
            incarnation,
            join_method: JoinMethod::EnabledDirectory,
            display_name: account.display_name.clone(),
            folder: ROOT_FOLDER.to_owned(),
            labels: Default::default(),
            control_policies: vec![FULL_ACCESS.to_owned()],
            join_time: now,
            version: 1,
            purge_time: None,
        };
        Ok((directory, membership))
    }

    /// Switches features.
    pub fn switch(&self, switches: Switches, asked_etag: &str, now: Timestamp) -> Result<Self, Error> {
        check_etag(asked_etag, &self.etag(), || self.id.name())?;
        Ok(Self {
            member_deletion_enabled: switches.member_deletion_enabled.unwrap_or(self.member_deletion_enabled),
            control_policies_enabled: switches.control_policies_enabled.unwrap_or(self.control_policies_enabled),
            update_time: now,
            version: self.version + 1,
            ..self.clone()
        })
    }

    /// Whether it can be disabled: only when it is empty (E-DIR-18).
    pub fn disable(&self, contents: Contents, asked_etag: &str) -> Result<(), Error> {
        check_etag(asked_etag, &self.etag(), || self.id.name())?;
        match contents {
            Contents { members: 1.., .. } => Err(Error::DirectoryHasMembers { members: contents.members }),
            Contents { pending: 1.., .. } => Err(Error::DirectoryHasInvitations { pending: contents.pending }),
            Contents { folders: 1.., .. } => Err(Error::DirectoryHasFolders { folders: contents.folders }),
            Contents { claims: 1.., .. } => Err(Error::DirectoryInUse { claims: contents.claims }),
            Contents { members: 0, pending: 0, folders: 0, claims: 0 } => Ok(()),
        }
    }

    /// The etag.
    pub fn etag(&self) -> String {
        etag(self.create_time, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers: E-DIR-18, E-GW-07
    #[test]
    fn a_directory_is_disabled_only_when_it_is_empty() {
        let now = Timestamp::from_micros(5);
        let directory = Directory {
            id: "rd-0000000000001".parse().unwrap(),
            management_account: 1_000_000_000_000_001.try_into().unwrap(),
            member_deletion_enabled: false,
            control_policies_enabled: false,
            create_time: now,
            update_time: now,
            version: 1,
        };
        let empty = Contents::default();
        for (contents, refusal) in [
            (Contents { members: 1, ..empty }, Error::DirectoryHasMembers { members: 1 }),
            (Contents { pending: 2, ..empty }, Error::DirectoryHasInvitations { pending: 2 }),
            (Contents { folders: 3, ..empty }, Error::DirectoryHasFolders { folders: 3 }),
            (Contents { claims: 4, ..empty }, Error::DirectoryInUse { claims: 4 }),
        ] {
            assert_eq!(directory.disable(contents, ""), Err(refusal));
        }
        assert_eq!(directory.disable(empty, &directory.etag()), Ok(()));
        let switches = Switches { control_policies_enabled: Some(true), ..Switches::default() };
        let switched = directory.switch(switches, "", now).unwrap();
        assert!(switched.control_policies_enabled && !switched.member_deletion_enabled);
        assert_eq!(switched.disable(empty, &directory.etag()), Err(Error::EtagMismatch(directory.id.name())));
    }
}
