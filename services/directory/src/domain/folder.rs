//! The tree of folders of a directory (R-DIR-06, R-DIR-07). It is decided over as a whole, for it is small.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::{DirectoryId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Error, check_etag, control_policy::FULL_ACCESS, etag};

/// The folder that everything lies under.
pub const ROOT_FOLDER: &str = "root";
/// What the root folder is called, for good (E-DIR-13).
const ROOT_NAME: &str = "Root";

/// A folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folder {
    /// The directory.
    pub directory: DirectoryId,
    /// Its id: `root`, or one chosen at random.
    pub id: String,
    /// Id of the folder that it is in; none for the root folder.
    pub parent: Option<String>,
    /// Unique among the folders of one parent (E-DIR-11).
    pub display_name: String,
    /// Ids of the control policies attached to it, sorted.
    pub control_policies: Vec<String>,
    /// When it was created.
    pub create_time: Timestamp,
    /// When it last changed.
    pub update_time: Timestamp,
    /// Grows with each change.
    pub version: i64,
}

/// A folder as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderView {
    /// The folder.
    pub folder: Folder,
    /// Levels below the root folder.
    pub depth: u32,
}

/// Bounds of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Most folders, the root folder not counted (E-DIR-02).
    pub folders_max: u32,
    /// Most levels below the root folder (E-DIR-01).
    pub depth_max: u32,
}

/// All folders of a directory. Each but the root folder has its parent in it, and no folder is below itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree(BTreeMap<String, Folder>);

impl Folder {
    /// The root folder of a new directory.
    pub fn root(directory: DirectoryId, now: Timestamp) -> Self {
        Self::new(directory, ROOT_FOLDER.to_owned(), None, ROOT_NAME.to_owned(), now)
    }

    fn new(directory: DirectoryId, id: String, parent: Option<String>, display_name: String, now: Timestamp) -> Self {
        let control_policies = vec![FULL_ACCESS.to_owned()];
        Self { directory, id, parent, display_name, control_policies, create_time: now, update_time: now, version: 1 }
    }

    /// The resource name.
    pub fn name(&self) -> String {
        name(self.directory, &self.id)
    }

    /// The etag.
    pub fn etag(&self) -> String {
        etag(self.create_time, self.version)
    }

    fn changed(&self, now: Timestamp) -> Self {
        Self { update_time: now, version: self.version + 1, ..self.clone() }
    }
}

/// The resource name of a folder.
pub fn name(directory: DirectoryId, id: &str) -> String {
    format!("{}/folders/{id}", directory.name())
}

impl Tree {
    /// The tree of all folders of a directory.
    pub fn new(folders: impl IntoIterator<Item = Folder>) -> Self {
        Self(folders.into_iter().map(|folder| (folder.id.clone(), folder)).collect())
    }

    /// A folder.
    ///
    /// # Errors
    /// NOT_FOUND by its resource name.
    pub fn find(&self, directory: DirectoryId, id: &str) -> Result<&Folder, Error> {
        self.0.get(id).ok_or_else(|| Error::NotFound(name(directory, id)))
    }

