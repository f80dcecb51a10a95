//! What reviews ask for over many users at once.

use bailiwick_core::{AccountId, DirectoryId, Timestamp};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, JoinType, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select,
    sea_query::{Expr, Query},
};

use super::{
    Result,
    access_key::{from_row, to_user},
    entity::{access_keys, directories, members, users},
    key,
};
use crate::domain::access_key::AccessKey;

/// The keys of an account that can be used, and were not since `before`, after the key `after`, by id.
pub async fn unused_keys(
    conn: &impl ConnectionTrait,
    of: AccountId,
    (before, now): (Timestamp, Timestamp),
    after: &str,
    limit: u64,
) -> Result<Vec<AccessKey>> {
    let query = unused(before, now)
        .filter(access_keys::Column::Account.eq(key(of)))
        .filter(access_keys::Column::AccessKey.gt(after))
        .order_by_asc(access_keys::Column::AccessKey);
    query.limit(limit).all(conn).await?.into_iter().map(from_row).collect()
}

/// Those of all members of a directory, its management account left out, after a key of a member, by member and id.
pub async fn unused_keys_of_members(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    (before, now): (Timestamp, Timestamp),
    after: Option<(AccountId, &str)>,
    limit: u64,
) -> Result<Vec<AccessKey>> {
    let column = access_keys::Column::Account;
    let management = Query::select()
        .column(directories::Column::ManagementAccount)
        .from(directories::Entity)
        .and_where(Expr::col(directories::Column::Directory).eq(directory.to_string()))
        .to_owned();
    let members = Query::select()
        .column(members::Column::Account)
        .from(members::Entity)
        .and_where(Expr::col(members::Column::Directory).eq(directory.to_string()))
        .to_owned();
    let mut query = unused(before, now)
        .filter(column.in_subquery(members))
        .filter(column.not_in_subquery(management))
        .order_by_asc(column)
        .order_by_asc(access_keys::Column::AccessKey);
    if let Some((account, id)) = after {
        let same = Condition::all().add(column.eq(key(account))).add(access_keys::Column::AccessKey.gt(id));
        query = query.filter(Condition::any().add(column.gt(key(account))).add(same));
    }
    query.limit(limit).all(conn).await?.into_iter().map(from_row).collect()
}

/// Keys that can be used, of users who can act, that were last used before `before`; one that never was counts from its
/// creation.
fn unused(before: Timestamp, now: Timestamp) -> Select<access_keys::Entity> {
    let last = Expr::col((access_keys::Entity, access_keys::Column::LastUseUs))
        .if_null(Expr::col((access_keys::Entity, access_keys::Column::CreateUs)));
    let disable = access_keys::Column::DisableUs;
    let mut query = access_keys::Entity::find()
        .join(JoinType::InnerJoin, to_user())
        .filter(access_keys::Column::Enabled.eq(true))
        .filter(Condition::any().add(disable.is_null()).add(disable.gt(now.as_micros())))
        .filter(users::Column::Enabled.eq(true));
    QueryTrait::query(&mut query).and_where(last.lte(before.as_micros()));
    query
}
