//! Members, mirrored.

use std::collections::BTreeMap;

use bailiwick_core::{AccountId, DirectoryId, TrustedService};
use bailiwick_db::DbError;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set,
    sea_query::{OnConflict, Query},
};

use super::{
    CHUNK,
    entity::{
        delegated_administrator as administrator,
        member::{ActiveModel, Column, Entity, Model},
    },
    read,
};
use crate::domain::Membership;

/// The memberships of accounts, of those that have one.
pub async fn find(conn: &impl ConnectionTrait, accounts: &[AccountId]) -> Result<Vec<Membership>, DbError> {
    let mut members = Vec::new();
    for chunk in accounts.chunks(CHUNK) {
        let ids = chunk.iter().map(ToString::to_string);
        for row in Entity::find().filter(Column::Account.is_in(ids)).all(conn).await? {
            members.push(domain(&row)?);
        }
    }
    Ok(members)
}

/// Notes what accounts belong to; none for nothing.
pub async fn put(
    conn: &impl ConnectionTrait,
    accounts: &BTreeMap<AccountId, Option<&Membership>>,
) -> Result<(), DbError> {
    let gone: Vec<_> = accounts.iter().filter(|(_, of)| of.is_none()).map(|(id, _)| id.to_string()).collect();
    for ids in gone.chunks(CHUNK) {
        Entity::delete_many().filter(Column::Account.is_in(ids)).exec(conn).await?;
    }
    let members: Vec<_> = accounts.values().copied().flatten().collect();
    for chunk in members.chunks(CHUNK) {
        let rows = chunk.iter().map(|membership| ActiveModel {
            account: Set(membership.account.to_string()),
            directory: Set(membership.directory.to_string()),
            incarnation: Set(membership.incarnation.clone()),
            display_name: Set(membership.display_name.clone()),
            folder: Set(membership.folder.clone()),
            suspended: Set(membership.suspended),
        });
        let columns = [Column::Directory, Column::Incarnation, Column::DisplayName, Column::Folder, Column::Suspended];
        let replace = OnConflict::column(Column::Account).update_columns(columns).to_owned();
        Entity::insert_many(rows).on_conflict(replace).exec_without_returning(conn).await?;
    }
    Ok(())
}

/// At most `limit` members after `after` that are not the management account nor delegated administrators of the
/// service and do not wait for their deletion, by account (R-DEL-13, E-DEL-05).
pub async fn eligible(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    service: TrustedService,
    management_account: AccountId,
    after: &str,
    limit: u32,
) -> Result<Vec<Membership>, DbError> {
    let designated = Query::select()
        .column(administrator::Column::Account)
        .from(administrator::Entity)
        .and_where(administrator::Column::Directory.eq(directory.to_string()))
        .and_where(administrator::Column::Service.eq(service.id()))
        .to_owned();
    let rows = Entity::find()
        .filter(Column::Directory.eq(directory.to_string()))
        .filter(Column::Suspended.eq(false))
        .filter(Column::Account.gt(after))
        .filter(Column::Account.ne(management_account.to_string()))
        .filter(Column::Account.not_in_subquery(designated))
        .order_by_asc(Column::Account)
        .limit(u64::from(limit));
    rows.all(conn).await?.iter().map(domain).collect()
}

fn domain(row: &Model) -> Result<Membership, DbError> {
    Ok(Membership {
        account: read(&row.account)?,
        directory: read(&row.directory)?,
        incarnation: row.incarnation.clone(),
        display_name: row.display_name.clone(),
        folder: row.folder.clone(),
        suspended: row.suspended,
    })
}
