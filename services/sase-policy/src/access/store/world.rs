//! All that decisions look at, read at one moment.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::DirectoryId;
use bailiwick_db::DbError;
use sea_orm::{ConnectionTrait, Value};

use super::{CHUNK, all, managed, statement};
use crate::access::domain::{SaseUser, World};

/// The world of a directory. The connection is of a snapshot.
pub(crate) async fn world(conn: &impl ConnectionTrait, directory: DirectoryId) -> Result<World, DbError> {
    let users = all::<SaseUser>(conn, directory).await?;
    let names: Vec<_> = users.values().map(|user| user.ram_user.clone()).filter(|name| !name.is_empty()).collect();
    Ok(World {
        members: managed(conn, directory).await?,
        folders: folders(conn, directory).await?,
        applications: all(conn, directory).await?,
        users,
        groups: all(conn, directory).await?,
        policies: all(conn, directory).await?,
        blocks: all(conn, directory).await?,
        ram_users: ram_users(conn, directory, &names).await?,
    })
}

async fn folders(conn: &impl ConnectionTrait, directory: DirectoryId) -> Result<BTreeMap<String, String>, DbError> {
    let sql = "SELECT folder, parent FROM roster_folders WHERE directory = $1";
    let rows = conn.query_all_raw(statement(conn, sql, vec![directory.to_string().into()])).await?;
    rows.iter().map(|row| Ok((row.try_get("", "folder")?, row.try_get("", "parent")?))).collect()
}

/// Those of these RAM users that are enabled, and of members.
async fn ram_users(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    names: &[String],
) -> Result<BTreeSet<String>, DbError> {
    let mut found = BTreeSet::new();
    for chunk in names.chunks(CHUNK) {
        let mut values: Vec<Value> = vec![directory.to_string().into()];
        values.extend(chunk.iter().map(|name| Value::from(name.as_str())));
        let places: Vec<_> = (2..=values.len()).map(|place| format!("${place}")).collect();
        let sql = format!(
            "SELECT u.name FROM sase_ram_users u JOIN roster_accounts a ON a.account = u.account \
             WHERE a.directory = $1 AND u.name IN ({})",
            places.join(", ")
        );
        for row in conn.query_all_raw(statement(conn, sql, values)).await? {
            found.insert(row.try_get("", "name")?);
        }
    }
    Ok(found)
}
