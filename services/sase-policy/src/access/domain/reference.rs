//! What resources name: all of it must be there when it is written, and stays while it is named.

use bailiwick_core::AccountId;

use super::{
    AccessBlock, AccessPolicy, Application, Blocked, Device, EnforcementPoint, IdentityProvider, Members, Resource,
    ResourceKind, SaseError, SaseUser, SetUp, Subjects, Targets, UserGroup,
};

/// Something that a resource names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reference {
    /// A resource, by id.
    Resource(ResourceKind, String),
    /// A folder, by id.
    Folder(String),
    /// A member of the directory.
    Member(AccountId),
    /// A RAM user, by name.
    RamUser(String),
}

/// A resource that may name others.
pub(crate) trait Referring: Resource {
    /// What it names, and in which fields of a request.
    fn references(&self) -> Vec<(&'static str, Reference)>;

    /// The member that it belongs to: while SASE does not manage it, the resource is not found.
    fn owner(&self) -> Option<AccountId> {
        None
    }

    /// Whether the set-up has come far enough to create one.
    ///
    /// # Errors
    /// [`SaseError::SetupIncomplete`].
    fn allowed_by(set_up: SetUp) -> Result<(), SaseError> {
        set_up.before(super::SetupStep::Directory)
    }
}

fn named(
    references: &mut Vec<(&'static str, Reference)>,
    field: &'static str,
    kind: ResourceKind,
    ids: impl IntoIterator<Item = impl Into<String>>,
) {
    references.extend(ids.into_iter().map(|id| (field, Reference::Resource(kind, id.into()))));
}

impl Referring for Application {
    fn references(&self) -> Vec<(&'static str, Reference)> {
        Vec::new()
    }

    fn owner(&self) -> Option<AccountId> {
        Some(self.account)
    }
}

impl Referring for SaseUser {
    fn references(&self) -> Vec<(&'static str, Reference)> {
        if self.ram_user.is_empty() {
            return Vec::new();
        }
        vec![("sase_user.ram_user", Reference::RamUser(self.ram_user.clone()))]
    }
}

impl Referring for UserGroup {
    fn references(&self) -> Vec<(&'static str, Reference)> {
        let mut references = Vec::new();
        named(&mut references, "user_group.users", ResourceKind::SaseUser, self.users.iter());
        named(&mut references, "user_group.groups", ResourceKind::UserGroup, self.groups.iter());
        references
    }
}

impl Referring for Device {
    fn references(&self) -> Vec<(&'static str, Reference)> {
        vec![("device.sase_user", Reference::Resource(ResourceKind::SaseUser, self.user.clone()))]
    }
}

impl Referring for AccessPolicy {
    fn references(&self) -> Vec<(&'static str, Reference)> {
        let mut references = Vec::new();
        if let Subjects::Some { users, groups, .. } = &self.subjects {
            named(&mut references, "access_policy.subjects.users", ResourceKind::SaseUser, users);
            named(&mut references, "access_policy.subjects.groups", ResourceKind::UserGroup, groups);
        }
        if let Targets::Applications(ids) = &self.targets {
            named(&mut references, "access_policy.targets.applications", ResourceKind::Application, ids);
        }
        match &self.members {
            Members::All => {}
            Members::Folders(ids) => {
                let folder = |id: &String| ("access_policy.members.folders", Reference::Folder(id.clone()));
                references.extend(ids.iter().map(folder));
            }
            Members::Accounts(accounts) => {
                let member = |account: &AccountId| ("access_policy.members.accounts", Reference::Member(*account));
                references.extend(accounts.iter().map(member));
            }
        }
        references
    }

    fn allowed_by(set_up: SetUp) -> Result<(), SaseError> {
        set_up.complete()
    }
}

impl Referring for IdentityProvider {
    fn references(&self) -> Vec<(&'static str, Reference)> {
        let mut references = Vec::new();
        let groups = self.settings.group_mappings.iter().map(|(_, group)| group);
        named(&mut references, "sase_identity_provider.group_mappings", ResourceKind::UserGroup, groups);
        references
    }
}

impl Referring for EnforcementPoint {
    fn references(&self) -> Vec<(&'static str, Reference)> {
        Vec::new()
    }
}

impl Referring for AccessBlock {
    fn references(&self) -> Vec<(&'static str, Reference)> {
        let mut references = Vec::new();
        match &self.blocked {
            Blocked::User(id) => named(&mut references, "access_block.sase_user", ResourceKind::SaseUser, [id]),
            Blocked::Device(id) => named(&mut references, "access_block.device", ResourceKind::Device, [id]),
            Blocked::Application(id) => {
                named(&mut references, "access_block.application", ResourceKind::Application, [id]);
            }
            Blocked::Address(_) => {}
        }
        references.extend(self.account.map(|account| ("access_block.account", Reference::Member(account))));
        references
    }
}
