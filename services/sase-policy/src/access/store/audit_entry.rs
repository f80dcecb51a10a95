//! What administrators changed.

use bailiwick_core::{DirectoryId, Timestamp};
use bailiwick_db::DbError;
use sea_orm::{ConnectionTrait, QueryResult, Value};

use super::{account, number, statement};
use crate::access::domain::AuditEntry;

const COLUMNS: &str =
    "directory, time_us, id, operator, method, request_id, resource, account, kind, \"before\", \"after\"";

/// Which changes are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AuditFilter {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    /// Names; all of them if empty.
    pub(crate) resource: String,
    pub(crate) operator: String,
    /// Goes on before this one.
    pub(crate) before: Option<(i64, String)>,
}

/// Saves a change.
pub(crate) async fn audit_save(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    entry: &AuditEntry,
) -> Result<(), DbError> {
    let sql =
        format!("INSERT INTO sase_audit_entries ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)");
    let values: Vec<Value> = vec![
        directory.to_string().into(),
        entry.time.as_micros().into(),
        entry.id.as_str().into(),
        entry.operator.as_str().into(),
        entry.method.as_str().into(),
        entry.request_id.as_str().into(),
        entry.resource.as_str().into(),
        entry.account.map(number).transpose()?.unwrap_or_default().into(),
        entry.kind.as_str().into(),
        entry.before.as_str().into(),
        entry.after.as_str().into(),
    ];
    conn.execute_raw(statement(conn, sql, values)).await?;
    Ok(())
}

/// At most `limit` changes, the newest first: of what is of managed members, or of none.
pub(crate) async fn audit_entries(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    filter: &AuditFilter,
    limit: u64,
) -> Result<Vec<AuditEntry>, DbError> {
    let mut values: Vec<Value> =
        vec![directory.to_string().into(), filter.start.as_micros().into(), filter.end.as_micros().into()];
    let mut sql = format!(
        "SELECT {COLUMNS} FROM sase_audit_entries WHERE directory = $1 AND time_us >= $2 AND time_us < $3 \
         AND (account = 0 OR account IN (SELECT account FROM roster_entries WHERE service = 'sase' AND directory = $1))"
    );
    let mut and = |condition: &str, value: Value| {
        values.push(value);
        sql.push_str(&format!(" AND {condition} ${}", values.len()));
    };
    for (column, text) in [("resource", &filter.resource), ("operator", &filter.operator)] {
        if !text.is_empty() {
            and(&format!("{column} ="), text.as_str().into());
        }
    }
    if let Some((time, id)) = &filter.before {
        and("(time_us, id) < (", (*time).into());
        values.push(id.as_str().into());
        sql.push_str(&format!(", ${})", values.len()));
    }
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    sql.push_str(&format!(" ORDER BY time_us DESC, id DESC LIMIT ${}", values.len()));
    conn.query_all_raw(statement(conn, sql, values)).await?.iter().map(read).collect()
}

fn read(row: &QueryResult) -> Result<AuditEntry, DbError> {
    let of: i64 = row.try_get("", "account")?;
    Ok(AuditEntry {
        id: row.try_get("", "id")?,
        time: Timestamp::from_micros(row.try_get("", "time_us")?),
        operator: row.try_get("", "operator")?,
        method: row.try_get("", "method")?,
        request_id: row.try_get("", "request_id")?,
        resource: row.try_get("", "resource")?,
        account: if of == 0 { None } else { Some(account(of)?) },
        kind: row.try_get("", "kind")?,
        before: row.try_get("", "before")?,
        after: row.try_get("", "after")?,
    })
}

/// When the oldest of the last `kept` changes was made, if there are more.
pub(crate) async fn audit_overflow(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    kept: u32,
) -> Result<Option<Timestamp>, DbError> {
    let sql = "SELECT time_us FROM sase_audit_entries WHERE directory = $1 ORDER BY time_us DESC, id DESC \
               LIMIT 1 OFFSET $2";
    let values = vec![directory.to_string().into(), i64::from(kept.saturating_sub(1)).into()];
    let row = conn.query_one_raw(statement(conn, sql, values)).await?;
    row.map(|row| Ok(Timestamp::from_micros(row.try_get("", "time_us")?))).transpose()
}

/// Removes at most `limit` changes of before a moment. Returns how many.
pub(crate) async fn audit_purge(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    before: Timestamp,
    limit: u32,
) -> Result<u64, DbError> {
    let sql = "DELETE FROM sase_audit_entries WHERE (directory, time_us, id) IN (SELECT directory, time_us, id \
               FROM sase_audit_entries WHERE directory = $1 AND time_us < $2 ORDER BY time_us LIMIT $3)";
    let values = vec![directory.to_string().into(), before.as_micros().into(), i64::from(limit).into()];
    Ok(conn.execute_raw(statement(conn, sql, values)).await?.rows_affected())
}
