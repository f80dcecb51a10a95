//! Versions of policies.

use bailiwick_core::DirectoryId;
use bailiwick_db::DbError;
use sea_orm::{ConnectionTrait, Value};

use super::{broken, statement};
use crate::access::domain::PolicyVersion;

/// Saves a version of a policy, and forgets those before the last `keep`.
pub(crate) async fn version_save(
    conn: &impl ConnectionTrait,
    version: &PolicyVersion,
    keep: u64,
) -> Result<(), DbError> {
    let meta = &version.policy.meta;
    let sql = "INSERT INTO sase_policy_versions (directory, policy, version, body) VALUES ($1, $2, $3, $4)";
    let mut values = of(meta.directory, &meta.id);
    values.extend([meta.version.into(), serde_json::to_string(version).map_err(broken)?.into()]);
    conn.execute_raw(statement(conn, sql, values)).await?;
    let sql = "DELETE FROM sase_policy_versions WHERE directory = $1 AND policy = $2 AND version <= $3";
    let mut values = of(meta.directory, &meta.id);
    values.push(meta.version.saturating_sub(i64::try_from(keep).unwrap_or(i64::MAX)).into());
    conn.execute_raw(statement(conn, sql, values)).await?;
    Ok(())
}

/// A version of a policy.
pub(crate) async fn version(
    conn: &impl ConnectionTrait,
    (directory, policy): (DirectoryId, &str),
    version: i64,
) -> Result<Option<PolicyVersion>, DbError> {
    let found = versions(conn, (directory, policy), version.saturating_add(1), 1).await?;
    Ok(found.into_iter().next().filter(|found| found.policy.meta.version == version))
}

/// At most `limit` versions before one, the newest first.
pub(crate) async fn versions(
    conn: &impl ConnectionTrait,
    (directory, policy): (DirectoryId, &str),
    before: i64,
    limit: u64,
) -> Result<Vec<PolicyVersion>, DbError> {
    let sql = "SELECT body FROM sase_policy_versions WHERE directory = $1 AND policy = $2 AND version < $3 \
               ORDER BY version DESC LIMIT $4";
    let mut values = of(directory, policy);
    values.extend([before.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()]);
    let rows = conn.query_all_raw(statement(conn, sql, values)).await?;
    rows.iter().map(|row| serde_json::from_str(&row.try_get::<String>("", "body")?).map_err(broken)).collect()
}

/// Forgets all versions of a policy.
pub(crate) async fn versions_remove(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    policy: &str,
) -> Result<(), DbError> {
    let sql = "DELETE FROM sase_policy_versions WHERE directory = $1 AND policy = $2";
    conn.execute_raw(statement(conn, sql, of(directory, policy))).await?;
    Ok(())
}

fn of(directory: DirectoryId, policy: &str) -> Vec<Value> {
    vec![directory.to_string().into(), policy.into()]
}
