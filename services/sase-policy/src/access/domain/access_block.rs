//! Blocks of the response hook.

use bailiwick_conditions::Cidr;
use bailiwick_core::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Meta, Resource, ResourceKind};

/// What is blocked, by id or address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Blocked {
    User(String),
    Device(String),
    Address(Cidr),
    Application(String),
}

/// A block: it decides before every policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AccessBlock {
    pub(crate) meta: Meta,
    pub(crate) blocked: Blocked,
    /// The member whose applications it is about; all if none.
    pub(crate) account: Option<AccountId>,
    pub(crate) reason: String,
    /// Until it is lifted if none.
    pub(crate) expire: Option<Timestamp>,
}

impl Resource for AccessBlock {
    const KIND: ResourceKind = ResourceKind::AccessBlock;

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta
    }
}

impl AccessBlock {
    /// Whether it still stands.
    pub(crate) fn stands(&self, now: Timestamp) -> bool {
        self.expire.is_none_or(|expire| now < expire)
    }
}
