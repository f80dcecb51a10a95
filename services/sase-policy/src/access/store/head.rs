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

/// How many times what decides in a directory was changed; none if it never was.
pub(crate) async fn generation(conn: &impl ConnectionTrait, directory: DirectoryId) -> Result<Option<i64>, DbError> {
    let sql = "SELECT generation FROM sase_heads WHERE directory = $1";
    let row = conn.query_one_raw(statement(conn, sql, vec![directory.to_string().into()])).await?;
    Ok(row.map(|row| row.try_get("", "generation")).transpose()?)
}

/// Counts a change.
pub(crate) async fn generation_next(conn: &impl ConnectionTrait, directory: DirectoryId) -> Result<(), DbError> {
    let sql = "UPDATE sase_heads SET generation = generation + 1 WHERE directory = $1";
    conn.execute_raw(statement(conn, sql, vec![directory.to_string().into()])).await?;
    Ok(())
}

/// Counts a change in every directory.
pub(crate) async fn generations_next(conn: &impl ConnectionTrait) -> Result<(), DbError> {
    conn.execute_raw(statement(conn, "UPDATE sase_heads SET generation = generation + 1", Vec::new())).await?;
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
