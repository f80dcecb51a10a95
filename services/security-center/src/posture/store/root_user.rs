//! What the followed log says of root users.

use std::collections::BTreeSet;

use bailiwick_core::{AccountId, DirectoryId};
use bailiwick_db::DbError;
use bailiwick_roster::{AccountType, JoinMethod};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Value};

use super::{CHUNK, account, broken, entity, number, risk::read, score::statement};
use crate::posture::domain::{Risk, RiskId, RootUser};

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

/// All accounts of which something is known, or that have risks.
pub(crate) async fn root_user_accounts(conn: &impl ConnectionTrait) -> Result<BTreeSet<AccountId>, DbError> {
    let sql = "SELECT account FROM root_users UNION SELECT account FROM risk_accounts";
    let rows = conn.query_all_raw(statement(conn, sql, Vec::new())).await?;
    rows.iter().map(|row| account(row.try_get("", "account")?)).collect()
}

/// The root users of those of these accounts that are cloud accounts and members, but not the management account, with
/// their directories.
pub(crate) async fn root_users_of_members(
    conn: &impl ConnectionTrait,
    accounts: &[AccountId],
) -> Result<Vec<(RootUser, DirectoryId)>, DbError> {
    let mut found = Vec::new();
    for chunk in accounts.chunks(CHUNK) {
        let mut values: Vec<Value> =
            vec![AccountType::Cloud.as_str().into(), JoinMethod::EnabledDirectory.as_str().into()];
        for of in chunk {
            values.push(number(*of)?.into());
        }
        let places: Vec<_> = (3..=values.len()).map(|i| format!("${i}")).collect();
        let sql = format!(
            "SELECT r.*, a.directory FROM root_users r JOIN roster_accounts a ON a.account = r.account \
             WHERE a.account_type = $1 AND a.join_method <> $2 AND r.account IN ({})",
            places.join(", ")
        );
        for row in conn.query_all_raw(statement(conn, sql, values)).await? {
            let directory: String = row.try_get("", "directory")?;
            let of = RootUser {
                account: account(row.try_get("", "account")?)?,
                enabled: row.try_get("", "enabled")?,
                access_keys: row.try_get("", "access_keys")?,
                security_info: row.try_get("", "security_info")?,
            };
            found.push((of, directory.parse().map_err(broken)?));
        }
    }
    Ok(found)
}

/// Some risks, as they are without waiting for whoever writes them.
pub(crate) async fn risks(conn: &impl ConnectionTrait, ids: &BTreeSet<RiskId>) -> Result<Vec<Risk>, DbError> {
    let (ids, mut found): (Vec<_>, _) = (ids.iter().map(|id| id.number()).collect(), Vec::new());
    for chunk in ids.chunks(CHUNK) {
        let some = entity::risk::Entity::find().filter(entity::risk::Column::Id.is_in(chunk.iter().copied()));
        found.extend(read(conn, some).await?);
    }
    Ok(found)
}
