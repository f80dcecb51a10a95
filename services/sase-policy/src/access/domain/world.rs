//! All that decisions of a directory look at, as it is at one version.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::AccountId;

use super::{AccessBlock, AccessPolicy, Application, Members, SaseUser, Subjects, Targets, UserGroup};

/// What there is. Resources are by id.
#[derive(Clone, Debug)]
pub(crate) struct World {
    /// Of the members that SASE manages, the id of the folder.
    pub(crate) members: BTreeMap<AccountId, String>,
    /// Of each folder the id of the one that it is in; empty for the root folder.
    pub(crate) folders: BTreeMap<String, String>,
    pub(crate) applications: BTreeMap<String, Application>,
    pub(crate) users: BTreeMap<String, SaseUser>,
    pub(crate) groups: BTreeMap<String, UserGroup>,
    pub(crate) policies: BTreeMap<String, AccessPolicy>,
    pub(crate) blocks: BTreeMap<String, AccessBlock>,
    /// Names of the RAM users that are enabled, as far as users name them.
    pub(crate) ram_users: BTreeSet<String>,
}

impl World {
    /// Whether a user can be allowed anything.
    pub(crate) fn is_active(&self, user: &SaseUser) -> bool {
        !user.disabled && (user.ram_user.is_empty() || self.ram_users.contains(&user.ram_user))
    }

    /// The groups that a user is in, also through others.
    pub(crate) fn groups_of(&self, user: &str) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut open: Vec<_> = self.groups.iter().filter(|(_, group)| group.users.contains(user)).collect();
        while let Some((id, _)) = open.pop() {
            if found.insert(id.as_str()) {
                open.extend(self.groups.iter().filter(|(_, group)| group.groups.contains(id)));
            }
        }
        found
    }

    /// Groups, with all that contain them.
    pub(crate) fn groups_around<'a>(&'a self, groups: &'a BTreeSet<String>) -> BTreeSet<&'a str> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&str> = groups.iter().map(String::as_str).collect();
        while let Some(id) = open.pop() {
            if found.insert(id) {
                let around = self.groups.iter().filter(|(_, group)| group.groups.contains(id));
                open.extend(around.map(|(id, _)| id.as_str()));
            }
        }
        found
    }

    /// Of each managed member the folders that it is in, from its own up.
    pub(crate) fn folders_above(&self) -> BTreeMap<AccountId, BTreeSet<&str>> {
        self.members.iter().map(|(account, folder)| (*account, self.above(folder))).collect()
    }

    fn above(&self, folder: &str) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut next = self.folders.get_key_value(folder);
        while let Some((id, parent)) = next {
            next = if found.insert(id.as_str()) { self.folders.get_key_value(parent) } else { None };
        }
        found
    }

    /// Whether a policy is about a user and an application, whatever the circumstances.
    pub(crate) fn selects(&self, policy: &AccessPolicy, user: &str, application: &str) -> bool {
        let (Some(user), Some(application)) = (self.users.get(user), self.applications.get(application)) else {
            return false;
        };
        let Some(folder) = self.members.get(&application.account) else { return false };
        policy.subjects.include(user, &self.groups_of(&user.meta.id))
            && policy.targets.include(application)
            && policy.members.include(application.account, &self.above(folder))
    }
}

impl Subjects {
    /// Whether a user, who is in these groups, is among them.
    pub(crate) fn include(&self, user: &SaseUser, groups: &BTreeSet<&str>) -> bool {
        match self {
            Self::All => true,
            Self::Some { users, groups: some, attributes } => {
                users.contains(&user.meta.id)
                    || some.iter().any(|group| groups.contains(group.as_str()))
                    || user.attributes.iter().any(|attribute| attributes.contains(attribute))
            }
        }
    }
}

impl Targets {
    /// Whether an application is among them.
    pub(crate) fn include(&self, application: &Application) -> bool {
        match self {
            Self::Applications(ids) => ids.contains(&application.meta.id),
            Self::Tags(tags) => application.tags.iter().any(|tag| tags.contains(tag)),
        }
    }
}

impl Members {
    /// Whether a managed member, which is in these folders, is among them.
    pub(crate) fn include(&self, account: AccountId, above: &BTreeSet<&str>) -> bool {
        match self {
            Self::All => true,
            Self::Folders(folders) => above.iter().any(|folder| folders.contains(*folder)),
            Self::Accounts(accounts) => accounts.contains(&account),
        }
    }
}
