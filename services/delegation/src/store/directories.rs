//! Directories that exist.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::{AccountId, DirectoryId};
use bailiwick_db::DbError;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set, sea_query::OnConflict,
};

use super::{
    CHUNK,
    entity::directory::{ActiveModel, Column, Entity},
    read,
};

/// The management account of a directory; none if there is no such directory.
pub async fn management_account(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
) -> Result<Option<AccountId>, DbError> {
    let row = Entity::find_by_id(directory.to_string()).one(conn).await?;
    row.map(|row| read(&row.management_account)).transpose()
}

/// The same, and locks the directory's row until the transaction ends.
pub async fn lock(conn: &impl ConnectionTrait, directory: DirectoryId) -> Result<Option<AccountId>, DbError> {
    let row = Entity::find_by_id(directory.to_string()).lock_exclusive().one(conn).await?;
    row.map(|row| read(&row.management_account)).transpose()
}

/// Locks the rows of directories, always in the same order, until the transaction ends.
pub async fn lock_all(conn: &impl ConnectionTrait, directories: &BTreeSet<DirectoryId>) -> Result<(), DbError> {
    let mut ids: Vec<_> = directories.iter().map(ToString::to_string).collect();
    ids.sort_unstable();
    for chunk in ids.chunks(CHUNK) {
        let rows = Entity::find().filter(Column::Directory.is_in(chunk)).order_by_asc(Column::Directory);
        rows.lock_exclusive().all(conn).await?;
    }
    Ok(())
}

/// Notes directories and their management accounts; none for a directory that is gone.
pub async fn put(
    conn: &impl ConnectionTrait,
    directories: &BTreeMap<DirectoryId, Option<AccountId>>,
) -> Result<(), DbError> {
    let gone: Vec<_> = directories.iter().filter(|(_, of)| of.is_none()).map(|(id, _)| id.to_string()).collect();
    for ids in gone.chunks(CHUNK) {
        Entity::delete_many().filter(Column::Directory.is_in(ids)).exec(conn).await?;
    }
    let held: Vec<_> = directories.iter().filter_map(|(directory, of)| Some((directory, of.as_ref()?))).collect();
    for chunk in held.chunks(CHUNK) {
        let rows = chunk.iter().map(|(directory, management_account)| ActiveModel {
            directory: Set(directory.to_string()),
            management_account: Set(management_account.to_string()),
        });
        let replace = OnConflict::column(Column::Directory).update_column(Column::ManagementAccount).to_owned();
        Entity::insert_many(rows).on_conflict(replace).exec_without_returning(conn).await?;
    }
    Ok(())
}
