//! Which control list the accounts of risks are in.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::{AccountId, DirectoryId, Timestamp};
use bailiwick_db::DbError;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QueryResult, QuerySelect, Statement,
    Value,
    sea_query::{Expr, LockType, Order, Query},
};

use super::{
    CHUNK, account, broken,
    entity::risk::{Column, Entity},
    number,
};
use crate::posture::domain::{RiskId, State};

/// Locks accounts until the transaction ends, in the order of their numbers, before anything is done to their risks. An
/// account without a row has none.
pub(crate) async fn accounts_lock(conn: &impl ConnectionTrait, accounts: &BTreeSet<AccountId>) -> Result<(), DbError> {
    let numbers = accounts.iter().copied().map(number).collect::<Result<Vec<_>, _>>()?;
    let column = || Expr::col("account");
    for chunk in numbers.chunks(CHUNK) {
        let mut rows = Query::select();
        rows.expr(column()).from("risk_accounts").and_where(column().is_in(chunk.iter().copied()));
        rows.order_by("account", Order::Asc).lock(LockType::Update);
        conn.query_all(&rows).await?;
    }
    Ok(())
}

/// Accounts came into the list of a directory: from now on their risks are found by it. The accounts' rows are made if they
/// are missing, so that whoever writes the first risk meanwhile waits, or is waited for.
pub(crate) async fn accounts_relist(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    accounts: &BTreeSet<AccountId>,
) -> Result<(), DbError> {
    let backend = conn.get_database_backend();
    let numbers = accounts.iter().copied().map(number).collect::<Result<Vec<_>, _>>()?;
    for chunk in numbers.chunks(CHUNK) {
        let rows: Vec<_> = (2..chunk.len() + 2).map(|at| format!("(${at}, $1, 0, 0)")).collect();
        let values = [Value::from(directory.to_string())].into_iter().chain(chunk.iter().map(|n| Value::from(*n)));
        let values: Vec<_> = values.collect();
        let upsert = format!(
            "INSERT INTO risk_accounts (account, directory, risks, last_scan_us) VALUES {} \
             ON CONFLICT (account) DO UPDATE SET directory = excluded.directory",
            rows.join(", ")
        );
        conn.execute_raw(Statement::from_sql_and_values(backend, upsert, values.clone())).await?;
        let these: Vec<_> = (2..chunk.len() + 2).map(|at| format!("${at}")).collect();
        let risks =
            format!("UPDATE risks SET directory = $1 WHERE account IN ({}) AND directory <> $1", these.join(", "));
        conn.execute_raw(Statement::from_sql_and_values(backend, risks, values)).await?;
    }
    Ok(())
}

/// The directory that each of some accounts was last in the list of, as their risks have it; none where it was in no list.
/// Accounts without a row are left out.
pub(crate) async fn accounts_last(
    conn: &impl ConnectionTrait,
    accounts: &BTreeSet<AccountId>,
) -> Result<BTreeMap<AccountId, Option<DirectoryId>>, DbError> {
    let numbers = accounts.iter().copied().map(number).collect::<Result<Vec<_>, _>>()?;
    let mut found = BTreeMap::new();
    for chunk in numbers.chunks(CHUNK) {
        found.extend(last(conn, Some(chunk)).await?);
    }
    Ok(found)
}

/// The same of all accounts.
pub(crate) async fn accounts_last_all(
    conn: &impl ConnectionTrait,
) -> Result<BTreeMap<AccountId, Option<DirectoryId>>, DbError> {
    Ok(last(conn, None).await?.into_iter().collect())
}

async fn last(
    conn: &impl ConnectionTrait,
    some: Option<&[i64]>,
) -> Result<Vec<(AccountId, Option<DirectoryId>)>, DbError> {
    let mut rows = Query::select();
    rows.columns(["account", "directory"]).from("risk_accounts");
    if let Some(some) = some {
        rows.and_where(Expr::col("account").is_in(some.iter().copied()));
    }
    let read = |row: &QueryResult| {
        let directory: String = row.try_get("", "directory")?;
        let directory = if directory.is_empty() { None } else { Some(directory.parse().map_err(broken)?) };
        Ok((account(row.try_get("", "account")?)?, directory))
    };
    conn.query_all(&rows).await?.iter().map(read).collect()
}

/// Whether a rule suppresses any risk of an account, or did before it was fixed.
pub(crate) async fn has_suppressed(
    conn: &impl ConnectionTrait,
    account: AccountId,
    last: DirectoryId,
) -> Result<bool, DbError> {
    let some = Entity::find().select_only().column(Column::Account);
    let some = some.filter(Column::Directory.eq(last.to_string())).filter(Column::Account.eq(number(account)?));
    let some = some.filter(Expr::cust("risks.suppression_rule <> ''")).limit(1);
    Ok(some.into_tuple::<i64>().one(conn).await?.is_some())
}

/// Risks whose acknowledgement has run out, with their accounts, the earliest first, at most `limit`.
pub(crate) async fn risks_due(
    conn: &impl ConnectionTrait,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<(AccountId, RiskId)>, DbError> {
    let due = Entity::find().select_only().columns([Column::Account, Column::Id]);
    let due = due.filter(Column::State.eq(State::Acknowledged.code())).filter(Column::AckUntilUs.lte(now.as_micros()));
    let rows: Vec<(i64, i64)> =
        due.order_by_asc(Column::AckUntilUs).order_by_asc(Column::Id).limit(limit).into_tuple().all(conn).await?;
    rows.into_iter().map(|(of, id)| Ok((account(of)?, RiskId::from_number(id)))).collect()
}
