//! Folders, as far as delegation must know them.

use std::collections::BTreeSet;

use bailiwick_core::{DirectoryId, subtree};

/// A folder of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// The directory.
    pub directory: DirectoryId,
    /// Its id.
    pub id: String,
    /// Id of the folder that it is in; empty for the root folder.
    pub parent: String,
}

/// The resource name of a folder.
pub fn name(directory: DirectoryId, id: &str) -> String {
    format!("{}/folders/{id}", directory.name())
}

/// The ids of a folder and of all below it, of the folders of its directory. None if it was deleted.
pub fn reach(folders: &[Folder], id: &str) -> BTreeSet<String> {
    let pairs = folders.iter().map(|folder| (folder.id.as_str(), folder.parent.as_str()));
    subtree(pairs, [id]).into_iter().map(ToOwned::to_owned).collect()
}
