//! Directories.

use bailiwick_core::{DirectoryId, Timestamp};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use super::{
    Result,
    entity::{deleted_directories, directories},
    key, time,
};
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
        ..changing(directory)
    };
    directories::Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}

/// Writes what changes of a directory, which is locked.
pub async fn save(conn: &impl ConnectionTrait, directory: &Directory) -> Result<()> {
    let this = directories::Column::Directory.eq(directory.id.to_string());
    directories::Entity::update_many().set(changing(directory)).filter(this).exec(conn).await?;
    Ok(())
}

/// Deletes a directory that has nothing in it any more, and keeps its id from others.
pub async fn delete(conn: &impl ConnectionTrait, id: DirectoryId, now: Timestamp) -> Result<()> {
    let row = deleted_directories::ActiveModel { directory: Set(id.to_string()), delete_us: Set(now.as_micros()) };
    deleted_directories::Entity::insert(row).exec_without_returning(conn).await?;
    directories::Entity::delete_by_id(id.to_string()).exec(conn).await?;
    Ok(())
}

/// Whether a directory had the id.
pub async fn was(conn: &impl ConnectionTrait, id: DirectoryId) -> Result<bool> {
    Ok(deleted_directories::Entity::find_by_id(id.to_string()).one(conn).await?.is_some())
}

fn changing(directory: &Directory) -> directories::ActiveModel {
    directories::ActiveModel {
        member_deletion_enabled: Set(directory.member_deletion_enabled),
        control_policies_enabled: Set(directory.control_policies_enabled),
        update_us: Set(directory.update_time.as_micros()),
        version: Set(directory.version),
        ..Default::default()
    }
}

fn from_row(row: directories::Model) -> Result<Directory> {
    Ok(Directory {
        id: super::directory(&row.directory)?,
        management_account: super::account(row.management_account)?,
        member_deletion_enabled: row.member_deletion_enabled,
        control_policies_enabled: row.control_policies_enabled,
        create_time: time(row.create_us),
        update_time: time(row.update_us),
        version: row.version,
    })
}
