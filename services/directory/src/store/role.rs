//! Roles that are not service-linked, and the policies attached to them.

use std::time::Duration;

use bailiwick_core::{AccountId, DirectoryId, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

use super::{Result, account, attachment, count, directory, entity::roles, key, malformed, time};
use crate::domain::{
    attachment::{Target, TargetKind},
    role::Role,
};

/// A role of an account.
pub async fn get(conn: &impl ConnectionTrait, of: AccountId, id: &str) -> Result<Option<Role>> {
    let rows = in_account(of).filter(roles::Column::Role.eq(id)).all(conn).await?;
    Ok(with_policies(conn, of, rows).await?.pop())
}

/// The roles of an account after `after`, by id.
pub async fn page(conn: &impl ConnectionTrait, of: AccountId, after: &str, limit: u64) -> Result<Vec<Role>> {
    let query = in_account(of).filter(roles::Column::Role.gt(after)).order_by_asc(roles::Column::Role);
    let rows = query.limit(limit).all(conn).await?;
    with_policies(conn, of, rows).await
}

/// The roles that a directory's management account was given in an account: one, unless somebody gave it more.
pub async fn access_from(conn: &impl ConnectionTrait, of: AccountId, from: DirectoryId) -> Result<Vec<Role>> {
    let query = in_account(of).filter(roles::Column::AccessFrom.eq(from.to_string()));
    let rows = query.order_by_asc(roles::Column::Role).all(conn).await?;
    with_policies(conn, of, rows).await
}

/// How many roles an account has.
pub async fn count_all(conn: &impl ConnectionTrait, of: AccountId) -> Result<u32> {
    Ok(count(in_account(of).count(conn).await?))
}

/// Adds a role with its policies.
pub async fn insert(conn: &impl ConnectionTrait, role: &Role) -> Result<()> {
    let row = roles::ActiveModel {
        account: Set(key(role.account)),
        role: Set(role.id.clone()),
        generation: Set(role.generation),
        access_from: Set(role.access_from.map(|id| id.to_string())),
        create_us: Set(role.create_time.as_micros()),
        last_use_us: Set(role.last_use_time.map(Timestamp::as_micros)),
        ..changing(role)
    };
    roles::Entity::insert(row).exec_without_returning(conn).await?;
    for policy in &role.policies {
        attachment::insert(conn, target(role.account, &role.id), policy, role.create_time).await?;
    }
    Ok(())
}

/// Writes what changes of a role, its policies and its last use not among it.
pub async fn save(conn: &impl ConnectionTrait, role: &Role) -> Result<()> {
    roles::Entity::update_many().set(changing(role)).filter(this(role.account, &role.id)).exec(conn).await?;
    Ok(())
}

/// Gives all roles of an account a generation.
pub async fn set_generation(conn: &impl ConnectionTrait, of: AccountId, generation: i64) -> Result<()> {
    roles::Entity::update_many()
        .set(roles::ActiveModel { generation: Set(generation), ..Default::default() })
        .filter(roles::Column::Account.eq(key(of)))
        .exec(conn)
        .await?;
    Ok(())
}

/// Notes that a role was assumed, once a minute at most. Tells whether it was noted: not if it was a moment ago, and not
/// if there is no such role.
#[cfg_attr(not(test), expect(dead_code, reason = "written by AssumeRole"))]
pub async fn touch_role_use(conn: &impl ConnectionTrait, of: AccountId, id: &str, now: Timestamp) -> Result<bool> {
    const USE_RESOLUTION: Duration = Duration::from_mins(1);
    let resolution = i64::try_from(USE_RESOLUTION.as_micros()).unwrap_or(i64::MAX);
    let due = Condition::any()
        .add(roles::Column::LastUseUs.is_null())
        .add(roles::Column::LastUseUs.lte(now.as_micros().saturating_sub(resolution)));
    let used = roles::ActiveModel { last_use_us: Set(Some(now.as_micros())), ..Default::default() };
    let done = roles::Entity::update_many().set(used).filter(this(of, id).add(due)).exec(conn).await?;
    Ok(done.rows_affected > 0)
}

/// Deletes a role with its attachments.
pub async fn delete(conn: &impl ConnectionTrait, of: AccountId, id: &str) -> Result<()> {
    attachment::delete_of(conn, target(of, id)).await?;
    roles::Entity::delete_many().filter(this(of, id)).exec(conn).await?;
    Ok(())
}

/// Deletes the roles of an account. What is attached to them must be gone.
pub async fn delete_all(conn: &impl ConnectionTrait, of: AccountId) -> Result<()> {
    roles::Entity::delete_many().filter(roles::Column::Account.eq(key(of))).exec(conn).await?;
    Ok(())
}

fn target(account: AccountId, id: &str) -> Target<'_> {
    Target { account, kind: TargetKind::Role, id }
}

fn in_account(of: AccountId) -> Select<roles::Entity> {
    roles::Entity::find().filter(roles::Column::Account.eq(key(of)))
}

fn this(of: AccountId, id: &str) -> Condition {
    Condition::all().add(roles::Column::Account.eq(key(of))).add(roles::Column::Role.eq(id))
}

async fn with_policies(conn: &impl ConnectionTrait, of: AccountId, rows: Vec<roles::Model>) -> Result<Vec<Role>> {
    let targets = rows.iter().map(|row| target(of, &row.role).within()).collect();
    let mut policies = attachment::of_targets(conn, of, targets).await?;
    let role = |row: roles::Model| {
        Ok(Role {
            account: account(row.account)?,
            policies: policies.remove(&target(of, &row.role).within()).unwrap_or_default(),
            id: row.role,
            description: row.description,
            trust_policy: row.trust_policy,
            max_session_seconds: u32::try_from(row.max_session_seconds)
                .map_err(|_| malformed("longest session", row.max_session_seconds))?,
            generation: row.generation,
            access_from: row.access_from.as_deref().map(directory).transpose()?,
            create_time: time(row.create_us),
            update_time: time(row.update_us),
            last_use_time: row.last_use_us.map(time),
            version: row.version,
        })
    };
    rows.into_iter().map(role).collect()
}

fn changing(role: &Role) -> roles::ActiveModel {
    roles::ActiveModel {
        description: Set(role.description.clone()),
        trust_policy: Set(role.trust_policy.clone()),
        max_session_seconds: Set(i32::try_from(role.max_session_seconds).unwrap_or(i32::MAX)),
        update_us: Set(role.update_time.as_micros()),
        version: Set(role.version),
        ..Default::default()
    }
}
