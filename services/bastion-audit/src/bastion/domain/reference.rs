//! What resources name: it must be there when it is written, and stays while it is named.

use super::ResourceKind;

/// Something of the same bastion host that a resource names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reference {
    pub(crate) kind: ResourceKind,
    /// Of what is in an asset, `{asset}/{id}`.
    pub(crate) id: String,
}
