//! What the resources of the bastion have in common.

use bailiwick_core::{DirectoryId, Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::BastionError;

/// The kinds of resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ResourceKind {
    Instance,
    Asset,
}

/// What a resource is in: a directory, and one of its bastion hosts. A bastion host itself is in its directory, and its
/// `instance` is empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Home {
    pub(crate) directory: DirectoryId,
    pub(crate) instance: String,
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

    /// What people call it: no two of a kind are called the same in one place.
    fn display_name(&self) -> &str;

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
        Self { directory, instance: String::new() }
    }

    /// That of what is in a bastion host.
    pub(crate) fn within(directory: DirectoryId, instance: &str) -> Self {
        Self { directory, instance: instance.to_owned() }
    }

    /// The name of the directory, or of the bastion host.
    pub(crate) fn name(&self) -> String {
        match self.instance.as_str() {
            "" => self.directory.name(),
            instance => ResourceKind::Instance.name(&Self::of_instances(self.directory), instance),
        }
    }
}

// === impl Meta ===

impl Meta {
    pub(crate) fn new(home: Home, id: &str, operator: &str, now: Timestamp) -> Self {
        Self { home, id: id.to_owned(), operator: operator.to_owned(), create_time: now, update_time: now, version: 1 }
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
        }
    }

    /// The pattern of names.
    pub(crate) const fn pattern(self) -> &'static str {
        match self {
            Self::Instance => "directories/{directory}/bastionInstances/{bastion_instance}",
            Self::Asset => "directories/{directory}/bastionInstances/{bastion_instance}/assets/{asset}",
        }
    }

    /// Most of them in one place.
    pub(crate) const fn limit(self) -> usize {
        match self {
            Self::Instance => 10,
            Self::Asset => 20_000,
        }
    }

    /// The name of one.
    pub(crate) fn name(self, home: &Home, id: &str) -> String {
        format!("{}/{}/{id}", home.name(), self.collection())
    }
}
