//! The part of the lists that a call is permitted for.

use std::collections::BTreeSet;

use bailiwick_core::{DirectoryId, authz::Scope};
use sea_orm::ConnectionTrait;

use super::RosterError;
use crate::{domain::reach, store};

/// The names of the folders that a scope reaches; none where it reaches all.
pub(super) async fn folders_of(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    scope: &Scope,
) -> Result<Option<BTreeSet<String>>, RosterError> {
    match scope {
        Scope::Whole => Ok(None),
        Scope::Folders(roots) => {
            let folders = store::folders_of_directory(conn, directory).await?;
            Ok(Some(reach(directory, &folders, roots)))
        }
    }
}
