//! RAM users, as the followed log has them.

use bailiwick_core::{AccountId, DirectoryId};
use bailiwick_db::DbError;
use sea_orm::{ConnectionTrait, Value};

use super::{CHUNK, number, statement};

/// A RAM user is enabled.
pub(crate) async fn ram_user_save(conn: &impl ConnectionTrait, name: &str, of: AccountId) -> Result<(), DbError> {
    let sql = "INSERT INTO bastion_ram_users (name, account) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    conn.execute_raw(statement(conn, sql, vec![name.into(), number(of)?.into()])).await?;
    Ok(())
}

/// A RAM user is disabled, or gone.
pub(crate) async fn ram_user_remove(conn: &impl ConnectionTrait, name: &str) -> Result<(), DbError> {
    conn.execute_raw(statement(conn, "DELETE FROM bastion_ram_users WHERE name = $1", vec![name.into()])).await?;
    Ok(())
}

/// Forgets all RAM users.
pub(crate) async fn ram_users_remove_all(conn: &impl ConnectionTrait) -> Result<(), DbError> {
    conn.execute_raw(statement(conn, "DELETE FROM bastion_ram_users", Vec::new())).await?;
    Ok(())
}

/// Those of some RAM users that are there and enabled, in an account of a directory.
pub(crate) async fn ram_users_among(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    names: &[String],
) -> Result<Vec<String>, DbError> {
    let mut found = Vec::new();
    for chunk in names.chunks(CHUNK) {
        let mut values: Vec<Value> = vec![directory.to_string().into()];
        values.extend(chunk.iter().map(|name| Value::from(name.as_str())));
        let places: Vec<_> = (2..=values.len()).map(|at| format!("${at}")).collect();
        let sql = format!(
            "SELECT u.name FROM bastion_ram_users u JOIN roster_accounts a ON a.account = u.account \
             WHERE a.directory = $1 AND u.name IN ({})",
            places.join(", ")
        );
        for row in conn.query_all_raw(statement(conn, sql, values)).await? {
            found.push(row.try_get("", "name")?);
        }
    }
    Ok(found)
}
