//! Directories.

use bailiwick_core::DirectoryId;
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait, QuerySelect};

use super::{Result, entity::directories, key, time};
use crate::domain::directory::Directory;

/// Reads a directory and keeps others from changing it, or anything in it, until the transaction ends.
pub async fn lock(conn: &impl ConnectionTrait, id: DirectoryId) -> Result<Option<Directory>> {
    directories::Entity::find_by_id(id.to_string()).lock_exclusive().one(conn).await?.map(from_row).transpose()
}

/// Reads a directory.
pub async fn get(conn: &impl ConnectionTrait, id: DirectoryId) -> Result<Option<Directory>> {
    directories::Entity::find_by_id(id.to_string()).one(conn).await?.map(from_row).transpose()
}

/// Adds a directory.
pub async fn insert(conn: &impl ConnectionTrait, directory: &Directory) -> Result<()> {
    let row = directories::ActiveModel {
        directory: Set(directory.id.to_string()),
        management_account: Set(key(directory.management_account)),
        create_us: Set(directory.create_time.as_micros()),
        version: Set(directory.version),
        member_deletion_enabled: Set(directory.member_deletion_enabled),
    };
    directories::Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}

fn from_row(row: directories::Model) -> Result<Directory> {
    Ok(Directory {
        id: super::directory(&row.directory)?,
        management_account: super::account(row.management_account)?,
        create_time: time(row.create_us),
        version: row.version,
        member_deletion_enabled: row.member_deletion_enabled,
    })
}
