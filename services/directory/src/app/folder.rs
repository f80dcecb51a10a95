//! Folders. Each change locks the directory and decides over its whole tree.

use std::collections::BTreeSet;

use bailiwick_core::{DirectoryId, Timestamp, authz::Tenant};
use bailiwick_db::{Snapshot, Tx};
use bailiwick_rpc::Call;

use super::{
    App, Done, Error, Made, Mutation, Page, PageRequest, lock_directory, own_directory,
    scope::{Scope, scope_of},
};
use crate::{
    domain::{
        self,
        folder::{Bounds, Folder, FolderView, Tree, name},
    },
    events, store,
};

/// Which folders are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListFolders<'a> {
    /// Those in this one; of the directory if none: its top.
    pub under: Option<&'a str>,
    /// With all that is below.
    pub recursive: bool,
}

impl App {
    /// Creates a folder under another (R-DIR-07).
    pub async fn folder_create(
        &self,
        call: &Call,
        change: &Mutation,
        named: DirectoryId,
        parent: &str,
        display_name: &str,
    ) -> Result<Done<FolderView>, Error> {
        let id = own_directory(&call.permit, named)?;
        let work = move |tx: Tx| async move {
            let (new, now) = (format!("fd-{}", self.random_id()), self.now());
            let tree = lock_tree(&tx, id).await?;
            let parent = tree.find(id, parent)?;
            let folder = tree.create(parent, new, display_name.to_owned(), self.folder_bounds(), now)?;
            store::folder::insert(tx.conn(), &folder).await?;
            self.record(&tx, call, change, now, made(&folder, events::folder_holds(&folder)));
            Ok(tree.view(&folder))
        };
        self.mutate("folder_create", change, work).await
    }

    /// Reads a folder.
    pub async fn folder_get(&self, call: &Call, named: DirectoryId, folder: &str) -> Result<FolderView, Error> {
        let id = own_directory(&call.permit, named)?;
        self.folder_read(id, &scope_of(&call.permit), folder).await
    }

    pub(super) async fn folder_read(&self, id: DirectoryId, scope: &Scope, folder: &str) -> Result<FolderView, Error> {
        let tree = self.tree(id).await?;
        let found = visible(&tree, scope.folders(&tree).as_ref(), id, folder)?;
        Ok(tree.view(found))
    }

    /// Lists folders, by id (R-DIR-35, R-DEL-07).
    pub async fn folder_list(
        &self,
        call: &Call,
        named: DirectoryId,
        which: ListFolders<'_>,
        asked: &PageRequest,
    ) -> Result<Page<FolderView>, Error> {
        let id = own_directory(&call.permit, named)?;
        let window = self.window(call, asked, if which.recursive { "recursive" } else { "" }).await?;
        let items = self.folders_in(id, &scope_of(&call.permit), which).await?;
        let after = window.after.as_deref().unwrap_or_default();
        let later = items.into_iter().filter(|view| view.folder.id.as_str() > after);
        let items = later.take(usize::try_from(window.limit()).unwrap_or(usize::MAX)).collect();
        self.page(call, &window, items, |view| view.folder.id.clone())
    }

    pub(super) async fn folders_in(
        &self,
        id: DirectoryId,
        scope: &Scope,
        which: ListFolders<'_>,
    ) -> Result<Vec<FolderView>, Error> {
        let tree = self.tree(id).await?;
        let reach = scope.folders(&tree);
        let seen = |folder: &str| reach.as_ref().is_none_or(|reach| reach.contains(folder));
        let under = which.under.map(|under| visible(&tree, reach.as_ref(), id, under)).transpose()?;
        let below = under.map(|under| tree.below(&under.id));
        let wanted = |folder: &&Folder| match (under, &below) {
            (Some(under), Some(below)) if which.recursive => folder.id != under.id && below.contains(&folder.id),
            (Some(under), _) => folder.parent.as_ref() == Some(&under.id),
            (None, _) => which.recursive || !folder.parent.as_deref().is_some_and(seen),
        };
        Ok(tree.folders().filter(|folder| seen(&folder.id)).filter(wanted).map(|folder| tree.view(folder)).collect())
    }

    /// Lists the folders from the root folder down to the parent of one, as far as the caller sees them.
    pub async fn folder_ancestors(
        &self,
        call: &Call,
        named: DirectoryId,
        folder: &str,
        asked: &PageRequest,
    ) -> Result<Page<FolderView>, Error> {
        let id = own_directory(&call.permit, named)?;
        let window = self.window(call, asked, "").await?;
        let after: Option<u32> = window.after()?;
        let above = self.folders_above(id, &scope_of(&call.permit), folder).await?;
        let later = above.into_iter().filter(|view| after.is_none_or(|after| view.depth > after));
        let items = later.take(usize::try_from(window.limit()).unwrap_or(usize::MAX)).collect();
        self.page(call, &window, items, |view| view.depth.to_string())
    }

