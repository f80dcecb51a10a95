//! All facts at one revision, immutable once published.

mod read;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock},
};

use crate::{AccountId, DirectoryId, IdentityName, TrustedService};

use super::{
    ControlPolicy, Document,
    facts::{CredentialFact, Fact, FactChange, FolderFact, IdentityFact, Placement},
    shards::Shards,
};

/// All facts at one revision. A clone shares what the next change does not touch.
#[derive(Clone, Debug)]
pub struct Snapshot {
    revision: i64,
    accounts: Shards<AccountId, Account>,
    directories: Shards<DirectoryId, Arc<Directory>>,
    identities: Shards<IdentityName, Arc<IdentityFact>>,
    policies: Shards<String, Document>,
    credentials: Shards<String, Arc<CredentialFact>>,
}

#[derive(Clone, Debug, Default)]
struct Account {
    membership: Option<(DirectoryId, Arc<str>)>,
    /// Enrolments and designations of the present membership, a bit for each service.
    enrolled: u8,
    administers: u8,
    /// Of designations for a folder, its id.
    folders: BTreeMap<TrustedService, String>,
    folder: Option<Arc<str>>,
    control_policies: Option<Arc<[ControlPolicy]>>,
    suspended: bool,
}

#[derive(Clone, Debug, Default)]
struct Directory {
    management_account: Option<AccountId>,
    trusted_access: u8,
    control_policies_enabled: bool,
    invitations: BTreeMap<String, AccountId>,
    folders: BTreeMap<Arc<str>, FolderFact>,
    /// By themselves, so that what else changes does not copy them.
    members: Arc<BTreeSet<AccountId>>,
}

/// The membership that a designation or an enrolment is of.
struct Membership<'a> {
    directory: DirectoryId,
    incarnation: &'a str,
    /// Whichever it is at present: for a removal that carries no incarnation.
    any: bool,
}

impl Default for Snapshot {
    fn default() -> Self {
        Self::empty()
    }
}

impl Snapshot {
    /// Nothing, at revision 0.
    pub fn empty() -> Self {
        Self {
            revision: 0,
            accounts: Shards::new(),
            directories: Shards::new(),
            identities: Shards::new(),
            policies: Shards::new(),
            credentials: Shards::new(),
        }
    }

    /// The next version: `self` with the changes of one transaction. Accounts are applied before what depends on
    /// memberships, whatever their order in `changes`.
    pub fn apply(&mut self, revision: i64, changes: impl IntoIterator<Item = FactChange>) {
        let (accounts, rest): (Vec<_>, Vec<_>) =
            changes.into_iter().partition(|change| matches!(change.fact, Fact::Account { .. }));
        accounts.into_iter().chain(rest).for_each(|change| self.apply_one(change));
        self.revision = revision;
    }

    fn apply_one(&mut self, FactChange { fact, removed }: FactChange) {
        match fact {
            Fact::Account { account, .. } if removed => {
                self.joined(account, None);
                self.accounts.remove(&account);
            }
            Fact::Account { account, membership, placement } => self.apply_account(account, membership, placement),
            Fact::Directory { directory, .. } if removed => self.directories.remove(&directory),
            Fact::Directory { directory, management_account, control_policies_enabled } => {
                self.directory(directory, |d| {
                    d.management_account = management_account;
                    d.control_policies_enabled = control_policies_enabled;
                });
            }
            Fact::Folder { directory, folder, fact } => {
                self.directory(directory, |d| {
                    match fact.filter(|_| !removed) {
                        Some(fact) => d.folders.insert(folder.into(), fact),
                        None => d.folders.remove(&*folder),
                    };
                });
            }
            Fact::Policy { policy, document: Some(document) } if !removed => self.policies.insert(policy, document),
            Fact::Policy { policy, .. } => self.policies.remove(&policy),
            Fact::Credential { credential, fact: Some(fact) } if !removed => {
                self.credentials.insert(credential, Arc::new(fact));
            }
            Fact::Credential { credential, .. } => self.credentials.remove(&credential),
            Fact::RootUser { .. } => {}
            Fact::Identity { identity, fact: Some(fact) } if !removed => {
                self.identities.insert(identity, Arc::new(fact));
            }
            Fact::Identity { identity, .. } => self.identities.remove(&identity),
            Fact::TrustedAccess { directory, service } => {
                self.directory(directory, |d| set(&mut d.trusted_access, service, !removed));
            }
            Fact::Delegation { directory, service, account, incarnation, folder } => {
                let of = Membership { directory, incarnation: &incarnation, any: removed && incarnation.is_empty() };
                self.membership(account, of, |a| a.designate(service, folder, !removed));
            }
            Fact::Enrolment { directory, service, account, incarnation } => {
                let of = Membership { directory, incarnation: &incarnation, any: removed && incarnation.is_empty() };
                self.membership(account, of, |a| set(&mut a.enrolled, service, !removed));
            }
            Fact::Invitation { directory, invitation, account } => self.directory(directory, |d| {
                match account.filter(|_| !removed) {
                    Some(account) => d.invitations.insert(invitation, account),
                    None => d.invitations.remove(&invitation),
                };
            }),
        }
    }

