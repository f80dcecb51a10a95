//! Designations.

use bailiwick_core::{AccountId, DirectoryId, Timestamp, TrustedService};
use bailiwick_db::DbError;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, Set, Unchanged,
};

use super::{
    CHUNK, Place, by_list,
    entity::delegated_administrator::{ActiveModel, Column, Entity, Model},
    read,
};
use crate::domain::Designation;

/// A designation of a directory.
pub async fn find(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    service: TrustedService,
    account: AccountId,
) -> Result<Option<Designation>, DbError> {
    let id = (directory.to_string(), service.id().to_owned(), account.to_string());
    Entity::find_by_id(id).one(conn).await?.as_ref().map(domain).transpose()
}

/// At most `limit` designations for a service after the account `after`, by account.
pub async fn page(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    service: TrustedService,
    after: &str,
    limit: u32,
) -> Result<Vec<Designation>, DbError> {
    let rows = Entity::find()
        .filter(Column::Directory.eq(directory.to_string()))
        .filter(Column::Service.eq(service.id()))
        .filter(Column::Account.gt(after))
        .order_by_asc(Column::Account)
        .limit(u64::from(limit));
    all(rows, conn).await
}

/// The designations of an account, in whatever directory.
pub async fn of_account(conn: &impl ConnectionTrait, account: AccountId) -> Result<Vec<Designation>, DbError> {
    all(Entity::find().filter(Column::Account.eq(account.to_string())), conn).await
}

/// The designations of accounts, in whatever directory.
pub async fn of_accounts(conn: &impl ConnectionTrait, accounts: &[AccountId]) -> Result<Vec<Designation>, DbError> {
    let mut designations = Vec::new();
    for chunk in accounts.chunks(CHUNK) {
        let ids = chunk.iter().map(ToString::to_string);
        designations.extend(all(Entity::find().filter(Column::Account.is_in(ids)), conn).await?);
    }
    Ok(designations)
}

/// The designations of a directory: their number is bounded by the services' limits.
pub async fn of_directory(conn: &impl ConnectionTrait, directory: DirectoryId) -> Result<Vec<Designation>, DbError> {
    all(Entity::find().filter(Column::Directory.eq(directory.to_string())), conn).await
}

/// For the reconciler: at most `limit` designations of all directories that were made directly, after a place, by
/// directory, account and service.
pub async fn direct_after(
    conn: &impl ConnectionTrait,
    after: Option<&Place>,
    limit: u64,
) -> Result<Vec<Designation>, DbError> {
    let direct = Entity::find().filter(Column::Follows.eq(""));
    let mut rows = direct.cursor_by((Column::Directory, Column::Account, Column::Service));
    if let Some((directory, account, service)) = after {
        rows.after((directory.as_str(), account.as_str(), service.as_str()));
    }
    rows.first(limit).all(conn).await?.iter().map(domain).collect()
}

/// Of some accounts, those that are designated for a service in a directory.
pub async fn among(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    service: TrustedService,
    accounts: &[AccountId],
) -> Result<Vec<Designation>, DbError> {
    let rows = Entity::find()
        .filter(Column::Directory.eq(directory.to_string()))
        .filter(Column::Service.eq(service.id()))
        .filter(Column::Account.is_in(accounts.iter().map(ToString::to_string)));
    all(rows, conn).await
}

/// Stores a designation.
pub async fn insert(conn: &impl ConnectionTrait, designation: &Designation) -> Result<(), DbError> {
    let row = ActiveModel {
        directory: Set(designation.directory.to_string()),
        service: Set(designation.service.id().to_owned()),
        account: Set(designation.account.to_string()),
        incarnation: Set(designation.incarnation.clone()),
        follows: Set(designation.follows.map_or("", TrustedService::id).to_owned()),
        created_us: Set(designation.created.as_micros()),
        etag: Set(designation.etag.clone()),
        folder: Set(designation.folder.clone().unwrap_or_default()),
    };
    Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}

/// Stores the folder and the etag of a designation.
pub async fn update(conn: &impl ConnectionTrait, designation: &Designation) -> Result<(), DbError> {
    let row = ActiveModel {
        directory: Unchanged(designation.directory.to_string()),
        service: Unchanged(designation.service.id().to_owned()),
        account: Unchanged(designation.account.to_string()),
        etag: Set(designation.etag.clone()),
        folder: Set(designation.folder.clone().unwrap_or_default()),
        ..ActiveModel::default()
    };
    Entity::update(row).exec(conn).await?;
    Ok(())
}

/// Deletes designations.
pub async fn delete(conn: &impl ConnectionTrait, designations: &[Designation]) -> Result<(), DbError> {
    let keys = designations.iter().map(|of| (of.directory, of.service, of.account));
    for ((directory, service), accounts) in by_list(keys) {
        for accounts in accounts.chunks(CHUNK) {
            Entity::delete_many()
                .filter(Column::Directory.eq(directory.to_string()))
                .filter(Column::Service.eq(service.id()))
                .filter(Column::Account.is_in(accounts))
                .exec(conn)
                .await?;
        }
    }
    Ok(())
}

async fn all(rows: Select<Entity>, conn: &impl ConnectionTrait) -> Result<Vec<Designation>, DbError> {
    rows.all(conn).await?.iter().map(domain).collect()
}

fn domain(row: &Model) -> Result<Designation, DbError> {
    Ok(Designation {
        directory: read(&row.directory)?,
        service: read(&row.service)?,
        account: read(&row.account)?,
        incarnation: row.incarnation.clone(),
        follows: if row.follows.is_empty() { None } else { Some(read(&row.follows)?) },
        created: Timestamp::from_micros(row.created_us),
        etag: row.etag.clone(),
        folder: Some(row.folder.clone()).filter(|folder| !folder.is_empty()),
    })
}
