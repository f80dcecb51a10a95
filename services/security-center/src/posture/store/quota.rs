//! Quota of administrators' subscriptions that members have. Only that is read which stands: its entry is in the control
//! list, and its payer is in the directory by the same membership.

use std::collections::BTreeSet;

use bailiwick_core::{AccountId, DirectoryId, Timestamp};
use bailiwick_db::DbError;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, Iterable, QueryFilter, QueryOrder,
    QuerySelect, Select,
    sea_query::{Expr, ExprTrait, OnConflict, Query, SelectStatement},
};

use super::{
    CHUNK, account, broken,
    entity::quota_assignment::{Column, Entity, Model},
    number,
};
use crate::posture::domain::QuotaAssignment;

/// Its entry is there, and its payer is a member still.
const STANDS: &str = "(EXISTS (SELECT 1 FROM roster_entries e WHERE e.service = 'security-center' \
    AND e.directory = quota_assignments.directory AND e.account = quota_assignments.account \
    AND e.uid = quota_assignments.uid) AND EXISTS (SELECT 1 FROM roster_accounts p \
    WHERE p.account = quota_assignments.payer AND p.directory = quota_assignments.directory \
    AND p.incarnation = quota_assignments.payer_incarnation))";

/// The quota of some accounts.
pub(crate) async fn quotas_of(
    conn: &impl ConnectionTrait,
    accounts: &[AccountId],
) -> Result<Vec<QuotaAssignment>, DbError> {
    let mut found = Vec::new();
    for chunk in accounts.chunks(CHUNK) {
        let numbers = chunk.iter().copied().map(number).collect::<Result<Vec<_>, _>>()?;
        found.extend(read(standing().filter(Column::Account.is_in(numbers)).all(conn).await?)?);
    }
    Ok(found)
}

/// At most `limit` assignments of a directory after an account, in some folders or in all.
pub(crate) async fn quotas_page(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    folders: Option<&BTreeSet<String>>,
    after: i64,
    limit: u64,
) -> Result<Vec<QuotaAssignment>, DbError> {
    let mut page = standing().filter(Column::Directory.eq(directory.to_string())).filter(Column::Account.gt(after));
    if let Some(folders) = folders {
        page = page.filter(Column::Account.in_subquery(members(directory, folders)));
    }
    read(page.order_by_asc(Column::Account).limit(limit).all(conn).await?)
}

/// How many servers are assigned of the subscription of an account.
pub(crate) async fn assigned_of(conn: &impl ConnectionTrait, payer: AccountId) -> Result<i64, DbError> {
    let sum = standing().filter(Column::Payer.eq(number(payer)?)).select_only();
    let sum = sum.expr(Expr::cust("CAST(COALESCE(SUM(servers), 0) AS BIGINT)")).into_tuple::<i64>();
    Ok(sum.one(conn).await?.unwrap_or_default())
}

/// Inserts an assignment, or replaces that of the member.
pub(crate) async fn quota_save(conn: &impl ConnectionTrait, to: &QuotaAssignment) -> Result<(), DbError> {
    let key = [Column::Directory, Column::Account];
    let rest = Column::iter().filter(|column| !matches!(column, Column::Directory | Column::Account));
    Entity::insert(row(to)?.into_active_model().reset_all())
        .on_conflict(OnConflict::columns(key).update_columns(rest).to_owned())
        .exec_without_returning(conn)
        .await?;
    Ok(())
}

/// Removes an assignment.
pub(crate) async fn quota_remove(conn: &impl ConnectionTrait, gone: &QuotaAssignment) -> Result<(), DbError> {
    let all = Entity::delete_many().filter(Column::Directory.eq(gone.directory.to_string()));
    all.filter(Column::Account.eq(number(gone.account)?)).exec(conn).await?;
    Ok(())
}

/// Removes all that was assigned of the subscription of an account.
pub(crate) async fn quotas_remove_of(conn: &impl ConnectionTrait, payer: AccountId) -> Result<(), DbError> {
    Entity::delete_many().filter(Column::Payer.eq(number(payer)?)).exec(conn).await?;
    Ok(())
}

/// Removes what no longer stands: of some accounts, or of all.
pub(crate) async fn quotas_tidy(conn: &impl ConnectionTrait, accounts: Option<&[AccountId]>) -> Result<(), DbError> {
    let fallen = || Entity::delete_many().filter(Expr::cust(STANDS).not());
    let Some(accounts) = accounts else { return Ok(fallen().exec(conn).await.map(drop)?) };
    for chunk in accounts.chunks(CHUNK) {
        let numbers = chunk.iter().copied().map(number).collect::<Result<Vec<_>, _>>()?;
        let of = Column::Account.is_in(numbers.clone()).or(Column::Payer.is_in(numbers));
        fallen().filter(of).exec(conn).await?;
    }
    Ok(())
}

fn standing() -> Select<Entity> {
    Entity::find().filter(Expr::cust(STANDS))
}

/// The members in some folders.
fn members(directory: DirectoryId, folders: &BTreeSet<String>) -> SelectStatement {
    let mut members = Query::select();
    members.column("account").from("roster_accounts");
    members.and_where(Expr::col("directory").eq(directory.to_string()));
    members.and_where(Expr::col("folder").is_in(folders)).to_owned()
}

fn read(rows: Vec<Model>) -> Result<Vec<QuotaAssignment>, DbError> {
    rows.into_iter().map(quota_of).collect()
}

fn row(of: &QuotaAssignment) -> Result<Model, DbError> {
    Ok(Model {
        directory: of.directory.to_string(),
        account: number(of.account)?,
        uid: of.uid.clone(),
        payer: number(of.payer)?,
        payer_incarnation: of.payer_incarnation.clone(),
        servers: of.servers,
        create_us: of.create_time.as_micros(),
        version: of.version,
    })
}

fn quota_of(row: Model) -> Result<QuotaAssignment, DbError> {
    Ok(QuotaAssignment {
        directory: row.directory.parse().map_err(broken)?,
        account: account(row.account)?,
        uid: row.uid,
        payer: account(row.payer)?,
        payer_incarnation: row.payer_incarnation,
        servers: row.servers,
        create_time: Timestamp::from_micros(row.create_us),
        version: row.version,
    })
}
