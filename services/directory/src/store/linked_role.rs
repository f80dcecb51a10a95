//! Service-linked roles.

use bailiwick_core::AccountId;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::{Result, account, entity::service_linked_roles as roles, key, keys, parse, time};
use crate::domain::linked_role::LinkedRole;

/// A role of an account.
pub async fn get(conn: &impl ConnectionTrait, of: AccountId, id: &str) -> Result<Option<LinkedRole>> {
    roles::Entity::find_by_id((key(of), id.to_owned())).one(conn).await?.map(from_row).transpose()
}

/// The roles of an account after `after`, by name.
pub async fn page(conn: &impl ConnectionTrait, of: AccountId, after: &str, limit: u64) -> Result<Vec<LinkedRole>> {
    let query = roles::Entity::find().filter(roles::Column::Account.eq(key(of))).filter(roles::Column::Role.gt(after));
    let rows = query.order_by_asc(roles::Column::Role).limit(limit).all(conn).await?;
    rows.into_iter().map(from_row).collect()
}

/// All roles of an account: there is a fixed number of kinds.
pub async fn of_account(conn: &impl ConnectionTrait, of: AccountId) -> Result<Vec<LinkedRole>> {
    let rows = roles::Entity::find().filter(roles::Column::Account.eq(key(of))).order_by_asc(roles::Column::Role);
    rows.all(conn).await?.into_iter().map(from_row).collect()
}

/// Those of some roles that are in some accounts.
pub async fn find(conn: &impl ConnectionTrait, of: &[AccountId], ids: &[String]) -> Result<Vec<LinkedRole>> {
    let rows = roles::Entity::find().filter(these(of, ids));
    let rows = rows.order_by_asc(roles::Column::Account).order_by_asc(roles::Column::Role).all(conn).await?;
    rows.into_iter().map(from_row).collect()
}

/// Adds roles.
pub async fn insert(conn: &impl ConnectionTrait, new: &[LinkedRole]) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let rows = new.iter().map(|role| roles::ActiveModel {
        account: Set(key(role.account)),
        role: Set(role.id.clone()),
        trusted_service: Set(role.service.id().to_owned()),
        generation: Set(role.generation),
        create_us: Set(role.create_time.as_micros()),
    });
    roles::Entity::insert_many(rows).exec_without_returning(conn).await?;
    Ok(())
}

/// Deletes some roles in some accounts.
pub async fn delete(conn: &impl ConnectionTrait, of: &[AccountId], ids: &[String]) -> Result<()> {
    roles::Entity::delete_many().filter(these(of, ids)).exec(conn).await?;
    Ok(())
}

/// Deletes all roles of an account.
pub async fn delete_all(conn: &impl ConnectionTrait, of: AccountId) -> Result<()> {
    roles::Entity::delete_many().filter(roles::Column::Account.eq(key(of))).exec(conn).await?;
    Ok(())
}

fn these(of: &[AccountId], ids: &[String]) -> Condition {
    Condition::all().add(roles::Column::Account.is_in(keys(of))).add(roles::Column::Role.is_in(ids))
}

fn from_row(row: roles::Model) -> Result<LinkedRole> {
    Ok(LinkedRole {
        account: account(row.account)?,
        id: row.role,
        service: parse("trusted service", &row.trusted_service)?,
        generation: row.generation,
        create_time: time(row.create_us),
    })
}
