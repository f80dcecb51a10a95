//! What the resources of the bastion have in common.

use bailiwick_core::{DirectoryId, Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::BastionError;

/// The kinds of resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ResourceKind {
    Instance,
    Asset,
    AssetGroup,
    AssetAccount,
    SharedKey,
    NetworkDomain,
    User,
    UserGroup,
    Grant,
    ControlPolicy,
}

/// What a resource is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Home {
    pub(crate) directory: DirectoryId,
    /// Of a bastion host itself empty, of what is in one its id, and of what is in an asset of it the name of that without
    /// what comes before the bastion host: `{instance}/assets/{asset}`.
    pub(crate) place: String,
}

/// What each resource has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Meta {
    pub(crate) home: Home,
    pub(crate) id: String,
    /// Name of the identity that created it.
    pub(crate) operator: String,
    pub(crate) create_time: Timestamp,
    pub(crate) update_time: Timestamp,
    /// 1 at first, one more with each change.
    pub(crate) version: i64,
}

/// A resource.
pub(crate) trait Resource: Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its kind.
    const KIND: ResourceKind;

    fn meta(&self) -> &Meta;

    fn meta_mut(&mut self) -> &mut Meta;

    /// What no two of a kind have in one place: what people call them, as a rule.
    fn unique(&self) -> &str;

    fn name(&self) -> String {
        Self::KIND.name(&self.meta().home, &self.meta().id)
    }

    /// Whether it is as the caller read it.
    ///
    /// # Errors
    /// [`BastionError::EtagMismatch`].
    fn check_etag(&self, etag: &str) -> Result<(), BastionError> {
        let same = etag.is_empty() || self.meta().etag() == etag;
        if same { Ok(()) } else { Err(BastionError::EtagMismatch(self.name())) }
    }

    /// Counts a change. Tells whether it is one.
    fn changed_from(&mut self, before: &Self, now: Timestamp) -> bool {
        let changed = self != before;
        if changed {
            let meta = self.meta_mut();
            meta.version += 1;
            meta.update_time = now;
        }
        changed
    }
}

// === impl Home ===

impl Home {
    /// That of the bastion hosts of a directory.
    pub(crate) fn of_instances(directory: DirectoryId) -> Self {
        Self { directory, place: String::new() }
    }

    /// That of what is in a bastion host, or in an asset of it.
    pub(crate) fn within(directory: DirectoryId, place: &str) -> Self {
        Self { directory, place: place.to_owned() }
    }

    /// That of what is in an asset.
    pub(crate) fn of_asset(directory: DirectoryId, instance: &str, asset: &str) -> Self {
        Self { directory, place: format!("{instance}/{}/{asset}", ResourceKind::Asset.collection()) }
    }

    /// That of its bastion host.
    pub(crate) fn instance(&self) -> Self {
        Self::within(self.directory, self.place.split('/').next().unwrap_or_default())
    }

    /// The asset that it is the inside of, if it is.
    pub(crate) fn asset(&self) -> Option<&str> {
        self.place.split('/').nth(2)
    }

    /// The name of the directory, of the bastion host, or of the asset.
    pub(crate) fn name(&self) -> String {
        match self.place.as_str() {
            "" => self.directory.name(),
            place => ResourceKind::Instance.name(&Self::of_instances(self.directory), place),
        }
    }
}

// === impl Meta ===

impl Meta {
    pub(crate) fn new(home: Home, id: &str, operator: &str, now: Timestamp) -> Self {
        Self { home, id: id.to_owned(), operator: operator.to_owned(), create_time: now, update_time: now, version: 1 }
    }

    /// The id by which others in its bastion host name it.
    pub(crate) fn reference(&self) -> String {
        match self.home.asset() {
            Some(asset) => format!("{asset}/{}", self.id),
            None => self.id.clone(),
        }
    }

    /// Changes with each change.
    pub(crate) fn etag(&self) -> String {
        format!("{}.{}", self.create_time.as_micros(), self.version)
    }
}

// === impl ResourceKind ===

impl ResourceKind {
    /// The collection in names.
    pub(crate) const fn collection(self) -> &'static str {
        match self {
            Self::Instance => "bastionInstances",
            Self::Asset => "assets",
            Self::AssetGroup => "assetGroups",
            Self::AssetAccount => "assetAccounts",
            Self::SharedKey => "sharedKeys",
            Self::NetworkDomain => "networkDomains",
            Self::User => "bastionUsers",
            Self::UserGroup => "userGroups",
            Self::Grant => "grants",
            Self::ControlPolicy => "controlPolicies",
        }
    }

    /// The pattern of names.
    pub(crate) const fn pattern(self) -> &'static str {
        match self {
            Self::Instance => "directories/{directory}/bastionInstances/{bastion_instance}",
            Self::Asset => "directories/{directory}/bastionInstances/{bastion_instance}/assets/{asset}",
            Self::AssetGroup => "directories/{directory}/bastionInstances/{bastion_instance}/assetGroups/{asset_group}",
            Self::AssetAccount => {
                "directories/{directory}/bastionInstances/{bastion_instance}/assets/{asset}/assetAccounts/{asset_account}"
            }
            Self::SharedKey => "directories/{directory}/bastionInstances/{bastion_instance}/sharedKeys/{shared_key}",
            Self::NetworkDomain => {
                "directories/{directory}/bastionInstances/{bastion_instance}/networkDomains/{network_domain}"
            }
            Self::User => "directories/{directory}/bastionInstances/{bastion_instance}/bastionUsers/{bastion_user}",
            Self::UserGroup => "directories/{directory}/bastionInstances/{bastion_instance}/userGroups/{user_group}",
            Self::Grant => "directories/{directory}/bastionInstances/{bastion_instance}/grants/{grant}",
            Self::ControlPolicy => {
                "directories/{directory}/bastionInstances/{bastion_instance}/controlPolicies/{control_policy}"
            }
        }
    }

    /// Most of them in one place.
    pub(crate) const fn limit(self) -> usize {
        match self {
            Self::Instance => 10,
            Self::Asset => 20_000,
            Self::AssetGroup => 1_000,
            Self::AssetAccount => 50,
            Self::SharedKey => 500,
            Self::NetworkDomain => 100,
            Self::User => 10_000,
            Self::UserGroup => 1_000,
            Self::Grant => 2_000,
            Self::ControlPolicy => 200,
        }
    }

    /// The name of one.
    pub(crate) fn name(self, home: &Home, id: &str) -> String {
        format!("{}/{}/{id}", home.name(), self.collection())
    }
}
