//! Users and the policies attached to them.

use std::collections::BTreeMap;

use bailiwick_core::{AccountId, IdentityName, Timestamp, authz::SystemPolicy};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

use super::{
    Result, account, count,
    entity::{user_policies, users},
    key, keys, parse, time,
};
use crate::domain::user::User;

/// A user of an account.
pub async fn get(conn: &impl ConnectionTrait, of: AccountId, id: &str) -> Result<Option<User>> {
    let rows = in_account(of).filter(users::Column::User.eq(id)).all(conn).await?;
    Ok(with_policies(conn, of, rows).await?.pop())
}

/// The users of an account after `after`, by id.
pub async fn page(conn: &impl ConnectionTrait, of: AccountId, after: &str, limit: u64) -> Result<Vec<User>> {
    let query = in_account(of).filter(users::Column::User.gt(after)).order_by_asc(users::Column::User);
    let rows = query.limit(limit).all(conn).await?;
    with_policies(conn, of, rows).await
}

/// How many users an account has, its root user counted.
pub async fn count_all(conn: &impl ConnectionTrait, of: AccountId) -> Result<u32> {
    Ok(count(in_account(of).count(conn).await?))
}

/// Whether the root users of some accounts are enabled.
pub async fn roots(conn: &impl ConnectionTrait, of: &[AccountId]) -> Result<BTreeMap<AccountId, bool>> {
    let rows: Vec<(i64, bool)> = users::Entity::find()
        .select_only()
        .columns([users::Column::Account, users::Column::Enabled])
        .filter(users::Column::Account.is_in(keys(of)))
        .filter(users::Column::User.eq(IdentityName::ROOT))
        .into_tuple()
        .all(conn)
        .await?;
    rows.into_iter().map(|(id, enabled)| Ok((account(id)?, enabled))).collect()
}

/// Adds a user, without policies.
pub async fn insert(conn: &impl ConnectionTrait, user: &User) -> Result<()> {
    let row = users::ActiveModel {
        account: Set(key(user.account)),
        user: Set(user.id.clone()),
        create_us: Set(user.create_time.as_micros()),
        ..changing(user)
    };
    users::Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}

/// Writes what changes of a user, its policies not among it.
pub async fn save(conn: &impl ConnectionTrait, user: &User) -> Result<()> {
    users::Entity::update_many()
        .set(changing(user))
        .filter(users::Column::Account.eq(key(user.account)))
        .filter(users::Column::User.eq(&user.id))
        .exec(conn)
        .await?;
    Ok(())
}

/// Writes when a user last got a token, unless that is known to the minute. It is no change of the user.
pub async fn save_sign_in(conn: &impl ConnectionTrait, of: AccountId, id: &str, time: Timestamp) -> Result<()> {
    let us = time.as_micros();
    users::Entity::update_many()
        .set(users::ActiveModel { last_sign_in_us: Set(Some(us)), ..Default::default() })
        .filter(users::Column::Account.eq(key(of)))
        .filter(users::Column::User.eq(id))
        .filter(users::Column::LastSignInUs.is_null().or(users::Column::LastSignInUs.lt(us)))
        .exec(conn)
        .await?;
    Ok(())
}

/// Writes a user with its policies.
pub async fn save_policies(conn: &impl ConnectionTrait, user: &User) -> Result<()> {
    save(conn, user).await?;
    delete_policies(conn, user.account, &user.id).await?;
    if user.policies.is_empty() {
        return Ok(());
    }
    let rows = user.policies.iter().map(|policy| user_policies::ActiveModel {
        account: Set(key(user.account)),
        user: Set(user.id.clone()),
        policy: Set(policy.name().to_owned()),
    });
    user_policies::Entity::insert_many(rows).exec_without_returning(conn).await?;
    Ok(())
}

/// Deletes a user and its policies. Its access keys must be gone.
pub async fn delete(conn: &impl ConnectionTrait, of: AccountId, id: &str) -> Result<()> {
    delete_policies(conn, of, id).await?;
    users::Entity::delete_many()
        .filter(users::Column::Account.eq(key(of)))
        .filter(users::Column::User.eq(id))
        .exec(conn)
        .await?;
    Ok(())
}

async fn delete_policies(conn: &impl ConnectionTrait, of: AccountId, id: &str) -> Result<()> {
    user_policies::Entity::delete_many()
        .filter(user_policies::Column::Account.eq(key(of)))
        .filter(user_policies::Column::User.eq(id))
        .exec(conn)
        .await?;
    Ok(())
}

fn in_account(of: AccountId) -> Select<users::Entity> {
    users::Entity::find().filter(users::Column::Account.eq(key(of)))
}

async fn with_policies(conn: &impl ConnectionTrait, of: AccountId, rows: Vec<users::Model>) -> Result<Vec<User>> {
    let ids: Vec<&str> = rows.iter().map(|row| row.user.as_str()).collect();
    let attached = user_policies::Entity::find()
        .filter(user_policies::Column::Account.eq(key(of)))
        .filter(user_policies::Column::User.is_in(ids))
        .all(conn)
        .await?;
    let mut policies: BTreeMap<String, Vec<SystemPolicy>> = BTreeMap::new();
    for row in attached {
        policies.entry(row.user).or_default().push(parse("policy", &row.policy)?);
    }
    let user = |row: users::Model| {
        let mut policies = policies.remove(&row.user).unwrap_or_default();
        policies.sort_by_key(|policy| SystemPolicy::ALL.iter().position(|known| known == policy));
        from_row(row, policies)
    };
    rows.into_iter().map(user).collect()
}

fn changing(user: &User) -> users::ActiveModel {
    users::ActiveModel {
        display_name: Set(user.display_name.clone()),
        enabled: Set(user.enabled),
        update_us: Set(Some(user.update_time.as_micros())),
        generation: Set(user.generation),
        version: Set(user.version),
        ..Default::default()
    }
}

fn from_row(row: users::Model, policies: Vec<SystemPolicy>) -> Result<User> {
    Ok(User {
        account: account(row.account)?,
        id: row.user,
        display_name: row.display_name,
        enabled: row.enabled,
        generation: row.generation,
        policies,
        create_time: time(row.create_us),
        update_time: time(row.update_us.unwrap_or(row.create_us)),
        last_sign_in_time: row.last_sign_in_us.map(time),
        version: row.version,
    })
}
