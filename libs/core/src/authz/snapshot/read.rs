//! What a snapshot answers.

use std::ops::Bound;

use crate::{AccountId, DirectoryId, IdentityName, TrustedService};

use super::{
    super::{
        ControlPolicy, Document,
        facts::{AccountFact, CredentialFact, Designation, Facts, FolderFact, IdentityFact},
    },
    Snapshot,
};

impl Snapshot {
    /// The members of a directory in ascending order, those behind `after`.
    pub fn members(&self, directory: DirectoryId, after: Option<AccountId>) -> impl Iterator<Item = AccountId> + '_ {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let members = self.directories.get(&directory).map(|directory| &*directory.members);
        members.into_iter().flat_map(move |members| members.range((from, Bound::Unbounded)).copied())
    }
}

impl Facts for Snapshot {
    fn revision(&self) -> i64 {
        self.revision
    }

    fn account(&self, account: AccountId) -> Option<AccountFact> {
        let account = self.accounts.get(&account)?;
        let directory = account.membership.as_ref().map(|(directory, _)| *directory);
        Some(AccountFact { directory, suspended: account.suspended })
    }

    fn management_account(&self, directory: DirectoryId) -> Option<AccountId> {
        self.directories.get(&directory)?.management_account
    }

    fn trusted_access(&self, directory: DirectoryId, service: TrustedService) -> bool {
        self.directories.get(&directory).is_some_and(|d| d.trusted_access & service.bit() != 0)
    }

    fn designation(
        &self,
        directory: DirectoryId,
        service: TrustedService,
        account: AccountId,
    ) -> Option<Designation<'_>> {
        let account = self.member(account, directory).filter(|a| a.administers & service.bit() != 0)?;
        let folder = account.folders.get(&service);
        Some(folder.map_or(Designation::Directory, |folder| Designation::Folder(folder)))
    }

    fn is_enrolled(&self, directory: DirectoryId, service: TrustedService, account: AccountId) -> bool {
        self.member(account, directory).is_some_and(|a| a.enrolled & service.bit() != 0)
    }

    fn identity(&self, identity: &IdentityName) -> Option<&IdentityFact> {
        self.identities.get(identity).map(|fact| &**fact)
    }

    fn invitee(&self, directory: DirectoryId, invitation: &str) -> Option<AccountId> {
        self.directories.get(&directory)?.invitations.get(invitation).copied()
    }

    fn control_policies_enabled(&self, directory: DirectoryId) -> bool {
        self.directories.get(&directory).is_some_and(|d| d.control_policies_enabled)
    }

    fn folder_of(&self, account: AccountId) -> Option<&str> {
        self.accounts.get(&account)?.folder.as_deref()
    }

    fn control_policies_of(&self, account: AccountId) -> &[ControlPolicy] {
        self.accounts.get(&account).and_then(|a| a.control_policies.as_deref()).unwrap_or_default()
    }

    fn folder(&self, directory: DirectoryId, folder: &str) -> Option<&FolderFact> {
        self.directories.get(&directory)?.folders.get(folder)
    }

    fn policy(&self, name: &str) -> Option<&Document> {
        self.policies.get(name)
    }

    fn credential(&self, id: &str) -> Option<&CredentialFact> {
        self.credentials.get(id).map(|fact| &**fact)
    }
}
