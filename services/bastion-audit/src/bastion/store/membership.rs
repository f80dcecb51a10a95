//! Which assets and which users are in which groups.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_db::DbError;
use sea_orm::{ConnectionTrait, Value};

use super::{CHUNK, broken, by_bytes, statement};
use crate::bastion::domain::{Home, ResourceKind};

/// Puts something into a group of a kind. Tells whether it was not in it.
pub(crate) async fn member_save(
    conn: &impl ConnectionTrait,
    (home, kind): (&Home, ResourceKind),
    (group, item): (&str, &str),
) -> Result<bool, DbError> {
    let [table, in_group, member] = names(kind);
    let sql = format!(
        "INSERT INTO {table} (directory, instance, {in_group}, {member}) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
    );
    Ok(conn.execute_raw(statement(conn, sql, of(home, [group, item]))).await?.rows_affected() > 0)
}

/// Takes something out of a group. Tells whether it was in it.
pub(crate) async fn member_remove(
    conn: &impl ConnectionTrait,
    (home, kind): (&Home, ResourceKind),
    (group, item): (&str, &str),
) -> Result<bool, DbError> {
    let [table, in_group, member] = names(kind);
    let sql =
        format!("DELETE FROM {table} WHERE directory = $1 AND instance = $2 AND {in_group} = $3 AND {member} = $4");
    Ok(conn.execute_raw(statement(conn, sql, of(home, [group, item]))).await?.rows_affected() > 0)
}

/// Takes something out of all groups of a kind.
pub(crate) async fn memberships_remove_of(
    conn: &impl ConnectionTrait,
    (home, kind): (&Home, ResourceKind),
    item: &str,
) -> Result<(), DbError> {
    let [table, _, member] = names(kind);
    let sql = format!("DELETE FROM {table} WHERE directory = $1 AND instance = $2 AND {member} = $3");
    conn.execute_raw(statement(conn, sql, of(home, [item]))).await?;
    Ok(())
}

/// Empties a group: it has a bound.
pub(crate) async fn memberships_remove(
    conn: &impl ConnectionTrait,
    (home, kind): (&Home, ResourceKind),
    group: &str,
) -> Result<(), DbError> {
    let [table, in_group, _] = names(kind);
    let sql = format!("DELETE FROM {table} WHERE directory = $1 AND instance = $2 AND {in_group} = $3");
    conn.execute_raw(statement(conn, sql, of(home, [group]))).await?;
    Ok(())
}

/// How many are in a group.
pub(crate) async fn member_count(
    conn: &impl ConnectionTrait,
    (home, kind): (&Home, ResourceKind),
    group: &str,
) -> Result<usize, DbError> {
    let [table, in_group, _] = names(kind);
    let sql =
        format!("SELECT COUNT(*) AS count FROM {table} WHERE directory = $1 AND instance = $2 AND {in_group} = $3");
    let row = conn.query_one_raw(statement(conn, sql, of(home, [group]))).await?;
    let count: i64 = row.map(|row| row.try_get("", "count")).transpose()?.unwrap_or_default();
    usize::try_from(count).map_err(broken)
}

/// The groups of a kind that something is in.
pub(crate) async fn groups_of(
    conn: &impl ConnectionTrait,
    (home, kind): (&Home, ResourceKind),
    item: &str,
) -> Result<BTreeSet<String>, DbError> {
    let [table, in_group, member] = names(kind);
    let sql = format!("SELECT {in_group} FROM {table} WHERE directory = $1 AND instance = $2 AND {member} = $3");
    let rows = conn.query_all_raw(statement(conn, sql, of(home, [item]))).await?;
    rows.iter().map(|row| Ok(row.try_get("", in_group)?)).collect()
}

/// At most `limit` ids of what is in any of some groups of a kind, after one, by their bytes.
pub(crate) async fn members_after(
    conn: &impl ConnectionTrait,
    (home, kind): (&Home, ResourceKind),
    groups: &BTreeSet<String>,
    (after, limit): (&str, usize),
) -> Result<BTreeSet<String>, DbError> {
    let [table, in_group, member] = names(kind);
    let bytes = by_bytes(conn);
    let mut found = BTreeSet::new();
    for chunk in groups.iter().collect::<Vec<_>>().chunks(CHUNK) {
        let mut values = of(home, [after]);
        values.push(i64::try_from(limit).map_err(broken)?.into());
        values.extend(chunk.iter().map(|group| Value::from(group.as_str())));
        let places: Vec<_> = (5..=values.len()).map(|at| format!("${at}")).collect();
        let sql = format!(
            "SELECT {member} FROM {table} WHERE directory = $1 AND instance = $2 AND {in_group} IN ({}) \
             AND {member}{bytes} > $3 GROUP BY {member} ORDER BY {member}{bytes} LIMIT $4",
            places.join(", ")
        );
        for row in conn.query_all_raw(statement(conn, sql, values)).await? {
            found.insert(row.try_get("", member)?);
        }
    }
    Ok(found.into_iter().take(limit).collect())
}

/// Which of some are in which groups of a kind.
pub(crate) async fn memberships_among(
    conn: &impl ConnectionTrait,
    (home, kind): (&Home, ResourceKind),
    items: &BTreeSet<String>,
) -> Result<BTreeMap<String, BTreeSet<String>>, DbError> {
    let [table, in_group, member] = names(kind);
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for chunk in items.iter().collect::<Vec<_>>().chunks(CHUNK) {
        let mut values = of(home, []);
        values.extend(chunk.iter().map(|item| Value::from(item.as_str())));
        let places: Vec<_> = (3..=values.len()).map(|at| format!("${at}")).collect();
        let sql = format!(
            "SELECT {in_group}, {member} FROM {table} WHERE directory = $1 AND instance = $2 AND {member} IN ({})",
            places.join(", ")
        );
        for row in conn.query_all_raw(statement(conn, sql, values)).await? {
            found.entry(row.try_get("", in_group)?).or_default().insert(row.try_get("", member)?);
        }
    }
    Ok(found)
}

/// The table of the groups of a kind, with its columns of groups and of what is in them.
pub(super) const fn names(kind: ResourceKind) -> [&'static str; 3] {
    match kind {
        ResourceKind::UserGroup => ["bastion_group_users", "user_group", "bastion_user"],
        _ => ["bastion_group_assets", "asset_group", "asset"],
    }
}

fn of<const N: usize>(home: &Home, more: [&str; N]) -> Vec<Value> {
    let mut values: Vec<Value> = vec![home.directory.to_string().into(), home.place.as_str().into()];
    values.extend(more.map(Value::from));
    values
}