    fn apply_account(&mut self, id: AccountId, membership: Option<(DirectoryId, String)>, placement: Placement) {
        let membership = membership.map(|(directory, incarnation)| (directory, Arc::from(incarnation)));
        let directory = membership.as_ref().map(|(directory, _)| *directory);
        self.joined(id, directory);
        let folder = Some(placement.folder).filter(|folder| !folder.is_empty());
        let folder = folder.map(|folder| self.shared_folder(directory, &folder));
        if let Some(account) = self.accounts.entry(id, Account::default) {
            if account.membership != membership {
                // Another incarnation inherits nothing from the one before.
                *account = Account { membership, ..Account::default() };
            }
            account.folder = folder;
            account.control_policies = shared_policies(placement.control_policies);
            account.suspended = placement.suspended;
        }
    }

    /// Keeps the members of the directory that an account leaves, and of the one that it is in from now on.
    fn joined(&mut self, id: AccountId, now: Option<DirectoryId>) {
        let present = self.accounts.get(&id).and_then(|a| a.membership.as_ref().map(|(directory, _)| *directory));
        if let Some(left) = present.filter(|left| Some(*left) != now)
            && self.directories.get(&left).is_some()
        {
            self.directory(left, |d| {
                Arc::make_mut(&mut d.members).remove(&id);
            });
        }
        if let Some(joined) = now
            && self.directories.get(&joined).is_none_or(|d| !d.members.contains(&id))
        {
            self.directory(joined, |d| {
                Arc::make_mut(&mut d.members).insert(id);
            });
        }
    }

    /// The id of a folder, which all accounts in it share.
    fn shared_folder(&self, directory: Option<DirectoryId>, folder: &str) -> Arc<str> {
        let known = directory.and_then(|id| self.directories.get(&id)?.folders.get_key_value(folder));
        known.map_or_else(|| Arc::from(folder), |(id, _)| Arc::clone(id))
    }

    fn directory(&mut self, id: DirectoryId, change: impl FnOnce(&mut Directory)) {
        if let Some(directory) = self.directories.entry(id, Arc::default) {
            change(Arc::make_mut(directory));
        }
    }

    /// Changes an account if it still has the membership that the change speaks of.
    fn membership(&mut self, id: AccountId, of: Membership<'_>, change: impl FnOnce(&mut Account)) {
        if let Some(account) = self.accounts.get_mut(&id)
            && let Some((directory, present)) = &account.membership
            && *directory == of.directory
            && (of.any || &**present == of.incarnation)
        {
            change(account);
        }
    }

    /// The account, if it is a member of the directory.
    fn member(&self, account: AccountId, of: DirectoryId) -> Option<&Account> {
        self.accounts.get(&account).filter(|a| a.membership.as_ref().is_some_and(|(directory, _)| *directory == of))
    }
}

impl Account {
    fn designate(&mut self, service: TrustedService, folder: Option<String>, on: bool) {
        set(&mut self.administers, service, on);
        match folder.filter(|_| on) {
            Some(folder) => self.folders.insert(service, folder),
            None => self.folders.remove(&service),
        };
    }
}

fn set(bits: &mut u8, service: TrustedService, on: bool) {
    if on {
        *bits |= service.bit();
    } else {
        *bits &= !service.bit();
    }
}

/// Most accounts have the system control policy and no other: they share one list.
fn shared_policies(policies: Box<[ControlPolicy]>) -> Option<Arc<[ControlPolicy]>> {
    static FULL_ACCESS: LazyLock<Arc<[ControlPolicy]>> = LazyLock::new(|| Arc::new([ControlPolicy::FullAccess]));
    match &*policies {
        [] => None,
        [ControlPolicy::FullAccess] => Some(Arc::clone(&FULL_ACCESS)),
        _ => Some(policies.into()),
    }
}

#[cfg(test)]
mod tests;
