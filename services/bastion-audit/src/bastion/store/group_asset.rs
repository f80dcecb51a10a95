//! Which assets are in which groups.

use bailiwick_db::DbError;
use sea_orm::{ConnectionTrait, Value};

use super::{broken, statement};
use crate::bastion::domain::Home;

/// Puts an asset into a group. Tells whether it was not in it.
pub(crate) async fn group_asset_save(
    conn: &impl ConnectionTrait,
    home: &Home,
    (group, asset): (&str, &str),
) -> Result<bool, DbError> {
    let sql = "INSERT INTO bastion_group_assets (directory, instance, asset_group, asset) VALUES ($1, $2, $3, $4) \
               ON CONFLICT DO NOTHING";
    Ok(conn.execute_raw(statement(conn, sql, of(home, [group, asset]))).await?.rows_affected() > 0)
}

/// Takes an asset out of a group. Tells whether it was in it.
pub(crate) async fn group_asset_remove(
    conn: &impl ConnectionTrait,
    home: &Home,
    (group, asset): (&str, &str),
) -> Result<bool, DbError> {
    let sql = "DELETE FROM bastion_group_assets \
               WHERE directory = $1 AND instance = $2 AND asset_group = $3 AND asset = $4";
    Ok(conn.execute_raw(statement(conn, sql, of(home, [group, asset]))).await?.rows_affected() > 0)
}

/// Takes an asset out of all groups.
pub(crate) async fn group_assets_remove_of(
    conn: &impl ConnectionTrait,
    home: &Home,
    asset: &str,
) -> Result<(), DbError> {
    let sql = "DELETE FROM bastion_group_assets WHERE directory = $1 AND instance = $2 AND asset = $3";
    conn.execute_raw(statement(conn, sql, of(home, [asset]))).await?;
    Ok(())
}

/// Empties a group: it has a bound.
pub(crate) async fn group_assets_remove(conn: &impl ConnectionTrait, home: &Home, group: &str) -> Result<(), DbError> {
    let sql = "DELETE FROM bastion_group_assets WHERE directory = $1 AND instance = $2 AND asset_group = $3";
    conn.execute_raw(statement(conn, sql, of(home, [group]))).await?;
    Ok(())
}

/// How many assets are in a group.
pub(crate) async fn group_asset_count(conn: &impl ConnectionTrait, home: &Home, group: &str) -> Result<usize, DbError> {
    let sql = "SELECT COUNT(*) AS count FROM bastion_group_assets \
               WHERE directory = $1 AND instance = $2 AND asset_group = $3";
    let row = conn.query_one_raw(statement(conn, sql, of(home, [group]))).await?;
    let count: i64 = row.map(|row| row.try_get("", "count")).transpose()?.unwrap_or_default();
    usize::try_from(count).map_err(broken)
}

fn of<const N: usize>(home: &Home, more: [&str; N]) -> Vec<Value> {
    let mut values: Vec<Value> = vec![home.directory.to_string().into(), home.place.as_str().into()];
    values.extend(more.map(Value::from));
    values
}
