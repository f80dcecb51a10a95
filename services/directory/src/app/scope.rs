//! Which part of a directory an administrator reads: all of it, or some folders and what is below them (R-DEL-07).

use std::collections::BTreeSet;

use bailiwick_core::authz::{self, Permit};

use crate::domain::folder::Tree;

/// Which part of a directory a call is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of it.
    Whole,
    /// The folders of these ids, and what is below them.
    Folders(Vec<String>),
}

/// The part that a call was permitted for.
pub(super) fn scope_of(permit: &Permit) -> Scope {
    match permit.scope() {
        authz::Scope::Whole => Scope::Whole,
        authz::Scope::Folders(folders) => Scope::Folders(folders.clone()),
    }
}

impl Scope {
    /// The ids of all folders in it; none if it is the whole tree.
    pub(super) fn folders(&self, tree: &Tree) -> Option<BTreeSet<String>> {
        match self {
            Self::Whole => None,
            Self::Folders(tops) => Some(tops.iter().flat_map(|top| tree.below(top)).collect()),
        }
    }
}
