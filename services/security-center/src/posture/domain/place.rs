//! What the facts say of accounts and directories, as far as Security Center must know it beside the control list.

use bailiwick_core::{AccountId, DirectoryId, TrustedService};

/// An account, as the facts have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) account: AccountId,
    /// Its last membership, and the incarnation of that; it may have ended.
    pub(crate) membership: Option<(DirectoryId, String)>,
    /// In that membership it was in the control list or was meant to be: it is not added of itself again.
    pub(crate) considered: bool,
    /// Its enterprise has not been verified.
    pub(crate) unverified: bool,
    /// It waits for its deletion.
    pub(crate) suspended: bool,
}

/// A delegated administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Administrator {
    pub(crate) directory: DirectoryId,
    pub(crate) service: TrustedService,
    pub(crate) account: AccountId,
    /// Id of the folder that it reaches; empty for the whole directory.
    pub(crate) folder: String,
}
