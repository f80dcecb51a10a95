//! Members, as far as delegation must know them.

use bailiwick_core::{AccountId, DirectoryId};

/// An account in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The account.
    pub account: AccountId,
    /// Its directory.
    pub directory: DirectoryId,
    /// Another one after leaving and joining again.
    pub incarnation: String,
    /// Display name of the account.
    pub display_name: String,
    /// Id of the folder that it is in; empty if it is not known.
    pub folder: String,
    /// It waits for its deletion (E-DIR-20).
    pub suspended: bool,
}

impl Membership {
    /// Whether it is the membership of an incarnation in a directory.
    pub fn is(&self, directory: DirectoryId, incarnation: &str) -> bool {
        self.directory == directory && self.incarnation == incarnation
    }
}

/// Whether what belongs to a membership outlives a change of the account: never another directory's, nor an earlier
/// incarnation's.
pub fn survives(now: Option<&Membership>, directory: DirectoryId, incarnation: &str) -> bool {
    now.is_some_and(|now| now.is(directory, incarnation))
}
