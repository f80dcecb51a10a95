//! Users in groups.

use std::collections::BTreeMap;

use bailiwick_core::AccountId;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

use super::{Result, account, count, entity::group_members as members, key, time};
use crate::domain::group::GroupMember;

/// That a user is in a group.
pub async fn get(conn: &impl ConnectionTrait, of: AccountId, group: &str, user: &str) -> Result<Option<GroupMember>> {
    members::Entity::find().filter(this(of, group, user)).one(conn).await?.map(from_row).transpose()
}

/// The users of a group after `after`, by id.
pub async fn users(
    conn: &impl ConnectionTrait,
    of: AccountId,
    group: &str,
    after: &str,
    limit: u64,
) -> Result<Vec<GroupMember>> {
    let query = in_account(of).filter(members::Column::Group.eq(group)).filter(members::Column::User.gt(after));
    let rows = query.order_by_asc(members::Column::User).limit(limit).all(conn).await?;
    rows.into_iter().map(from_row).collect()
}

/// The groups of a user after `after`, by id.
pub async fn groups(
    conn: &impl ConnectionTrait,
    of: AccountId,
    user: &str,
    after: &str,
    limit: u64,
) -> Result<Vec<GroupMember>> {
    let query = in_account(of).filter(members::Column::User.eq(user)).filter(members::Column::Group.gt(after));
    let rows = query.order_by_asc(members::Column::Group).limit(limit).all(conn).await?;
    rows.into_iter().map(from_row).collect()
}

/// The groups of each of some users; users who are in none are left out.
pub async fn groups_of(
    conn: &impl ConnectionTrait,
    of: AccountId,
    users: Vec<String>,
) -> Result<BTreeMap<String, Vec<String>>> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if users.is_empty() {
        return Ok(groups);
    }
    for row in in_account(of).filter(members::Column::User.is_in(users)).all(conn).await? {
        groups.entry(row.user).or_default().push(row.group);
    }
    Ok(groups)
}

/// Ids of all users of a group: there are few.
pub async fn user_ids(conn: &impl ConnectionTrait, of: AccountId, group: &str) -> Result<Vec<String>> {
    let query = in_account(of).select_only().column(members::Column::User).filter(members::Column::Group.eq(group));
    Ok(query.order_by_asc(members::Column::User).into_tuple().all(conn).await?)
}

/// How many groups a user is in.
pub async fn count_groups(conn: &impl ConnectionTrait, of: AccountId, user: &str) -> Result<u32> {
    Ok(count(in_account(of).filter(members::Column::User.eq(user)).count(conn).await?))
}

/// How many users each of some groups has; empty groups are left out.
pub async fn counts(
    conn: &impl ConnectionTrait,
    of: AccountId,
    groups: impl Iterator<Item = &str>,
) -> Result<BTreeMap<String, u32>> {
    let rows: Vec<(String, i64)> = in_account(of)
        .select_only()
        .column(members::Column::Group)
        .column_as(members::Column::User.count(), "users")
        .filter(members::Column::Group.is_in(groups))
        .group_by(members::Column::Group)
        .into_tuple()
        .all(conn)
        .await?;
    Ok(rows.into_iter().map(|(group, users)| (group, u32::try_from(users).unwrap_or(u32::MAX))).collect())
}

/// Adds a user to a group.
pub async fn insert(conn: &impl ConnectionTrait, member: &GroupMember) -> Result<()> {
    let row = members::ActiveModel {
        account: Set(key(member.account)),
        group: Set(member.group.clone()),
        user: Set(member.user.clone()),
        join_us: Set(member.join_time.as_micros()),
    };
    members::Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}

/// Removes a user from a group.
pub async fn delete(conn: &impl ConnectionTrait, of: AccountId, group: &str, user: &str) -> Result<()> {
    members::Entity::delete_many().filter(this(of, group, user)).exec(conn).await?;
    Ok(())
}

/// Removes all users from a group.
pub async fn delete_group(conn: &impl ConnectionTrait, of: AccountId, group: &str) -> Result<()> {
    let filter = Condition::all().add(members::Column::Account.eq(key(of))).add(members::Column::Group.eq(group));
    members::Entity::delete_many().filter(filter).exec(conn).await?;
    Ok(())
}

/// Removes a user from all groups.
pub async fn delete_user(conn: &impl ConnectionTrait, of: AccountId, user: &str) -> Result<()> {
    let filter = Condition::all().add(members::Column::Account.eq(key(of))).add(members::Column::User.eq(user));
    members::Entity::delete_many().filter(filter).exec(conn).await?;
    Ok(())
}

/// Removes all users of an account from all groups.
pub async fn delete_all(conn: &impl ConnectionTrait, of: AccountId) -> Result<()> {
    members::Entity::delete_many().filter(members::Column::Account.eq(key(of))).exec(conn).await?;
    Ok(())
}

fn in_account(of: AccountId) -> Select<members::Entity> {
    members::Entity::find().filter(members::Column::Account.eq(key(of)))
}

fn this(of: AccountId, group: &str, user: &str) -> Condition {
    Condition::all()
        .add(members::Column::Account.eq(key(of)))
        .add(members::Column::Group.eq(group))
        .add(members::Column::User.eq(user))
}

fn from_row(row: members::Model) -> Result<GroupMember> {
    Ok(GroupMember { account: account(row.account)?, group: row.group, user: row.user, join_time: time(row.join_us) })
}
