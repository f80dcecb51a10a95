//! How many times what decides was changed, and the instances.

use bailiwick_core::DirectoryId;
use bailiwick_db::DbError;
use sea_orm::{ConnectionTrait, DbBackend};

use super::{broken, statement};
use crate::access::domain::SaseInstance;

/// Locks the row of a directory until the transaction ends, against all that changes what decides.
pub(crate) async fn head_lock(conn: &impl ConnectionTrait, directory: DirectoryId) -> Result<(), DbError> {
    let insert = "INSERT INTO sase_heads (directory, generation) VALUES ($1, 0) ON CONFLICT (directory) DO NOTHING";
    conn.execute_raw(statement(conn, insert, vec![directory.to_string().into()])).await?;
    if conn.get_database_backend() == DbBackend::Postgres {
        let lock = "SELECT generation FROM sase_heads WHERE directory = $1 FOR UPDATE";
        conn.query_one_raw(statement(conn, lock, vec![directory.to_string().into()])).await?;
    }
    Ok(())
}

/// How many times what decides in a directory was changed, by calls and by facts; none if calls never did.
pub(crate) async fn generation(conn: &impl ConnectionTrait, directory: DirectoryId) -> Result<Option<i64>, DbError> {
    let sql = "SELECT generation, CAST(COALESCE((SELECT SUM(f.generation) FROM sase_follows f \
               WHERE f.directory IN ($1, '')), 0) AS BIGINT) AS followed FROM sase_heads WHERE directory = $1";
    let Some(row) = conn.query_one_raw(statement(conn, sql, vec![directory.to_string().into()])).await? else {
        return Ok(None);
    };
    let (changed, followed): (i64, i64) = (row.try_get("", "generation")?, row.try_get("", "followed")?);
    Ok(Some(changed + followed))
}

/// Counts a change by a call, which holds the lock.
pub(crate) async fn generation_next(conn: &impl ConnectionTrait, directory: DirectoryId) -> Result<(), DbError> {
    let sql = "UPDATE sase_heads SET generation = generation + 1 WHERE directory = $1";
    conn.execute_raw(statement(conn, sql, vec![directory.to_string().into()])).await?;
    Ok(())
}

/// Counts a change by facts, in a directory or in all.
pub(crate) async fn generation_followed(
    conn: &impl ConnectionTrait,
    directory: Option<DirectoryId>,
) -> Result<(), DbError> {
    let sql = "INSERT INTO sase_follows (directory, generation) VALUES ($1, 1) \
               ON CONFLICT (directory) DO UPDATE SET generation = sase_follows.generation + 1";
    let directory = directory.map(|directory| directory.to_string()).unwrap_or_default();
    conn.execute_raw(statement(conn, sql, vec![directory.into()])).await?;
    Ok(())
}

/// The instance of a directory.
pub(crate) async fn instance(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
) -> Result<Option<SaseInstance>, DbError> {
    let sql = "SELECT body FROM sase_instances WHERE directory = $1";
    let row = conn.query_one_raw(statement(conn, sql, vec![directory.to_string().into()])).await?;
    row.map(|row| serde_json::from_str(&row.try_get::<String>("", "body")?).map_err(broken)).transpose()
}

/// All instances.
pub(crate) async fn instances(conn: &impl ConnectionTrait) -> Result<Vec<SaseInstance>, DbError> {
    let rows = conn.query_all_raw(statement(conn, "SELECT body FROM sase_instances", Vec::new())).await?;
    rows.iter().map(|row| serde_json::from_str(&row.try_get::<String>("", "body")?).map_err(broken)).collect()
}

/// Inserts an instance, or replaces it.
pub(crate) async fn instance_save(conn: &impl ConnectionTrait, instance: &SaseInstance) -> Result<(), DbError> {
    let sql = "INSERT INTO sase_instances (directory, body) VALUES ($1, $2) \
               ON CONFLICT (directory) DO UPDATE SET body = excluded.body";
    let body = serde_json::to_string(instance).map_err(broken)?;
    conn.execute_raw(statement(conn, sql, vec![instance.meta.directory.to_string().into(), body.into()])).await?;
    Ok(())
}
