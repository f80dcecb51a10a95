//! What the followed log says of accounts, directories and their administrators.

use bailiwick_core::{AccountId, DirectoryId, TrustedService};
use bailiwick_db::DbError;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, Iterable, QueryFilter, QuerySelect,
    sea_query::{Expr, OnConflict},
};

use super::{
    CHUNK, account, broken,
    entity::{
        administrator, directory,
        place::{Column, Entity, Model},
    },
    number,
};
use crate::posture::domain::{Administrator, Place};

/// Some accounts, of those that are known. Only the follower writes them, one transaction at a time.
pub(crate) async fn places(conn: &impl ConnectionTrait, accounts: &[AccountId]) -> Result<Vec<Place>, DbError> {
    let mut found = Vec::new();
    for chunk in accounts.chunks(CHUNK) {
        let numbers = chunk.iter().copied().map(number).collect::<Result<Vec<_>, _>>()?;
        for row in Entity::find().filter(Column::Account.is_in(numbers)).all(conn).await? {
            found.push(place_of(row)?);
        }
    }
    Ok(found)
}

/// Whether the enterprise of an account has not been verified.
pub(crate) async fn unverified(conn: &impl ConnectionTrait, account: AccountId) -> Result<bool, DbError> {
    let row = Entity::find_by_id(number(account)?).one(conn).await?;
    Ok(row.is_some_and(|row| row.unverified))
}

/// Inserts what is known of accounts, or replaces it.
pub(crate) async fn places_save(conn: &impl ConnectionTrait, places: &[Place]) -> Result<(), DbError> {
    let rest = || Column::iter().filter(|column| !matches!(column, Column::Account));
    for chunk in places.chunks(CHUNK) {
        let rows = chunk.iter().map(row).collect::<Result<Vec<_>, _>>()?;
        Entity::insert_many(rows.into_iter().map(|row| row.into_active_model().reset_all()))
            .on_conflict(OnConflict::column(Column::Account).update_columns(rest()).to_owned())
            .exec_without_returning(conn)
            .await?;
    }
    Ok(())
}

/// Notes of the members of a directory that they were meant to be in its control list.
pub(crate) async fn places_settle(
    conn: &impl ConnectionTrait,
    of: DirectoryId,
    accounts: &[AccountId],
) -> Result<(), DbError> {
    for chunk in accounts.chunks(CHUNK) {
        let numbers = chunk.iter().copied().map(number).collect::<Result<Vec<_>, _>>()?;
        Entity::update_many()
            .col_expr(Column::Considered, Expr::val(true))
            .filter(Column::Directory.eq(of.to_string()))
            .filter(Column::Account.is_in(numbers))
            .exec(conn)
            .await?;
    }
    Ok(())
}

/// The management account of a directory.
pub(crate) async fn management_account(
    conn: &impl ConnectionTrait,
    of: DirectoryId,
) -> Result<Option<AccountId>, DbError> {
    let row = directory::Entity::find_by_id(of.to_string()).one(conn).await?;
    row.map(|row| account(row.management_account)).transpose()
}

/// Inserts a directory, or replaces its management account.
pub(crate) async fn directory_save(
    conn: &impl ConnectionTrait,
    of: DirectoryId,
    management: AccountId,
) -> Result<(), DbError> {
    let row = directory::Model { directory: of.to_string(), management_account: number(management)? };
    let key = OnConflict::column(directory::Column::Directory);
    directory::Entity::insert(row.into_active_model().reset_all())
        .on_conflict(key.clone().update_column(directory::Column::ManagementAccount).to_owned())
        .exec_without_returning(conn)
        .await?;
    Ok(())
}

/// Removes a directory.
pub(crate) async fn directory_remove(conn: &impl ConnectionTrait, of: DirectoryId) -> Result<(), DbError> {
    directory::Entity::delete_by_id(of.to_string()).exec(conn).await?;
    let all = administrator::Entity::delete_many();
    all.filter(administrator::Column::Directory.eq(of.to_string())).exec(conn).await?;
    Ok(())
}

/// Removes all directories.
pub(crate) async fn directories_remove_all(conn: &impl ConnectionTrait) -> Result<(), DbError> {
    directory::Entity::delete_many().exec(conn).await?;
    Ok(())
}

/// The delegated administrators in a directory.
pub(crate) async fn administrators_of(
    conn: &impl ConnectionTrait,
    of: DirectoryId,
) -> Result<Vec<Administrator>, DbError> {
    let all = administrator::Entity::find().filter(administrator::Column::Directory.eq(of.to_string()));
    // As many as there can be of two services.
    let rows = all.limit(1_000).all(conn).await?.into_iter();
    rows.map(|row| {
        let service: TrustedService = row.service.parse().map_err(|e: String| broken(e))?;
        Ok(Administrator { directory: of, service, account: account(row.account)?, folder: row.folder })
    })
    .collect()
}

/// Inserts an administrator, or replaces its folder.
pub(crate) async fn administrator_save(conn: &impl ConnectionTrait, of: &Administrator) -> Result<(), DbError> {
    let row = administrator::Model {
        directory: of.directory.to_string(),
        service: of.service.to_string(),
        account: number(of.account)?,
        folder: of.folder.clone(),
    };
    let key = [administrator::Column::Directory, administrator::Column::Service, administrator::Column::Account];
    administrator::Entity::insert(row.into_active_model().reset_all())
        .on_conflict(OnConflict::columns(key).update_column(administrator::Column::Folder).to_owned())
        .exec_without_returning(conn)
        .await?;
    Ok(())
}

/// Removes an administrator.
pub(crate) async fn administrator_remove(
    conn: &impl ConnectionTrait,
    (of, service, who): (DirectoryId, TrustedService, AccountId),
) -> Result<(), DbError> {
    administrator::Entity::delete_by_id((of.to_string(), service.to_string(), number(who)?)).exec(conn).await?;
    Ok(())
}

/// Removes all administrators.
pub(crate) async fn administrators_remove_all(conn: &impl ConnectionTrait) -> Result<(), DbError> {
    administrator::Entity::delete_many().exec(conn).await?;
    Ok(())
}

fn row(place: &Place) -> Result<Model, DbError> {
    let (directory, incarnation) = match &place.membership {
        Some((directory, incarnation)) => (directory.to_string(), incarnation.clone()),
        None => Default::default(),
    };
    Ok(Model {
        account: number(place.account)?,
        directory,
        incarnation,
        considered: place.considered,
        unverified: place.unverified,
        suspended: place.suspended,
    })
}

fn place_of(row: Model) -> Result<Place, DbError> {
    let membership = match row.directory.as_str() {
        "" => None,
        directory => Some((directory.parse().map_err(broken)?, row.incarnation)),
    };
    Ok(Place {
        account: account(row.account)?,
        membership,
        considered: row.considered,
        unverified: row.unverified,
        suspended: row.suspended,
    })
}
