//! `risk_accounts`: the row of an account that each writer of its risks locks first.

use bailiwick_core::{AccountId, DirectoryId, Timestamp};
use bailiwick_db::DbError;
use sea_orm::{ConnectionTrait, Statement};

use super::{broken, number};
use crate::posture::MONITORED_ACCOUNTS;

/// What is known of the risks of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RiskAccount {
    pub(crate) account: AccountId,
    /// The directory that last had the account in its control list.
    pub(crate) directory: Option<DirectoryId>,
    /// How many there are, fixed ones as well.
    pub(crate) risks: i64,
    /// The latest scan that said something.
    pub(crate) last_scan: Timestamp,
}

/// [`RiskAccount::has_score`], of a row.
pub(super) const HAS_SCORE: &str = "(directory <> '' OR risks > 0 OR last_scan_us > 0)";

impl RiskAccount {
    /// Whether scores are kept of the account: it was scanned, or is or was in a control list.
    pub(crate) fn has_score(&self) -> bool {
        self.directory.is_some() || self.risks > 0 || self.last_scan > Timestamp::default()
    }
}

/// The row of an account, locked until the transaction ends, with the directory whose control list has it now.
pub(crate) async fn risk_account_lock(conn: &impl ConnectionTrait, account: AccountId) -> Result<RiskAccount, DbError> {
    let lock = Statement::from_sql_and_values(
        conn.get_database_backend(),
        "INSERT INTO risk_accounts (account, directory, risks, last_scan_us) VALUES ($1, '', 0, 0) \
         ON CONFLICT (account) DO UPDATE SET account = excluded.account RETURNING directory, risks, last_scan_us",
        [number(account)?.into()],
    );
    let row = conn.query_one_raw(lock).await?.ok_or_else(|| broken("an account has no row"))?;
    // Read after the lock: whoever puts the account into a list takes the lock after doing so, and sees what is written.
    let listed = Statement::from_sql_and_values(
        conn.get_database_backend(),
        "SELECT directory FROM roster_entries WHERE service = $1 AND account = $2",
        [MONITORED_ACCOUNTS.service.id().into(), number(account)?.into()],
    );
    let directory = match conn.query_one_raw(listed).await? {
        Some(listed) => listed.try_get::<String>("", "directory")?,
        None => row.try_get("", "directory")?,
    };
    let directory = if directory.is_empty() { None } else { Some(directory.parse().map_err(broken)?) };
    let last_scan = Timestamp::from_micros(row.try_get("", "last_scan_us")?);
    Ok(RiskAccount { account, directory, risks: row.try_get("", "risks")?, last_scan })
}

/// Replaces the row.
pub(crate) async fn risk_account_save(conn: &impl ConnectionTrait, row: &RiskAccount) -> Result<(), DbError> {
    let directory = row.directory.map(|directory| directory.to_string()).unwrap_or_default();
    let update = Statement::from_sql_and_values(
        conn.get_database_backend(),
        "UPDATE risk_accounts SET directory = $2, risks = $3, last_scan_us = $4 WHERE account = $1",
        [number(row.account)?.into(), directory.into(), row.risks.into(), row.last_scan.as_micros().into()],
    );
    conn.execute_raw(update).await?;
    Ok(())
}
