//! Access keys.

use bailiwick_core::{AccountId, IdentityName, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, JoinType, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, RelationDef, Select,
};

use super::{
    Result, account, count,
    entity::{access_keys, users},
    key, malformed, member, time,
};
use crate::domain::access_key::{AccessKey, LastUse};

/// What an access key proves, and what its secret must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The identity.
    pub identity: IdentityName,
    /// SHA-256 of the secret.
    pub secret_hash: [u8; 32],
    /// Whether both the key and the identity are enabled.
    pub enabled: bool,
    /// The generation of the identity.
    pub generation: i64,
    /// When the key will be disabled; none if it will not.
    pub disable_time: Option<Timestamp>,
}

/// For whoever presents a key: what it proves. One statement, so that a key that is disabled meanwhile does not get the
/// generation that came with its end. Whether the account waits for its deletion is asked after it: what was read before
/// the deletion has a generation that ended with it.
pub async fn credential(conn: &impl ConnectionTrait, id: &str) -> Result<Option<Credential>> {
    let found: Option<(access_keys::Model, Option<users::Model>)> = access_keys::Entity::find()
        .filter(access_keys::Column::AccessKey.eq(id))
        .join(JoinType::InnerJoin, to_user())
        .select_also(users::Entity)
        .one(conn)
        .await?;
    let Some((row, user)) = found else { return Ok(None) };
    let user = user.ok_or_else(|| malformed("user of access key", id))?;
    let of = account(row.account)?;
    let suspended = member::is_suspended(conn, of).await?;
    Ok(Some(Credential {
        identity: IdentityName::User(of, row.user),
        secret_hash: hash(&row.secret_hash, id)?,
        enabled: row.enabled && user.enabled && !suspended,
        generation: user.generation,
        disable_time: row.disable_us.map(time),
    }))
}

/// A key of a user.
pub async fn get(conn: &impl ConnectionTrait, of: AccountId, user: &str, id: &str) -> Result<Option<AccessKey>> {
    let query = of_user(of, user).filter(access_keys::Column::AccessKey.eq(id));
    query.one(conn).await?.map(from_row).transpose()
}

/// The keys of a user after `after`, by id.
pub async fn page(
    conn: &impl ConnectionTrait,
    of: AccountId,
    user: &str,
    after: &str,
    limit: u64,
) -> Result<Vec<AccessKey>> {
    let query = of_user(of, user).filter(access_keys::Column::AccessKey.gt(after));
    let rows = query.order_by_asc(access_keys::Column::AccessKey).limit(limit).all(conn).await?;
    rows.into_iter().map(from_row).collect()
}

/// All keys of some users of an account: each has a few.
pub async fn of_users(conn: &impl ConnectionTrait, of: AccountId, users: &[&str]) -> Result<Vec<AccessKey>> {
    let query = access_keys::Entity::find()
        .filter(access_keys::Column::Account.eq(key(of)))
        .filter(access_keys::Column::User.is_in(users.iter().copied()));
    query.all(conn).await?.into_iter().map(from_row).collect()
}

/// For the platform: keys whose end, set by a rotation, has come by `now`.
pub async fn due(conn: &impl ConnectionTrait, now: Timestamp, limit: u64) -> Result<Vec<AccessKey>> {
    let query = access_keys::Entity::find()
        .filter(access_keys::Column::Enabled.eq(true))
        .filter(access_keys::Column::DisableUs.lte(now.as_micros()));
    query.order_by_asc(access_keys::Column::DisableUs).limit(limit).all(conn).await?.into_iter().map(from_row).collect()
}

/// How many keys a user has.
pub async fn count_all(conn: &impl ConnectionTrait, of: AccountId, user: &str) -> Result<u32> {
    Ok(count(of_user(of, user).count(conn).await?))
}

/// Adds a key with the SHA-256 of its secret.
pub async fn insert(conn: &impl ConnectionTrait, new: &AccessKey, secret_hash: [u8; 32]) -> Result<()> {
    let row = access_keys::ActiveModel {
        access_key: Set(new.id.clone()),
        account: Set(key(new.account)),
        user: Set(new.user.clone()),
        secret_hash: Set(secret_hash.to_vec()),
        create_us: Set(new.create_time.as_micros()),
        ..changing(new)
    };
    access_keys::Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}

