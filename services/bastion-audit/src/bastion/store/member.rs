//! What is known of members and administrators: those of the list in its own tables, administrators in one that follows.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::{AccountId, DirectoryId, TrustedService};
use bailiwick_db::DbError;
use bailiwick_roster::JoinMethod;
use sea_orm::{ConnectionTrait, QueryResult, Value};

use super::{CHUNK, account, broken, number, statement};
use crate::bastion::domain::Rank;

/// What a claim begins with that is of a membership, and not of an enrolment.
pub(crate) const OWN: &str = "own ";

/// An account administers the bastion hosts of a directory.
pub(crate) async fn administrator_save(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    account: AccountId,
) -> Result<(), DbError> {
    let sql = "INSERT INTO bastion_administrators (directory, account) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    conn.execute_raw(statement(conn, sql, of(directory, account)?)).await?;
    Ok(())
}

/// It does not any more.
pub(crate) async fn administrator_remove(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    account: AccountId,
) -> Result<(), DbError> {
    let sql = "DELETE FROM bastion_administrators WHERE directory = $1 AND account = $2";
    conn.execute_raw(statement(conn, sql, of(directory, account)?)).await?;
    Ok(())
}

/// Forgets all administrators.
pub(crate) async fn administrators_remove_all(conn: &impl ConnectionTrait) -> Result<(), DbError> {
    conn.execute_raw(statement(conn, "DELETE FROM bastion_administrators", Vec::new())).await?;
    Ok(())
}

/// How high an account stands in a directory.
pub(crate) async fn rank(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    account: AccountId,
) -> Result<Rank, DbError> {
    let sql = "SELECT account FROM roster_accounts WHERE directory = $1 AND account = $2 AND join_method = $3";
    let mut values = of(directory, account)?;
    values.push(JoinMethod::EnabledDirectory.as_str().into());
    if conn.query_one_raw(statement(conn, sql, values)).await?.is_some() {
        return Ok(Rank::ManagementAccount);
    }
    let sql = "SELECT account FROM bastion_administrators WHERE directory = $1 AND account = $2";
    let found = conn.query_one_raw(statement(conn, sql, of(directory, account)?)).await?;
    Ok(if found.is_some() { Rank::Administrator } else { Rank::Member })
}

/// The unique id of the enrolment of a member of the bastion host.
pub(crate) async fn enrolment(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    account: AccountId,
) -> Result<Option<String>, DbError> {
    let sql = "SELECT uid FROM roster_entries WHERE service = $3 AND directory = $1 AND account = $2";
    let mut values = of(directory, account)?;
    values.push(TrustedService::Bastionhost.id().into());
    let row = conn.query_one_raw(statement(conn, sql, values)).await?;
    row.map(|row| Ok(row.try_get("", "uid")?)).transpose()
}

/// The incarnation of the membership of an account in a directory.
pub(crate) async fn membership(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    account: AccountId,
) -> Result<Option<String>, DbError> {
    let sql = "SELECT incarnation FROM roster_accounts WHERE directory = $1 AND account = $2";
    let row = conn.query_one_raw(statement(conn, sql, of(directory, account)?)).await?;
    row.map(|row| Ok(row.try_get("", "incarnation")?)).transpose()
}

/// The unique ids of the enrolments of those of some accounts that are members of the bastion host, at most 1,000.
pub(crate) async fn enrolments_among(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    accounts: &BTreeSet<AccountId>,
) -> Result<BTreeMap<AccountId, String>, DbError> {
    if accounts.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut values: Vec<Value> = vec![TrustedService::Bastionhost.id().into(), directory.to_string().into()];
    for one in accounts {
        values.push(number(*one)?.into());
    }
    let places: Vec<_> = (3..=values.len()).map(|at| format!("${at}")).collect();
    let sql = format!(
        "SELECT account, uid FROM roster_entries WHERE service = $1 AND directory = $2 AND account IN ({})",
        places.join(", ")
    );
    let rows = conn.query_all_raw(statement(conn, sql, values)).await?;
    rows.iter().map(|row| Ok((account(row.try_get("", "account")?)?, row.try_get("", "uid")?))).collect()
}

/// A removal of a member was begun, in the enrolment of this unique id.
pub(crate) async fn departure_save(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    account: AccountId,
    uid: &str,
) -> Result<(), DbError> {
    let sql = "INSERT INTO bastion_departures (directory, account, uid) VALUES ($1, $2, $3) \
               ON CONFLICT (directory, account) DO UPDATE SET uid = excluded.uid";
    let mut values = of(directory, account)?;
    values.push(uid.into());
    conn.execute_raw(statement(conn, sql, values)).await?;
    Ok(())
}

/// The unique id of the enrolment in which a removal was begun.
pub(crate) async fn departure(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    account: AccountId,
) -> Result<Option<String>, DbError> {
    let sql = "SELECT uid FROM bastion_departures WHERE directory = $1 AND account = $2";
    let row = conn.query_one_raw(statement(conn, sql, of(directory, account)?)).await?;
    row.map(|row| Ok(row.try_get("", "uid")?)).transpose()
}

/// The same of some members.
pub(crate) async fn departures_among(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    accounts: &[AccountId],
) -> Result<Vec<(AccountId, String)>, DbError> {
    let mut found = Vec::new();
    for chunk in accounts.chunks(CHUNK) {
        let mut values: Vec<Value> = vec![directory.to_string().into()];
        for one in chunk {
            values.push(number(*one)?.into());
        }
        let places: Vec<_> = (2..=values.len()).map(|at| format!("${at}")).collect();
        let sql = format!(
            "SELECT account, uid FROM bastion_departures WHERE directory = $1 AND account IN ({})",
            places.join(", ")
        );
        for row in conn.query_all_raw(statement(conn, sql, values)).await? {
            found.push((account(row.try_get("", "account")?)?, row.try_get("", "uid")?));
        }
    }
    Ok(found)
}

/// At most `limit` removals that were begun in enrolments that have ended otherwise.
pub(crate) async fn departures_ended(
    conn: &impl ConnectionTrait,
    limit: u64,
) -> Result<Vec<(DirectoryId, AccountId, String)>, DbError> {
    let sql = "SELECT d.directory, d.account, d.uid FROM bastion_departures d WHERE NOT EXISTS (SELECT 1 \
               FROM roster_entries e WHERE e.service = $1 AND e.directory = d.directory AND e.account = d.account \
               AND e.uid = d.uid) LIMIT $2";
    let values = vec![TrustedService::Bastionhost.id().into(), i64::try_from(limit).map_err(broken)?.into()];
    let read = |row: &QueryResult| {
        let directory: String = row.try_get("", "directory")?;
        let directory = directory.parse().map_err(broken)?;
        Ok((directory, account(row.try_get("", "account")?)?, row.try_get("", "uid")?))
    };
    conn.query_all_raw(statement(conn, sql, values)).await?.iter().map(read).collect()
}

/// That enrolment has ended.
pub(crate) async fn departure_remove(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    account: AccountId,
    uid: &str,
) -> Result<(), DbError> {
    let sql = "DELETE FROM bastion_departures WHERE directory = $1 AND account = $2 AND uid = $3";
    let mut values = of(directory, account)?;
    values.push(uid.into());
    conn.execute_raw(statement(conn, sql, values)).await?;
    Ok(())
}

fn of(directory: DirectoryId, account: AccountId) -> Result<Vec<Value>, DbError> {
    Ok(vec![directory.to_string().into(), number(account)?.into()])
}
