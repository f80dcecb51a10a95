//! What sessions need of the roles that accounts made themselves. STAND-IN of this branch: the roles and their table are
//! made by another branch; here is all that touches them.

use bailiwick_core::{AccountId, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::{Result, account, count, entity::roles, key, time};
use crate::domain::session::SessionRole;

/// A role of an account.
pub async fn get(conn: &impl ConnectionTrait, of: AccountId, id: &str) -> Result<Option<SessionRole>> {
    roles::Entity::find_by_id((key(of), id.to_owned())).one(conn).await?.map(from_row).transpose()
}

/// The roles of an account after `after`, by id.
pub async fn page(conn: &impl ConnectionTrait, of: AccountId, after: &str, limit: u64) -> Result<Vec<SessionRole>> {
    let query = roles::Entity::find().filter(roles::Column::Account.eq(key(of))).filter(roles::Column::Role.gt(after));
    let rows = query.order_by_asc(roles::Column::Role).limit(limit).all(conn).await?;
    rows.into_iter().map(from_row).collect()
}

/// Adds a role.
#[cfg(test)]
pub async fn insert(conn: &impl ConnectionTrait, role: &SessionRole) -> Result<()> {
    let row = roles::ActiveModel {
        account: Set(key(role.account)),
        role: Set(role.id.clone()),
        trust_policy: Set(role.trust_policy.clone()),
        max_session_seconds: Set(role.max_session_seconds.into()),
        generation: Set(role.generation),
        create_us: Set(role.create_time.as_micros()),
        last_use_us: Set(None),
    };
    roles::Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}

/// Writes the generation of a role.
pub async fn save_generation(conn: &impl ConnectionTrait, role: &SessionRole) -> Result<()> {
    roles::Entity::update_many()
        .set(roles::ActiveModel { generation: Set(role.generation), ..Default::default() })
        .filter(roles::Column::Account.eq(key(role.account)))
        .filter(roles::Column::Role.eq(&role.id))
        .exec(conn)
        .await?;
    Ok(())
}

/// Writes when a role was last assumed, unless that is known to the minute. It is no change of the role.
pub async fn save_use(conn: &impl ConnectionTrait, of: AccountId, id: &str, minute: Timestamp) -> Result<()> {
    let us = minute.as_micros();
    roles::Entity::update_many()
        .set(roles::ActiveModel { last_use_us: Set(Some(us)), ..Default::default() })
        .filter(roles::Column::Account.eq(key(of)))
        .filter(roles::Column::Role.eq(id))
        .filter(roles::Column::LastUseUs.is_null().or(roles::Column::LastUseUs.lt(us)))
        .exec(conn)
        .await?;
    Ok(())
}

fn from_row(row: roles::Model) -> Result<SessionRole> {
    Ok(SessionRole {
        account: account(row.account)?,
        id: row.role,
        trust_policy: row.trust_policy,
        max_session_seconds: count(u64::try_from(row.max_session_seconds).unwrap_or_default()),
        generation: row.generation,
        create_time: time(row.create_us),
        last_use_time: row.last_use_us.map(time),
    })
}