/// Writes what changes of a key.
pub async fn save(conn: &impl ConnectionTrait, changed: &AccessKey) -> Result<()> {
    access_keys::Entity::update_many()
        .set(changing(changed))
        .filter(access_keys::Column::Account.eq(key(changed.account)))
        .filter(access_keys::Column::AccessKey.eq(&changed.id))
        .exec(conn)
        .await?;
    Ok(())
}

/// Writes when a key was last used, unless that is known to the minute. It is no change of the key.
pub async fn save_use(conn: &impl ConnectionTrait, of: AccountId, id: &str, last: &LastUse) -> Result<()> {
    let used = access_keys::ActiveModel {
        last_use_us: Set(Some(last.time.as_micros())),
        last_use_source_ip: Set(Some(last.source_ip.clone())),
        ..Default::default()
    };
    let earlier = access_keys::Column::LastUseUs.is_null().or(access_keys::Column::LastUseUs.lt(last.time.as_micros()));
    access_keys::Entity::update_many()
        .set(used)
        .filter(access_keys::Column::Account.eq(key(of)))
        .filter(access_keys::Column::AccessKey.eq(id))
        .filter(earlier)
        .exec(conn)
        .await?;
    Ok(())
}

/// Deletes a key of a user.
pub async fn delete(conn: &impl ConnectionTrait, of: AccountId, user: &str, id: &str) -> Result<()> {
    access_keys::Entity::delete_many()
        .filter(owned(of, user).add(access_keys::Column::AccessKey.eq(id)))
        .exec(conn)
        .await?;
    Ok(())
}

/// Deletes the keys of a user.
pub async fn delete_all(conn: &impl ConnectionTrait, of: AccountId, user: &str) -> Result<()> {
    access_keys::Entity::delete_many().filter(owned(of, user)).exec(conn).await?;
    Ok(())
}

/// Deletes the keys of all users of an account.
pub async fn delete_of_account(conn: &impl ConnectionTrait, of: AccountId) -> Result<()> {
    access_keys::Entity::delete_many().filter(access_keys::Column::Account.eq(key(of))).exec(conn).await?;
    Ok(())
}

/// How many keys of users of an account are enabled.
pub async fn count_enabled(conn: &impl ConnectionTrait, of: AccountId) -> Result<u32> {
    let in_use = access_keys::Entity::find().filter(access_keys::Column::Account.eq(key(of)));
    Ok(count(in_use.filter(access_keys::Column::Enabled.eq(true)).count(conn).await?))
}

/// The 32 bytes of a stored hash.
pub(super) fn hash(bytes: &[u8], id: &str) -> Result<[u8; 32]> {
    bytes.try_into().map_err(|_| malformed("secret hash of access key", id))
}

fn of_user(of: AccountId, user: &str) -> Select<access_keys::Entity> {
    access_keys::Entity::find().filter(owned(of, user))
}

fn owned(of: AccountId, user: &str) -> Condition {
    Condition::all().add(access_keys::Column::Account.eq(key(of))).add(access_keys::Column::User.eq(user))
}

pub(super) fn to_user() -> RelationDef {
    access_keys::Entity::belongs_to(users::Entity)
        .from((access_keys::Column::Account, access_keys::Column::User))
        .to((users::Column::Account, users::Column::User))
        .into()
}

fn changing(key: &AccessKey) -> access_keys::ActiveModel {
    access_keys::ActiveModel {
        enabled: Set(key.enabled),
        rotate_us: Set(key.rotate_time.map(Timestamp::as_micros)),
        disable_us: Set(key.disable_time.map(Timestamp::as_micros)),
        version: Set(key.version),
        ..Default::default()
    }
}

pub(super) fn from_row(row: access_keys::Model) -> Result<AccessKey> {
    Ok(AccessKey {
        account: account(row.account)?,
        user: row.user,
        id: row.access_key,
        enabled: row.enabled,
        create_time: time(row.create_us),
        last_use: row
            .last_use_us
            .map(|us| LastUse { time: time(us), source_ip: row.last_use_source_ip.unwrap_or_default() }),
        rotate_time: row.rotate_us.map(time),
        disable_time: row.disable_us.map(time),
        version: row.version,
    })
}
