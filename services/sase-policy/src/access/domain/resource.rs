//! What the resources of SASE have in common.

use bailiwick_core::{DirectoryId, Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::SaseError;

/// The kinds of resources that a directory has many of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ResourceKind {
    Application,
    SaseUser,
    UserGroup,
    Device,
    AccessPolicy,
    AccessBlock,
    IdentityProvider,
    EnforcementPoint,
}

/// What each resource has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Meta {
    pub(crate) directory: DirectoryId,
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

    fn name(&self) -> String {
        Self::KIND.name(self.meta().directory, &self.meta().id)
    }

    /// Whether it is as the caller read it.
    ///
    /// # Errors
    /// [`SaseError::EtagMismatch`].
    fn check_etag(&self, etag: &str) -> Result<(), SaseError> {
        if etag.is_empty() || self.meta().etag() == etag { Ok(()) } else { Err(SaseError::EtagMismatch(self.name())) }
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

// === impl Meta ===

impl Meta {
    pub(crate) fn new(directory: DirectoryId, id: &str, operator: &str, now: Timestamp) -> Self {
        Self {
            directory,
            id: id.to_owned(),
            operator: operator.to_owned(),
            create_time: now,
            update_time: now,
            version: 1,
        }
    }

    /// Changes with each change.
    pub(crate) fn etag(&self) -> String {
        format!("{}.{}", self.create_time.as_micros(), self.version)
    }
}

// === impl ResourceKind ===

impl ResourceKind {
    const ALL: [Self; 8] = [
        Self::Application,
        Self::SaseUser,
        Self::UserGroup,
        Self::Device,
        Self::AccessPolicy,
        Self::AccessBlock,
        Self::IdentityProvider,
        Self::EnforcementPoint,
    ];

    /// The kind of a collection.
    pub(crate) fn of_collection(collection: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.collection() == collection)
    }

    /// The collection in names.
    pub(crate) const fn collection(self) -> &'static str {
        match self {
            Self::Application => "applications",
            Self::SaseUser => "saseUsers",
            Self::UserGroup => "userGroups",
            Self::Device => "devices",
            Self::AccessPolicy => "accessPolicies",
            Self::AccessBlock => "accessBlocks",
            Self::IdentityProvider => "saseIdentityProviders",
            Self::EnforcementPoint => "enforcementPoints",
        }
    }

    /// The pattern of names.
    pub(crate) const fn pattern(self) -> &'static str {
        match self {
            Self::Application => "directories/{directory}/applications/{application}",
            Self::SaseUser => "directories/{directory}/saseUsers/{sase_user}",
            Self::UserGroup => "directories/{directory}/userGroups/{user_group}",
            Self::Device => "directories/{directory}/devices/{device}",
            Self::AccessPolicy => "directories/{directory}/accessPolicies/{access_policy}",
            Self::AccessBlock => "directories/{directory}/accessBlocks/{access_block}",
            Self::IdentityProvider => "directories/{directory}/saseIdentityProviders/{sase_identity_provider}",
            Self::EnforcementPoint => "directories/{directory}/enforcementPoints/{enforcement_point}",
        }
    }

    /// Most of them in a directory (E-SASE-02).
    pub(crate) const fn limit(self) -> usize {
        match self {
            Self::Application | Self::AccessPolicy => 500,
            Self::SaseUser => 10_000,
            Self::UserGroup => 2_000,
            Self::Device => 20_000,
            Self::AccessBlock => 1_000,
            Self::IdentityProvider => 10,
            Self::EnforcementPoint => 100,
        }
    }

    /// The name of one.
    pub(crate) fn name(self, directory: DirectoryId, id: &str) -> String {
        format!("{}/{}/{id}", directory.name(), self.collection())
    }
}
