//! Folders, mirrored.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::DirectoryId;
use bailiwick_db::DbError;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Set, sea_query::OnConflict};

use super::{
    CHUNK,
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

/// Notes the folders that others are in, given with their directories: empty for a root folder, none for one that is gone.
pub async fn put(
    conn: &impl ConnectionTrait,
    folders: &BTreeMap<(DirectoryId, &str), Option<&str>>,
) -> Result<(), DbError> {
    let mut gone = BTreeMap::<_, Vec<_>>::new();
    for ((directory, id), _) in folders.iter().filter(|(_, parent)| parent.is_none()) {
        gone.entry(directory).or_default().push(*id);
    }
    for (directory, ids) in gone {
        for ids in ids.chunks(CHUNK) {
            let of = Entity::delete_many().filter(Column::Directory.eq(directory.to_string()));
            of.filter(Column::Folder.is_in(ids.iter().copied())).exec(conn).await?;
        }
    }
    let held: Vec<_> = folders.iter().filter_map(|(of, parent)| Some((of, (*parent)?))).collect();
    for chunk in held.chunks(CHUNK) {
        let rows = chunk.iter().map(|((directory, id), parent)| ActiveModel {
            directory: Set(directory.to_string()),
            folder: Set((*id).to_owned()),
            parent: Set((*parent).to_owned()),
        });
        let key = [Column::Directory, Column::Folder];
        let replace = OnConflict::columns(key).update_column(Column::Parent).to_owned();
        Entity::insert_many(rows).on_conflict(replace).exec_without_returning(conn).await?;
    }
    Ok(())
}

/// Forgets all folders of directories.
pub async fn delete_all(conn: &impl ConnectionTrait, directories: &[DirectoryId]) -> Result<(), DbError> {
    for chunk in directories.chunks(CHUNK) {
        let ids = chunk.iter().map(ToString::to_string);
        Entity::delete_many().filter(Column::Directory.is_in(ids)).exec(conn).await?;
    }
    Ok(())
}
