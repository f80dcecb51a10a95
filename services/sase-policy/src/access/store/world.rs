//! All that decisions look at, read at one moment.

use std::collections::BTreeMap;

use bailiwick_core::DirectoryId;
use bailiwick_db::DbError;
use sea_orm::ConnectionTrait;

use super::{all, managed, ram_users_known, statement};
use crate::access::domain::{SaseUser, World};

/// The world of a directory. The connection is of a snapshot.
pub(crate) async fn world(conn: &impl ConnectionTrait, directory: DirectoryId) -> Result<World, DbError> {
    let users = all::<SaseUser>(conn, directory).await?;
    let names: Vec<_> = users.values().map(|user| user.ram_user.as_str()).filter(|name| !name.is_empty()).collect();
    let ram_users = ram_users_known(conn, directory, &names).await?;
    Ok(World {
        members: managed(conn, directory).await?,
        folders: folders(conn, directory).await?,
        applications: all(conn, directory).await?,
        users,
        groups: all(conn, directory).await?,
        policies: all(conn, directory).await?,
        blocks: all(conn, directory).await?,
        ram_users,
    })
}

async fn folders(conn: &impl ConnectionTrait, directory: DirectoryId) -> Result<BTreeMap<String, String>, DbError> {
    let sql = "SELECT folder, parent FROM roster_folders WHERE directory = $1";
    let rows = conn.query_all_raw(statement(conn, sql, vec![directory.to_string().into()])).await?;
    rows.iter().map(|row| Ok((row.try_get("", "folder")?, row.try_get("", "parent")?))).collect()
}
