//! How much of a list a caller sees: an administrator of a folder sees the members in it and below it (E-DEL-13).

use std::collections::BTreeSet;

use bailiwick_core::{DirectoryId, subtree};

/// A folder, as far as the lists must know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// The directory.
    pub directory: DirectoryId,
    /// Its id.
    pub id: String,
    /// Id of the folder that it is in; empty for the root folder.
    pub parent: String,
}

/// The names of the folders whose members are within `roots`: those and all below them. A root that was deleted has none.
pub fn reach(directory: DirectoryId, folders: &[Folder], roots: &[String]) -> BTreeSet<String> {
    let pairs = folders.iter().map(|folder| (folder.id.as_str(), folder.parent.as_str()));
    let found = subtree(pairs, roots.iter().map(String::as_str));
    found.into_iter().map(|id| format!("{}/folders/{id}", directory.name())).collect()
}
