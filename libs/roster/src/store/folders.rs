//! What the followed log says of the folders of all directories.

use std::collections::BTreeSet;

use bailiwick_core::DirectoryId;
use bailiwick_db::DbError;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, sea_query::OnConflict};

use super::{
    CHUNK,
    entity::folder::{ActiveModel, Column, Entity},
};
use crate::domain::Folder;

/// The folders of a directory: as many as its quota allows.
pub(crate) async fn folders_of_directory(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
) -> Result<Vec<Folder>, DbError> {
    let rows = Entity::find().filter(Column::Directory.eq(directory.to_string())).all(conn).await?;
    Ok(rows.into_iter().map(|row| Folder { directory, id: row.folder, parent: row.parent }).collect())
}

/// Inserts folders, or replaces what they are in. No two may be the same.
pub(crate) async fn folders_save(conn: &impl ConnectionTrait, folders: &[Folder]) -> Result<(), DbError> {
    for chunk in folders.chunks(CHUNK) {
        let rows = chunk.iter().map(|folder| ActiveModel {
            directory: Set(folder.directory.to_string()),
            folder: Set(folder.id.clone()),
            parent: Set(folder.parent.clone()),
        });
        let key = [Column::Directory, Column::Folder];
        let replace = OnConflict::columns(key).update_column(Column::Parent).to_owned();
        Entity::insert_many(rows).on_conflict(replace).exec_without_returning(conn).await?;
    }
    Ok(())
}

/// Removes folders, given by their directories and in their order.
pub(crate) async fn folders_remove(
    conn: &impl ConnectionTrait,
    folders: &[(DirectoryId, &str)],
) -> Result<(), DbError> {
    for of_one in folders.chunk_by(|(one, _), (other, _)| one == other) {
        for chunk in of_one.chunks(CHUNK) {
            let directories: BTreeSet<_> = chunk.iter().map(|(directory, _)| directory.to_string()).collect();
            Entity::delete_many()
                .filter(Column::Directory.is_in(directories))
                .filter(Column::Folder.is_in(chunk.iter().map(|(_, id)| *id)))
                .exec(conn)
                .await?;
        }
    }
    Ok(())
}

/// Removes all folders of directories.
pub(crate) async fn folders_remove_of(conn: &impl ConnectionTrait, directories: &[DirectoryId]) -> Result<(), DbError> {
    for chunk in directories.chunks(CHUNK) {
        let ids = chunk.iter().map(ToString::to_string);
        Entity::delete_many().filter(Column::Directory.is_in(ids)).exec(conn).await?;
    }
    Ok(())
}

/// Removes all folders of all directories.
pub(crate) async fn folders_remove_all(conn: &impl ConnectionTrait) -> Result<(), DbError> {
    Entity::delete_many().exec(conn).await?;
    Ok(())
}
