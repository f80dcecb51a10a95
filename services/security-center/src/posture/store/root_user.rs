//! What the followed log says of root users.

use std::collections::BTreeSet;

use bailiwick_core::{AccountId, DirectoryId};
use bailiwick_db::DbError;
use bailiwick_roster::{AccountType, JoinMethod};
use sea_orm::{ConnectionTrait, Value};

use super::{CHUNK, account, broken, number, score::statement};
use crate::posture::domain::RootUser;

/// Inserts what is known of a root user, or replaces it.
pub(crate) async fn root_user_save(conn: &impl ConnectionTrait, of: &RootUser) -> Result<(), DbError> {
    let sql = "INSERT INTO root_users (account, enabled, access_keys, security_info) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (account) DO UPDATE SET enabled = excluded.enabled, access_keys = excluded.access_keys, \
               security_info = excluded.security_info";
    let values = vec![number(of.account)?.into(), of.enabled.into(), of.access_keys.into(), of.security_info.into()];
    conn.execute_raw(statement(conn, sql, values)).await?;
    Ok(())
}

/// Removes what is known of a root user.
pub(crate) async fn root_user_remove(conn: &impl ConnectionTrait, of: AccountId) -> Result<(), DbError> {
    let values = vec![number(of)?.into()];
    conn.execute_raw(statement(conn, "DELETE FROM root_users WHERE account = $1", values)).await?;
    Ok(())
}

/// All accounts of which something is known, or that have a row of risks.
pub(crate) async fn root_user_accounts(conn: &impl ConnectionTrait) -> Result<BTreeSet<AccountId>, DbError> {
    let sql = "SELECT account FROM root_users UNION SELECT account FROM risk_accounts";
    let rows = conn.query_all_raw(statement(conn, sql, Vec::new())).await?;
    rows.iter().map(|row| account(row.try_get("", "account")?)).collect()
}

/// Replaces all that is known of root users.
pub(crate) async fn root_users_replace(conn: &impl ConnectionTrait, all: &[RootUser]) -> Result<(), DbError> {
    conn.execute_raw(statement(conn, "DELETE FROM root_users", Vec::new())).await?;
    for chunk in all.chunks(CHUNK) {
        let (mut rows, mut values) = (Vec::with_capacity(chunk.len()), Vec::<Value>::new());
        for of in chunk {
            let first = values.len();
            rows.push(format!("(${}, ${}, ${}, ${})", first + 1, first + 2, first + 3, first + 4));
            values.extend([
                number(of.account)?.into(),
                of.enabled.into(),
                of.access_keys.into(),
                of.security_info.into(),
            ]);
        }
        let rows = rows.join(", ");
        let sql = format!("INSERT INTO root_users (account, enabled, access_keys, security_info) VALUES {rows}");
        conn.execute_raw(statement(conn, sql, values)).await?;
    }
    Ok(())
}

/// The root user of an account that is a cloud account and a member, but not the management account, with its directory.
pub(crate) async fn root_user_of_member(
    conn: &impl ConnectionTrait,
    of: AccountId,
) -> Result<Option<(RootUser, DirectoryId)>, DbError> {
    let sql = "SELECT r.*, a.directory FROM root_users r JOIN roster_accounts a ON a.account = r.account \
               WHERE a.account_type = $1 AND a.join_method <> $2 AND r.account = $3";
    let values: Vec<Value> =
        vec![AccountType::Cloud.as_str().into(), JoinMethod::EnabledDirectory.as_str().into(), number(of)?.into()];
    let Some(row) = conn.query_one_raw(statement(conn, sql, values)).await? else { return Ok(None) };
    let directory: String = row.try_get("", "directory")?;
    let root = RootUser {
        account: of,
        enabled: row.try_get("", "enabled")?,
        access_keys: row.try_get("", "access_keys")?,
        security_info: row.try_get("", "security_info")?,
    };
    Ok(Some((root, directory.parse().map_err(broken)?)))
}
