//! The part of the lists that a call is permitted for.

use std::collections::BTreeSet;

use bailiwick_core::{DirectoryId, authz::Scope};
use bailiwick_db::DbError;
use sea_orm::ConnectionTrait;

use crate::{domain::reach, store};

/// The names of the folders that a scope reaches, `directories/{directory}/folders/{folder}`; none where it reaches all.
///
/// # Errors
/// By the database.
pub async fn folders_of(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    scope: &Scope,
) -> Result<Option<BTreeSet<String>>, DbError> {
    match scope {
        Scope::Whole => Ok(None),
        Scope::Folders(roots) => {
            let folders = store::folders_of_directory(conn, directory).await?;
            Ok(Some(reach(directory, &folders, roots)))
        }
    }
}
