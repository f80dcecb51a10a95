//! Single-purpose credentials.

use bailiwick_core::{AccountId, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::{Result, account, count, entity::credentials, key, malformed, time};
use crate::domain::credential::Credential;

/// A credential of a user.
pub async fn get(conn: &impl ConnectionTrait, of: AccountId, user: &str, id: &str) -> Result<Option<Credential>> {
    let query = credentials::Entity::find().filter(owned(of, user).add(credentials::Column::Credential.eq(id)));
    query.one(conn).await?.map(from_row).transpose()
}

/// The credentials of a user after `after`, by id.
pub async fn page(
    conn: &impl ConnectionTrait,
    of: AccountId,
    user: &str,
    after: &str,
    limit: u64,
) -> Result<Vec<Credential>> {
    let query = credentials::Entity::find().filter(owned(of, user).add(credentials::Column::Credential.gt(after)));
    let rows = query.order_by_asc(credentials::Column::Credential).limit(limit).all(conn).await?;
    rows.into_iter().map(from_row).collect()
}

/// All credentials of some users of an account: each has a few.
pub async fn of_users(conn: &impl ConnectionTrait, of: AccountId, users: &[&str]) -> Result<Vec<Credential>> {
    let query = credentials::Entity::find()
        .filter(credentials::Column::Account.eq(key(of)))
        .filter(credentials::Column::User.is_in(users.iter().copied()));
    query.order_by_asc(credentials::Column::Credential).all(conn).await?.into_iter().map(from_row).collect()
}

/// All credentials of an account: each of its users has a few.
pub async fn of_account(conn: &impl ConnectionTrait, of: AccountId) -> Result<Vec<Credential>> {
    let query = credentials::Entity::find().filter(credentials::Column::Account.eq(key(of)));
    query.order_by_asc(credentials::Column::Credential).all(conn).await?.into_iter().map(from_row).collect()
}

/// How many credentials of a user have not expired.
pub async fn count_good(conn: &impl ConnectionTrait, of: AccountId, user: &str, now: Timestamp) -> Result<u32> {
    let good = owned(of, user).add(credentials::Column::ExpireUs.gt(now.as_micros()));
    Ok(count(credentials::Entity::find().filter(good).count(conn).await?))
}

/// For the platform: credentials that have expired by `now`.
pub async fn expired(conn: &impl ConnectionTrait, now: Timestamp, limit: u64) -> Result<Vec<Credential>> {
    let query = credentials::Entity::find().filter(credentials::Column::ExpireUs.lte(now.as_micros()));
    let rows = query.order_by_asc(credentials::Column::ExpireUs).limit(limit).all(conn).await?;
    rows.into_iter().map(from_row).collect()
}

/// Adds a credential.
pub async fn insert(conn: &impl ConnectionTrait, new: &Credential) -> Result<()> {
    let row = credentials::ActiveModel {
        credential: Set(new.id.clone()),
        account: Set(key(new.account)),
        user: Set(new.user.clone()),
        secret_hash: Set(new.secret_hash.to_vec()),
        action: Set(new.action.clone()),
        create_us: Set(new.create_time.as_micros()),
        expire_us: Set(new.expire_time.as_micros()),
    };
    credentials::Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}

/// Deletes some credentials of an account.
pub async fn delete(conn: &impl ConnectionTrait, of: AccountId, ids: &[&str]) -> Result<()> {
    credentials::Entity::delete_many()
        .filter(credentials::Column::Account.eq(key(of)))
        .filter(credentials::Column::Credential.is_in(ids.iter().copied()))
        .exec(conn)
        .await?;
    Ok(())
}

/// Deletes all credentials of an account.
pub async fn delete_of_account(conn: &impl ConnectionTrait, of: AccountId) -> Result<()> {
    credentials::Entity::delete_many().filter(credentials::Column::Account.eq(key(of))).exec(conn).await?;
    Ok(())
}

fn owned(of: AccountId, user: &str) -> Condition {
    Condition::all().add(credentials::Column::Account.eq(key(of))).add(credentials::Column::User.eq(user))
}

fn from_row(row: credentials::Model) -> Result<Credential> {
    let hash = row.secret_hash.as_slice().try_into();
    Ok(Credential {
        secret_hash: hash.map_err(|_| malformed("secret hash of credential", &row.credential))?,
        account: account(row.account)?,
        user: row.user,
        id: row.credential,
        action: row.action,
        create_time: time(row.create_us),
        expire_time: time(row.expire_us),
    })
}