    pub(super) async fn folders_above(
        &self,
        id: DirectoryId,
        scope: &Scope,
        folder: &str,
    ) -> Result<Vec<FolderView>, Error> {
        let tree = self.tree(id).await?;
        let reach = scope.folders(&tree);
        let path = tree.path(visible(&tree, reach.as_ref(), id, folder)?);
        let seen = path.into_iter().filter(|above| reach.as_ref().is_none_or(|reach| reach.contains(&above.id)));
        Ok(seen.map(|above| tree.view(above)).collect())
    }

    /// Renames a folder; none keeps its name.
    pub async fn folder_rename(
        &self,
        call: &Call,
        change: &Mutation,
        (named, folder): (DirectoryId, &str),
        display_name: Option<&str>,
        etag: &str,
    ) -> Result<Done<FolderView>, Error> {
        let change_folder = |tree: &Tree, folder: &Folder, now| {
            let display_name = display_name.unwrap_or(&folder.display_name).to_owned();
            tree.rename(folder, display_name, etag, now)
        };
        self.folder_change("folder_rename", call, change, (named, folder), change_folder).await
    }

    /// Moves a folder with all that is in it; what its members inherit changes with the same revision (E-DIR-14).
    pub async fn folder_move(
        &self,
        call: &Call,
        change: &Mutation,
        (named, folder): (DirectoryId, &str),
        destination: &str,
        etag: &str,
    ) -> Result<Done<FolderView>, Error> {
        let change_folder = |tree: &Tree, folder: &Folder, now| {
            let destination = tree.find(folder.directory, destination)?;
            tree.move_to(folder, destination, self.folder_bounds(), etag, now)
        };
        self.folder_change("folder_move", call, change, (named, folder), change_folder).await
    }

    async fn folder_change(
        &self,
        operation: &'static str,
        call: &Call,
        change: &Mutation,
        (named, folder): (DirectoryId, &str),
        decide: impl Fn(&Tree, &Folder, Timestamp) -> Result<Folder, domain::Error> + Send + Sync,
    ) -> Result<Done<FolderView>, Error> {
        let id = own_directory(&call.permit, named)?;
        let decide = &decide;
        let work = move |tx: Tx| async move {
            let now = self.now();
            let tree = lock_tree(&tx, id).await?;
            let changed = decide(&tree, tree.find(id, folder)?, now)?;
            store::folder::save(tx.conn(), &changed).await?;
            self.record(&tx, call, change, now, made(&changed, events::folder_holds(&changed)));
            Ok(tree.view(&changed))
        };
        self.mutate(operation, change, work).await
    }

    /// Deletes a folder that is empty (E-DIR-12).
    pub async fn folder_delete(
        &self,
        call: &Call,
        change: &Mutation,
        (named, folder): (DirectoryId, &str),
        etag: &str,
    ) -> Result<Done<()>, Error> {
        let id = own_directory(&call.permit, named)?;
        let work = move |tx: Tx| async move {
            let now = self.now();
            let tree = lock_tree(&tx, id).await?;
            let found = tree.find(id, folder)?;
            tree.delete(found, store::member::count_in(tx.conn(), id, folder, now).await?, etag)?;
            store::folder::delete(tx.conn(), found).await?;
            self.record(&tx, call, change, now, made(found, events::folder_gone(found)));
            Ok(())
        };
        self.mutate("folder_delete", change, work).await
    }

    /// The tree as it is now.
    pub(super) async fn tree(&self, id: DirectoryId) -> Result<Tree, Error> {
        let read = move |snapshot: Snapshot| async move { store::folder::tree(snapshot.conn(), id).await };
        Ok(self.db.snapshot("folder_tree", read).await?.value)
    }

    pub(super) fn folder_bounds(&self) -> Bounds {
        Bounds { folders_max: self.limits.folders_max, depth_max: self.limits.folder_depth_max }
    }
}

async fn lock_tree(tx: &Tx, id: DirectoryId) -> Result<Tree, Error> {
    lock_directory(tx.conn(), id).await?;
    Ok(store::folder::tree(tx.conn(), id).await?)
}

/// A folder that the caller sees; others do not exist for it.
fn visible<'a>(
    tree: &'a Tree,
    reach: Option<&BTreeSet<String>>,
    directory: DirectoryId,
    id: &str,
) -> Result<&'a Folder, domain::Error> {
    if reach.is_some_and(|reach| !reach.contains(id)) {
        return Err(domain::Error::NotFound(name(directory, id)));
    }
    tree.find(directory, id)
}

fn made(folder: &Folder, fact: events::Fact) -> Made {
    Made {
        resource: folder.name(),
        tenant: Tenant::Directory(folder.directory),
        accounts: Vec::new(),
        facts: vec![fact],
    }
}
