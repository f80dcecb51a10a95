//! What the followed log says of the folders of all directories.

use bailiwick_core::DirectoryId;
use bailiwick_db::DbError;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, sea_query::OnConflict};

use super::entity::folder::{ActiveModel, Column, Entity};
use crate::domain::Folder;

/// The folders of a directory: as many as its quota allows.
pub(crate) async fn folders_of_directory(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
) -> Result<Vec<Folder>, DbError> {
    let rows = Entity::find().filter(Column::Directory.eq(directory.to_string())).all(conn).await?;
    Ok(rows.into_iter().map(|row| Folder { directory, id: row.folder, parent: row.parent }).collect())
}

/// Inserts a folder, or replaces what it is in.
pub(crate) async fn folder_save(conn: &impl ConnectionTrait, folder: &Folder) -> Result<(), DbError> {
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

/// Removes a folder, or all of a directory.
pub(crate) async fn folders_remove(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    id: Option<&str>,
) -> Result<(), DbError> {
    let mut gone = Entity::delete_many().filter(Column::Directory.eq(directory.to_string()));
    if let Some(id) = id {
        gone = gone.filter(Column::Folder.eq(id));
    }
    gone.exec(conn).await?;
    Ok(())
}

/// Removes all folders of all directories.
pub(crate) async fn folders_remove_all(conn: &impl ConnectionTrait) -> Result<(), DbError> {
    Entity::delete_many().exec(conn).await?;
    Ok(())
}
