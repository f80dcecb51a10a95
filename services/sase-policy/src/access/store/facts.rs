//! What the followed log says: administrators and RAM users in tables of their own, members and folders in those of the
//! list.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::{AccountId, DirectoryId, TrustedService};
use bailiwick_db::DbError;
use bailiwick_roster::JoinMethod;
use sea_orm::{ConnectionTrait, Value};

use super::{CHUNK, account, broken, number, statement};
use crate::access::domain::SetUp;

/// An account administers SASE in a directory.
pub(crate) async fn administrator_save(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    account: AccountId,
) -> Result<(), DbError> {
    let sql = "INSERT INTO sase_administrators (directory, account) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    conn.execute_raw(statement(conn, sql, vec![directory.to_string().into(), number(account)?.into()])).await?;
    Ok(())
}

/// It does not any more.
pub(crate) async fn administrator_remove(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    account: AccountId,
) -> Result<(), DbError> {
    let sql = "DELETE FROM sase_administrators WHERE directory = $1 AND account = $2";
    conn.execute_raw(statement(conn, sql, vec![directory.to_string().into(), number(account)?.into()])).await?;
    Ok(())
}

/// A RAM user is enabled.
pub(crate) async fn ram_user_save(conn: &impl ConnectionTrait, name: &str, of: AccountId) -> Result<(), DbError> {
    let sql = "INSERT INTO sase_ram_users (name, account) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    conn.execute_raw(statement(conn, sql, vec![name.into(), number(of)?.into()])).await?;
    Ok(())
}

/// A RAM user is disabled, or gone.
pub(crate) async fn ram_user_remove(conn: &impl ConnectionTrait, name: &str) -> Result<(), DbError> {
    conn.execute_raw(statement(conn, "DELETE FROM sase_ram_users WHERE name = $1", vec![name.into()])).await?;
    Ok(())
}

/// Forgets all administrators and RAM users.
pub(crate) async fn facts_remove_all(conn: &impl ConnectionTrait) -> Result<(), DbError> {
    for sql in ["DELETE FROM sase_administrators", "DELETE FROM sase_ram_users"] {
        conn.execute_raw(statement(conn, sql, Vec::new())).await?;
    }
    Ok(())
}

/// The directory that an account is a member of.
pub(crate) async fn directory_of(
    conn: &impl ConnectionTrait,
    account: AccountId,
) -> Result<Option<DirectoryId>, DbError> {
    let sql = "SELECT directory FROM roster_accounts WHERE account = $1";
    let row = conn.query_one_raw(statement(conn, sql, vec![number(account)?.into()])).await?;
    let directory = row.map(|row| row.try_get::<String>("", "directory")).transpose()?;
    directory.filter(|text| !text.is_empty()).map(|text| text.parse().map_err(broken)).transpose()
}

/// Whether an account is a member of a directory.
pub(crate) async fn account_known(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    account: AccountId,
) -> Result<bool, DbError> {
    Ok(directory_of(conn, account).await? == Some(directory))
}

/// Whether a directory has a folder.
pub(crate) async fn folder_known(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    folder: &str,
) -> Result<bool, DbError> {
    let sql = "SELECT folder FROM roster_folders WHERE directory = $1 AND folder = $2";
    let values = vec![directory.to_string().into(), folder.into()];
    Ok(conn.query_one_raw(statement(conn, sql, values)).await?.is_some())
}

/// Whether a RAM user of a member of a directory is there and enabled.
pub(crate) async fn ram_user_known(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    name: &str,
) -> Result<bool, DbError> {
    Ok(ram_users_known(conn, directory, &[name]).await?.contains(name))
}

/// Those of these RAM users that are there, enabled, and of members of a directory.
pub(crate) async fn ram_users_known(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    names: &[&str],
) -> Result<BTreeSet<String>, DbError> {
    let mut found = BTreeSet::new();
    for chunk in names.chunks(CHUNK) {
        let mut values: Vec<Value> = vec![directory.to_string().into()];
        values.extend(chunk.iter().map(|name| Value::from(*name)));
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

/// Whether SASE manages an account in a directory.
pub(crate) async fn is_managed(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    account: AccountId,
) -> Result<bool, DbError> {
    let sql = "SELECT account FROM roster_entries WHERE service = $1 AND directory = $2 AND account = $3";
    let values = vec![TrustedService::Sase.id().into(), directory.to_string().into(), number(account)?.into()];
    Ok(conn.query_one_raw(statement(conn, sql, values)).await?.is_some())
}

/// The members that SASE manages in a directory, with the ids of their folders.
pub(crate) async fn managed(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
) -> Result<BTreeMap<AccountId, String>, DbError> {
    let sql = "SELECT account, folder FROM roster_entries WHERE service = $1 AND directory = $2";
    let values: Vec<Value> = vec![TrustedService::Sase.id().into(), directory.to_string().into()];
    let rows = conn.query_all_raw(statement(conn, sql, values)).await?;
    let read = |row: &sea_orm::QueryResult| {
        let folder: String = row.try_get("", "folder")?;
        let id = folder.rsplit('/').next().unwrap_or_default().to_owned();
        Ok((account(row.try_get("", "account")?)?, id))
    };
    rows.iter().map(read).collect()
}

/// How far a directory is set up.
pub(crate) async fn set_up(conn: &impl ConnectionTrait, directory: DirectoryId) -> Result<SetUp, DbError> {
    let instance = super::instance(conn, directory).await?.is_some();
    set_up_of(conn, directory, instance).await
}

/// As [`set_up`], where it is known whether there is an instance.
pub(crate) async fn set_up_of(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    instance: bool,
) -> Result<SetUp, DbError> {
    let any = async |sql: &str, values: Vec<Value>| {
        Ok::<_, DbError>(conn.query_one_raw(statement(conn, sql, values)).await?.is_some())
    };
    let id: Value = directory.to_string().into();
    let members = "SELECT account FROM roster_accounts WHERE directory = $1 AND join_method <> $2 LIMIT 1";
    let enabled: Value = JoinMethod::EnabledDirectory.as_str().into();
    let administrators = "SELECT account FROM sase_administrators WHERE directory = $1 LIMIT 1";
    let managed = "SELECT account FROM roster_entries WHERE directory = $1 AND service = $2 LIMIT 1";
    Ok(SetUp {
        instance,
        directory: true,
        members: any(members, vec![id.clone(), enabled]).await?,
        administrator: any(administrators, vec![id.clone()]).await?,
        sase_members: any(managed, vec![id, TrustedService::Sase.id().into()]).await?,
    })
}
