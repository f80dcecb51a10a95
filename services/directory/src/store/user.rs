//! Users and the policies attached to them.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::{AccountId, IdentityName, Timestamp, filter::Listing};
use bailiwick_db::{Columns, Place, Source};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select, sea_query::Expr,
};

use super::{Result, account, attachment, count, entity::users, group_member, key, keys, time};
use crate::domain::{
    attachment::{Target, TargetKind},
    policy::PolicyId,
    user::{SCHEMA, User},
};

/// A user of an account.
pub async fn get(conn: &impl ConnectionTrait, of: AccountId, id: &str) -> Result<Option<User>> {
    let rows = in_account(of).filter(users::Column::User.eq(id)).all(conn).await?;
    Ok(with_policies(conn, of, rows).await?.pop())
}

/// Those of some users of an account that there are, by id.
pub async fn find(conn: &impl ConnectionTrait, of: AccountId, ids: Vec<String>) -> Result<Vec<User>> {
    let query = in_account(of).filter(users::Column::User.is_in(ids)).order_by_asc(users::Column::User);
    let rows = query.all(conn).await?;
    with_policies(conn, of, rows).await
}

/// The users of an account after `after`, by id.
pub async fn page(conn: &impl ConnectionTrait, of: AccountId, after: &str, limit: u64) -> Result<Vec<User>> {
    let query = in_account(of).filter(users::Column::User.gt(after)).order_by_asc(users::Column::User);
    let rows = query.limit(limit).all(conn).await?;
    with_policies(conn, of, rows).await
}

/// The users of an account that are asked for, after `after`.
pub async fn listed(
    conn: &impl ConnectionTrait,
    of: AccountId,
    listing: &Listing,
    (after, limit): (Option<&Place>, u64),
) -> Result<Vec<User>> {
    let columns = Columns { schema: &SCHEMA, id: || column(users::Column::User), source };
    let query = columns.select(in_account(of), listing, after, conn.get_database_backend())?;
    with_policies(conn, of, query.limit(limit).all(conn).await?).await
}

/// The place of a user in a list.
pub fn place(user: &User, listing: &Listing) -> Place {
    Place::of(user.id.as_str(), listing, |field| user.sort_value(field))
}

fn source(field: &str) -> Option<Source> {
    const KINDS: &[(&str, &str)] = &[("PRINCIPAL_KIND_ROOT", "root"), ("PRINCIPAL_KIND_USER", "user")];
    let present = |column: &str, otherwise: &str| Expr::cust(format!("COALESCE(users.{column}, {otherwise})"));
    Some(match field {
        "name" => {
            Source::Text(Expr::cust("('accounts/' || CAST(users.account AS TEXT) || '/users/' || users.\"user\")"))
        }
        "user_id" => Source::Text(column(users::Column::User)),
        "display_name" => Source::Text(column(users::Column::DisplayName)),
        "kind" => Source::Code(Expr::cust("(CASE users.\"user\" WHEN 'root' THEN 'root' ELSE 'user' END)"), KINDS),
        "enabled" => Source::Bool(column(users::Column::Enabled)),
        "create_time" => Source::Time(column(users::Column::CreateUs)),
        "update_time" => Source::Time(present("update_us", "users.create_us")),
        "last_sign_in_time" => Source::Time(present("last_sign_in_us", "0")),
        _ => return None,
    })
}

fn column(column: users::Column) -> Expr {
    Expr::col((users::Entity, column))
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

/// Deletes a user and its attachments, and takes it out of its groups. Its access keys must be gone.
pub async fn delete(conn: &impl ConnectionTrait, of: AccountId, id: &str) -> Result<()> {
    attachment::delete_of(conn, target(of, id)).await?;
    group_member::delete_user(conn, of, id).await?;
    users::Entity::delete_many()
        .filter(users::Column::Account.eq(key(of)))
        .filter(users::Column::User.eq(id))
        .exec(conn)
        .await?;
    Ok(())
}

/// Gives all users of an account a generation.
pub async fn set_generation(conn: &impl ConnectionTrait, of: AccountId, generation: i64) -> Result<()> {
    users::Entity::update_many()
        .set(users::ActiveModel { generation: Set(generation), ..Default::default() })
        .filter(users::Column::Account.eq(key(of)))
        .exec(conn)
        .await?;
    Ok(())
}

/// Deletes all users of an account. Their access keys, groups and policies must be gone.
pub async fn delete_all(conn: &impl ConnectionTrait, of: AccountId) -> Result<()> {
    users::Entity::delete_many().filter(users::Column::Account.eq(key(of))).exec(conn).await?;
    Ok(())
}

fn target(account: AccountId, id: &str) -> Target<'_> {
    Target { account, kind: TargetKind::User, id }
}

fn in_account(of: AccountId) -> Select<users::Entity> {
    users::Entity::find().filter(users::Column::Account.eq(key(of)))
}

async fn with_policies(conn: &impl ConnectionTrait, of: AccountId, rows: Vec<users::Model>) -> Result<Vec<User>> {
    let targets = rows.iter().map(|row| target(of, &row.user).within()).collect();
    let mut own = attachment::of_targets(conn, of, targets).await?;
    let groups = group_member::groups_of(conn, of, rows.iter().map(|row| row.user.clone()).collect()).await?;
    let group = |id: &str| Target { account: of, kind: TargetKind::Group, id }.within();
    let distinct: BTreeSet<&String> = groups.values().flatten().collect();
    let theirs = attachment::of_targets(conn, of, distinct.into_iter().map(|id| group(id)).collect()).await?;
    let user = |row: users::Model| {
        let policies = own.remove(&target(of, &row.user).within()).unwrap_or_default();
        let through = groups.get(&row.user).into_iter().flatten().filter_map(|id| theirs.get(&group(id))).flatten();
        let through: BTreeSet<PolicyId> = through.cloned().collect();
        from_row(row, policies, through.into_iter().collect())
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

fn from_row(row: users::Model, policies: Vec<PolicyId>, group_policies: Vec<PolicyId>) -> Result<User> {
    Ok(User {
        account: account(row.account)?,
        id: row.user,
        display_name: row.display_name,
        enabled: row.enabled,
        generation: row.generation,
        policies,
        group_policies,
        create_time: time(row.create_us),
        update_time: time(row.update_us.unwrap_or(row.create_us)),
        last_sign_in_time: row.last_sign_in_us.map(time),
        version: row.version,
    })
}
