//! The row of a directory that whoever changes something of its bastion hosts locks.

use bailiwick_core::DirectoryId;
use bailiwick_db::DbError;
use sea_orm::{ConnectionTrait, DbBackend};

use super::statement;

/// Locks the row of a directory until the transaction ends.
pub(crate) async fn head_lock(conn: &impl ConnectionTrait, directory: DirectoryId) -> Result<(), DbError> {
    let insert = "INSERT INTO bastion_heads (directory) VALUES ($1) ON CONFLICT (directory) DO NOTHING";
    conn.execute_raw(statement(conn, insert, vec![directory.to_string().into()])).await?;
    if conn.get_database_backend() == DbBackend::Postgres {
        let lock = "SELECT directory FROM bastion_heads WHERE directory = $1 FOR UPDATE";
        conn.query_one_raw(statement(conn, lock, vec![directory.to_string().into()])).await?;
    }
    Ok(())
}