    /// Whether there is such a folder.
    pub fn has(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// All folders, by id.
    pub fn folders(&self) -> impl Iterator<Item = &Folder> {
        self.0.values()
    }

    /// A folder as it is shown.
    pub fn view(&self, folder: &Folder) -> FolderView {
        let depth = u32::try_from(self.path(folder).len()).unwrap_or(u32::MAX);
        FolderView { folder: folder.clone(), depth }
    }

    /// The folders from the root folder down to the parent of one.
    pub fn path(&self, folder: &Folder) -> Vec<&Folder> {
        let parent = |folder: &&Folder| folder.parent.as_ref().and_then(|id| self.0.get(id));
        let first = parent(&folder);
        // As many steps as there are folders, lest a row that was tampered with make it endless.
        let mut path: Vec<_> = std::iter::successors(first, |folder| parent(folder)).take(self.0.len()).collect();
        path.reverse();
        path
    }

    /// The ids of a folder and of all that are below it.
    pub fn below(&self, id: &str) -> BTreeSet<String> {
        let inside = |folder: &&Folder| folder.id == id || self.path(folder).iter().any(|above| above.id == id);
        self.0.values().filter(inside).map(|folder| folder.id.clone()).collect()
    }

    /// Creates a folder under another (R-DIR-07).
    pub fn create(
        &self,
        parent: &Folder,
        id: String,
        display_name: String,
        bounds: Bounds,
        now: Timestamp,
    ) -> Result<Folder, Error> {
        self.check_name(&parent.id, &display_name)?;
        if self.view(parent).depth >= bounds.depth_max {
            return Err(Error::FolderDepthExceeded { limit: bounds.depth_max });
        }
        let folders = self.0.len().saturating_sub(1);
        if folders >= usize::try_from(bounds.folders_max).unwrap_or(usize::MAX) {
            return Err(Error::FolderQuotaExceeded { limit: bounds.folders_max });
        }
        Ok(Folder::new(parent.directory, id, Some(parent.id.clone()), display_name, now))
    }

    /// Renames a folder.
    pub fn rename(
        &self,
        folder: &Folder,
        display_name: String,
        asked_etag: &str,
        now: Timestamp,
    ) -> Result<Folder, Error> {
        let parent = self.changeable(folder, asked_etag)?;
        if folder.display_name != display_name {
            self.check_name(parent, &display_name)?;
        }
        Ok(Folder { display_name, ..folder.changed(now) })
    }

    /// Moves a folder with all that is below it into another: not into itself or below, and not so that anything comes
    /// to lie too deep.
    pub fn move_to(
        &self,
        folder: &Folder,
        destination: &Folder,
        bounds: Bounds,
        asked_etag: &str,
        now: Timestamp,
    ) -> Result<Folder, Error> {
        let parent = self.changeable(folder, asked_etag)?;
        if *parent == destination.id {
            return Err(Error::AlreadyInFolder(destination.name()));
        }
        let moved = self.below(&folder.id);
        if moved.contains(&destination.id) {
            return Err(Error::FolderCycle(folder.name()));
        }
        let deepest = moved.iter().filter_map(|id| self.0.get(id)).map(|below| self.view(below).depth).max();
        let levels = deepest.unwrap_or_default().saturating_sub(self.view(folder).depth);
        if self.view(destination).depth.saturating_add(1).saturating_add(levels) > bounds.depth_max {
            return Err(Error::FolderDepthExceeded { limit: bounds.depth_max });
        }
        self.check_name(&destination.id, &folder.display_name)?;
        Ok(Folder { parent: Some(destination.id.clone()), ..folder.changed(now) })
    }

    /// Whether a folder can be deleted: only when nothing is in it (E-DIR-12).
    pub fn delete(&self, folder: &Folder, members: u32, asked_etag: &str) -> Result<(), Error> {
        self.changeable(folder, asked_etag)?;
        if self.0.values().any(|other| other.parent.as_ref() == Some(&folder.id)) {
            return Err(Error::FolderHasSubfolders(folder.name()));
        }
        if members > 0 { Err(Error::FolderHasMembers(folder.name())) } else { Ok(()) }
    }

    /// The parent of a folder that may change: the root folder, which has none, does not (E-DIR-13).
    fn changeable<'a>(&self, folder: &'a Folder, asked_etag: &str) -> Result<&'a String, Error> {
        let parent = folder.parent.as_ref().ok_or(Error::RootFolderImmutable)?;
        check_etag(asked_etag, &folder.etag(), || folder.name())?;
        Ok(parent)
    }

    fn check_name(&self, parent: &str, display_name: &str) -> Result<(), Error> {
        let same = |other: &Folder| other.parent.as_deref() == Some(parent) && other.display_name == display_name;
        if self.0.values().any(same) { Err(Error::FolderNameUsed(display_name.to_owned())) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
