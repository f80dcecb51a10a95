//! Groups of assets.

use serde::{Deserialize, Serialize};

use super::{Meta, Resource, ResourceKind};

/// Most assets of a group.
pub(crate) const GROUP_ASSETS_MAX: usize = 5_000;

/// A group. What is in it is kept beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AssetGroup {
    pub(crate) meta: Meta,
    pub(crate) display_name: String,
    pub(crate) comment: String,
}

impl Resource for AssetGroup {
    const KIND: ResourceKind = ResourceKind::AssetGroup;

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta
    }

    fn unique(&self) -> &str {
        &self.display_name
    }
}
