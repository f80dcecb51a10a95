//! Folders, mirrored.

use std::collections::BTreeSet;

use bailiwick_core::DirectoryId;
use bailiwick_db::DbError;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Set, sea_query::OnConflict};

use super::{
    entity::folder::{ActiveModel, Column, Entity},
    read,
};
use crate::domain::Folder;

/// The folders of a directory: their number is bounded by directory's quota.
pub async fn of_directory(conn: &impl ConnectionTrait, directory: DirectoryId) -> Result<Vec<Folder>, DbError> {
    let rows = Entity::find().filter(Column::Directory.eq(directory.to_string())).all(conn).await?;
    let folder = |row: super::entity::folder::Model| {
        Ok(Folder { directory: read(&row.directory)?, id: row.folder, parent: row.parent })
    };
    rows.into_iter().map(folder).collect()
}

/// Whether a folder exists.
pub async fn exists(conn: &impl ConnectionTrait, directory: DirectoryId, id: &str) -> Result<bool, DbError> {
    Ok(Entity::find_by_id((directory.to_string(), id.to_owned())).one(conn).await?.is_some())
}

/// Of some folders, given with their directories, those that exist.
pub async fn among(
    conn: &impl ConnectionTrait,
    asked: BTreeSet<(DirectoryId, String)>,
) -> Result<BTreeSet<(DirectoryId, String)>, DbError> {
    if asked.is_empty() {
        return Ok(asked);
    }
    let ids: BTreeSet<_> = asked.iter().map(|(_, id)| id.as_str()).collect();
    let rows = Entity::find().filter(Column::Folder.is_in(ids)).all(conn).await?;
    let found = rows.into_iter().map(|row| Ok((read(&row.directory)?, row.folder)));
    let found = found.collect::<Result<BTreeSet<_>, DbError>>()?;
    Ok(asked.into_iter().filter(|folder| found.contains(folder)).collect())
}

/// Notes a folder and what it is in.
pub async fn put(conn: &impl ConnectionTrait, folder: &Folder) -> Result<(), DbError> {
    let row = ActiveModel {
        directory: Set(folder.directory.to_string()),
        folder: Set(folder.id.clone()),
        parent: Set(folder.parent.clone()),
    };
    let key = [Column::Directory, Column::Folder];
    let replace = OnConflict::columns(key).update_column(Column::Parent).to_owned();
    Entity::insert(row).on_conflict(replace).exec_without_returning(conn).await?;
    Ok(())
}

/// Forgets a folder.
pub async fn delete(conn: &impl ConnectionTrait, directory: DirectoryId, id: &str) -> Result<(), DbError> {
    Entity::delete_by_id((directory.to_string(), id.to_owned())).exec(conn).await?;
    Ok(())
}

/// Forgets all folders of a directory.
pub async fn delete_all(conn: &impl ConnectionTrait, directory: DirectoryId) -> Result<(), DbError> {
    Entity::delete_many().filter(Column::Directory.eq(directory.to_string())).exec(conn).await?;
    Ok(())
}
