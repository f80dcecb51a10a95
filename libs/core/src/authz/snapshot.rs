//! All facts at one revision, immutable once published.

use std::sync::Arc;

use crate::{AccountId, DirectoryId, IdentityName, TrustedService};

use super::{
    facts::{AccountFact, Fact, FactChange, Facts, IdentityFact},
    shards::Shards,
};

/// All facts at one revision. A clone shares what the next change does not touch.
#[derive(Clone, Debug)]
pub struct Snapshot {
    revision: i64,
    accounts: Shards<AccountId, Account>,
    directories: Shards<DirectoryId, Arc<Directory>>,
    identities: Shards<IdentityName, Arc<IdentityFact>>,
}

#[derive(Clone, Debug, Default)]
struct Account {
    membership: Option<(DirectoryId, Arc<str>)>,
    /// Enrolments and designations of the present membership, a bit for each service.
    enrolled: u8,
    administers: u8,
}

#[derive(Clone, Debug, Default)]
struct Directory {
    management_account: Option<AccountId>,
    trusted_access: u8,
    invitations: std::collections::BTreeMap<String, AccountId>,
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
        Self { revision: 0, accounts: Shards::new(), directories: Shards::new(), identities: Shards::new() }
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
            Fact::Account { account, .. } if removed => self.accounts.remove(&account),
            Fact::Account { account, membership } => self.apply_account(account, membership),
            Fact::Directory { directory, .. } if removed => self.directories.remove(&directory),
            Fact::Directory { directory, management_account } => {
                self.directory(directory, |d| d.management_account = management_account);
            }
            Fact::Identity { identity, fact: Some(fact) } if !removed => {
                self.identities.insert(identity, Arc::new(fact));
            }
            Fact::Identity { identity, .. } => self.identities.remove(&identity),
            Fact::TrustedAccess { directory, service } => {
                self.directory(directory, |d| set(&mut d.trusted_access, service, !removed));
            }
            Fact::Delegation { directory, service, account, incarnation } => {
                let of = Membership { directory, incarnation: &incarnation, any: removed && incarnation.is_empty() };
                self.membership(account, of, |a| set(&mut a.administers, service, !removed));
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

    fn apply_account(&mut self, id: AccountId, membership: Option<(DirectoryId, String)>) {
        let membership = membership.map(|(directory, incarnation)| (directory, Arc::from(incarnation)));
        if let Some(account) = self.accounts.entry(id, Account::default)
            && account.membership != membership
        {
            // Another incarnation inherits nothing from the one before.
            *account = Account { membership, ..Account::default() };
        }
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

    fn member(&self, account: AccountId, of: DirectoryId) -> Option<&Account> {
        self.accounts.get(&account).filter(|a| a.membership.as_ref().is_some_and(|(directory, _)| *directory == of))
    }
}

fn set(bits: &mut u8, service: TrustedService, on: bool) {
    if on {
        *bits |= service.bit();
    } else {
        *bits &= !service.bit();
    }
}

impl Facts for Snapshot {
    fn revision(&self) -> i64 {
        self.revision
    }

    fn account(&self, account: AccountId) -> Option<AccountFact> {
        let account = self.accounts.get(&account)?;
        Some(AccountFact { directory: account.membership.as_ref().map(|(directory, _)| *directory) })
    }

    fn management_account(&self, directory: DirectoryId) -> Option<AccountId> {
        self.directories.get(&directory)?.management_account
    }

    fn trusted_access(&self, directory: DirectoryId, service: TrustedService) -> bool {
        self.directories.get(&directory).is_some_and(|d| d.trusted_access & service.bit() != 0)
    }

    fn is_administrator(&self, directory: DirectoryId, service: TrustedService, account: AccountId) -> bool {
        self.member(account, directory).is_some_and(|a| a.administers & service.bit() != 0)
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
}

#[cfg(test)]
mod tests;
