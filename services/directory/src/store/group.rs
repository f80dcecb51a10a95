//! Groups and the policies attached to them.

use bailiwick_core::AccountId;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

use super::{Result, account, attachment, count, entity::groups, group_member, key, time};
use crate::domain::{
    attachment::{Target, TargetKind},
    group::Group,
};

/// A group of an account.
pub async fn get(conn: &impl ConnectionTrait, of: AccountId, id: &str) -> Result<Option<Group>> {
    let rows = in_account(of).filter(groups::Column::Group.eq(id)).all(conn).await?;
    Ok(whole(conn, of, rows).await?.pop())
}

/// The groups of an account after `after`, by id.
pub async fn page(conn: &impl ConnectionTrait, of: AccountId, after: &str, limit: u64) -> Result<Vec<Group>> {
    let query = in_account(of).filter(groups::Column::Group.gt(after)).order_by_asc(groups::Column::Group);
    let rows = query.limit(limit).all(conn).await?;
    whole(conn, of, rows).await
}

/// How many groups an account has.
pub async fn count_all(conn: &impl ConnectionTrait, of: AccountId) -> Result<u32> {
    Ok(count(in_account(of).count(conn).await?))
}

/// Adds a group, without policies.
pub async fn insert(conn: &impl ConnectionTrait, group: &Group) -> Result<()> {
    let row = groups::ActiveModel {
        account: Set(key(group.account)),
        group: Set(group.id.clone()),
        create_us: Set(group.create_time.as_micros()),
        ..changing(group)
    };
    groups::Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}

/// Writes what changes of a group, its users and policies not among it.
pub async fn save(conn: &impl ConnectionTrait, group: &Group) -> Result<()> {
    groups::Entity::update_many().set(changing(group)).filter(this(group.account, &group.id)).exec(conn).await?;
    Ok(())
}

/// Deletes a group with its attachments and takes its users out of it.
pub async fn delete(conn: &impl ConnectionTrait, of: AccountId, id: &str) -> Result<()> {
    attachment::delete_of(conn, target(of, id)).await?;
    group_member::delete_group(conn, of, id).await?;
    groups::Entity::delete_many().filter(this(of, id)).exec(conn).await?;
    Ok(())
}

/// Deletes the groups of an account. What is attached to them must be gone.
pub async fn delete_all(conn: &impl ConnectionTrait, of: AccountId) -> Result<()> {
    group_member::delete_all(conn, of).await?;
    groups::Entity::delete_many().filter(groups::Column::Account.eq(key(of))).exec(conn).await?;
    Ok(())
}

fn target(account: AccountId, id: &str) -> Target<'_> {
    Target { account, kind: TargetKind::Group, id }
}

fn in_account(of: AccountId) -> Select<groups::Entity> {
    groups::Entity::find().filter(groups::Column::Account.eq(key(of)))
}

fn this(of: AccountId, id: &str) -> Condition {
    Condition::all().add(groups::Column::Account.eq(key(of))).add(groups::Column::Group.eq(id))
}

async fn whole(conn: &impl ConnectionTrait, of: AccountId, rows: Vec<groups::Model>) -> Result<Vec<Group>> {
    let targets = rows.iter().map(|row| target(of, &row.group).within()).collect();
    let mut policies = attachment::of_targets(conn, of, targets).await?;
    let users = group_member::counts(conn, of, rows.iter().map(|row| row.group.as_str())).await?;
    let group = |row: groups::Model| {
        Ok(Group {
            account: account(row.account)?,
            policies: policies.remove(&target(of, &row.group).within()).unwrap_or_default(),
            users: users.get(&row.group).copied().unwrap_or_default(),
            id: row.group,
            description: row.description,
            create_time: time(row.create_us),
            update_time: time(row.update_us),
            version: row.version,
        })
    };
    rows.into_iter().map(group).collect()
}

fn changing(group: &Group) -> groups::ActiveModel {
    groups::ActiveModel {
        description: Set(group.description.clone()),
        update_us: Set(group.update_time.as_micros()),
        version: Set(group.version),
        ..Default::default()
    }
}
