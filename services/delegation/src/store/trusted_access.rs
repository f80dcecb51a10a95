//! Trusted access.

use bailiwick_core::{DirectoryId, TrustedService};
use bailiwick_db::DbError;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Set};

use super::{
    entity::trusted_access::{ActiveModel, Column, Entity},
    read,
};

/// The services that may work on a directory.
pub async fn of_directory(conn: &impl ConnectionTrait, directory: DirectoryId) -> Result<Vec<TrustedService>, DbError> {
    let rows = Entity::find().filter(Column::Directory.eq(directory.to_string())).all(conn).await?;
    rows.iter().map(|row| read(&row.service)).collect()
}

/// Lets a service work on a directory.
pub async fn insert(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    service: TrustedService,
) -> Result<(), DbError> {
    let row = ActiveModel { directory: Set(directory.to_string()), service: Set(service.id().to_owned()) };
    Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}

/// Takes it back.
pub async fn delete(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    service: TrustedService,
) -> Result<(), DbError> {
    Entity::delete_by_id((directory.to_string(), service.id().to_owned())).exec(conn).await?;
    Ok(())
}
