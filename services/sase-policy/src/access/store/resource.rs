//! Resources of a directory, each a row with its content as JSON.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::DirectoryId;
use bailiwick_db::DbError;
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Value};

use super::{broken, statement};
use crate::access::domain::{Resource, ResourceKind};

/// A resource, if it is there.
pub(crate) async fn find<T: Resource>(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    id: &str,
) -> Result<Option<T>, DbError> {
    let sql = "SELECT body FROM sase_resources WHERE directory = $1 AND kind = $2 AND id = $3";
    let mut values = of(directory, T::KIND);
    values.push(id.into());
    conn.query_one_raw(statement(conn, sql, values)).await?.map(|row| read(&row)).transpose()
}

/// All of a kind, by id.
pub(crate) async fn all<T: Resource>(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
) -> Result<BTreeMap<String, T>, DbError> {
    let sql = "SELECT body FROM sase_resources WHERE directory = $1 AND kind = $2";
    let rows = conn.query_all_raw(statement(conn, sql, of(directory, T::KIND))).await?;
    rows.iter().map(|row| read::<T>(row).map(|one| (one.meta().id.clone(), one))).collect()
}

/// At most `limit` of a kind after an id, by the bytes of their ids.
pub(crate) async fn page<T: Resource>(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    after: &str,
    limit: u64,
) -> Result<Vec<T>, DbError> {
    // Other collations than this one pass over hyphens.
    let bytes = if conn.get_database_backend() == DbBackend::Postgres { " COLLATE \"C\"" } else { "" };
    let sql = format!(
        "SELECT body FROM sase_resources WHERE directory = $1 AND kind = $2 AND id{bytes} > $3 ORDER BY id{bytes} LIMIT $4"
    );
    let mut values = of(directory, T::KIND);
    values.extend([after.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()]);
    conn.query_all_raw(statement(conn, sql, values)).await?.iter().map(read).collect()
}

/// The ids of a kind.
pub(crate) async fn ids(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    kind: ResourceKind,
) -> Result<BTreeSet<String>, DbError> {
    let sql = "SELECT id FROM sase_resources WHERE directory = $1 AND kind = $2";
    let rows = conn.query_all_raw(statement(conn, sql, of(directory, kind))).await?;
    rows.iter().map(|row| Ok(row.try_get("", "id")?)).collect()
}

/// How many there are of a kind.
pub(crate) async fn count(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    kind: ResourceKind,
) -> Result<usize, DbError> {
    let sql = "SELECT COUNT(*) AS count FROM sase_resources WHERE directory = $1 AND kind = $2";
    let row = conn.query_one_raw(statement(conn, sql, of(directory, kind))).await?;
    let count: i64 = row.map(|row| row.try_get("", "count")).transpose()?.unwrap_or_default();
    usize::try_from(count).map_err(broken)
}

/// Inserts a resource, or replaces it.
pub(crate) async fn save<T: Resource>(conn: &impl ConnectionTrait, resource: &T) -> Result<(), DbError> {
    let sql = "INSERT INTO sase_resources (directory, kind, id, body) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (directory, kind, id) DO UPDATE SET body = excluded.body";
    let mut values = of(resource.meta().directory, T::KIND);
    values.push(resource.meta().id.as_str().into());
    values.push(serde_json::to_string(resource).map_err(broken)?.into());
    conn.execute_raw(statement(conn, sql, values)).await?;
    Ok(())
}

/// Removes a resource.
pub(crate) async fn remove(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    kind: ResourceKind,
    id: &str,
) -> Result<(), DbError> {
    let sql = "DELETE FROM sase_resources WHERE directory = $1 AND kind = $2 AND id = $3";
    let mut values = of(directory, kind);
    values.push(id.into());
    conn.execute_raw(statement(conn, sql, values)).await?;
    Ok(())
}

fn of(directory: DirectoryId, kind: ResourceKind) -> Vec<Value> {
    vec![directory.to_string().into(), kind.collection().into()]
}

fn read<T: Resource>(row: &QueryResult) -> Result<T, DbError> {
    serde_json::from_str(&row.try_get::<String>("", "body")?).map_err(broken)
}

/// Whether a resource is there.
pub(crate) async fn exists(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    kind: ResourceKind,
    id: &str,
) -> Result<bool, DbError> {
    let sql = "SELECT id FROM sase_resources WHERE directory = $1 AND kind = $2 AND id = $3";
    let mut values = of(directory, kind);
    values.push(id.into());
    Ok(conn.query_one_raw(statement(conn, sql, values)).await?.is_some())
}
