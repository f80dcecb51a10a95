//! Changes of what administrators set up, with how it was before and after (E-SASE-06).

use bailiwick_core::{AccountId, Timestamp};

use super::{
    AccessBlock, AccessPolicy, Application, Device, EnforcementPoint, IdentityProvider, ResourceKind, SaseInstance,
    SaseUser, UserGroup,
};

/// What the instance is kept as, which is no resource among others.
pub(crate) const INSTANCE: &str = "saseInstance";

/// A change of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuditEntry {
    pub(crate) id: String,
    pub(crate) time: Timestamp,
    /// The identity that made it.
    pub(crate) operator: String,
    pub(crate) method: String,
    pub(crate) request_id: String,
    /// Name of what changed.
    pub(crate) resource: String,
    /// Whose it is, if it is an application.
    pub(crate) account: Option<AccountId>,
    /// The collection of the resource, or [`INSTANCE`].
    pub(crate) kind: String,
    /// As they are stored; empty if there was none.
    pub(crate) before: String,
    pub(crate) after: String,
}

/// A resource as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Snapshot {
    Instance(SaseInstance),
    Application(Application),
    SaseUser(SaseUser),
    UserGroup(UserGroup),
    Device(Device),
    AccessPolicy(AccessPolicy),
    AccessBlock(AccessBlock),
    IdentityProvider(IdentityProvider),
    EnforcementPoint(EnforcementPoint),
}

impl Snapshot {
    /// Reads what was stored of a kind; none if there was nothing.
    ///
    /// # Errors
    /// If it is no such resource.
    pub(crate) fn read(kind: &str, stored: &str) -> Result<Option<Self>, serde_json::Error> {
        if stored.is_empty() {
            return Ok(None);
        }
        let unknown = || <serde_json::Error as serde::de::Error>::custom(format!("`{kind}` is no kind of resources"));
        if kind == INSTANCE {
            return Ok(Some(Self::Instance(serde_json::from_str(stored)?)));
        }
        let read = match ResourceKind::of_collection(kind).ok_or_else(unknown)? {
            ResourceKind::Application => Self::Application(serde_json::from_str(stored)?),
            ResourceKind::SaseUser => Self::SaseUser(serde_json::from_str(stored)?),
            ResourceKind::UserGroup => Self::UserGroup(serde_json::from_str(stored)?),
            ResourceKind::Device => Self::Device(serde_json::from_str(stored)?),
            ResourceKind::AccessPolicy => Self::AccessPolicy(serde_json::from_str(stored)?),
            ResourceKind::AccessBlock => Self::AccessBlock(serde_json::from_str(stored)?),
            ResourceKind::IdentityProvider => Self::IdentityProvider(serde_json::from_str(stored)?),
            ResourceKind::EnforcementPoint => Self::EnforcementPoint(serde_json::from_str(stored)?),
        };
        Ok(Some(read))
    }
}
