//! `full_scans`: when each scope of an account was last scanned in full, by each scanner.

use std::collections::BTreeMap;

use bailiwick_core::{AccountId, Timestamp};
use bailiwick_db::DbError;
use sea_orm::{ConnectionTrait, Statement};

use super::number;

/// Most that are remembered of an account: the latest.
const MAX: i64 = 1_000;

/// The last full scan of a scope by each scanner, where it was later than a time. The account is locked.
pub(crate) async fn full_scans_after(
    conn: &impl ConnectionTrait,
    of: AccountId,
    scope: &str,
    time: Timestamp,
) -> Result<BTreeMap<String, Timestamp>, DbError> {
    let select = Statement::from_sql_and_values(
        conn.get_database_backend(),
        "SELECT source, scan_us FROM full_scans WHERE account = $1 AND scope = $2 AND scan_us > $3",
        [number(of)?.into(), scope.into(), time.as_micros().into()],
    );
    let mut found = BTreeMap::new();
    for row in conn.query_all_raw(select).await? {
        found.insert(row.try_get("", "source")?, Timestamp::from_micros(row.try_get("", "scan_us")?));
    }
    Ok(found)
}

/// A scanner has scanned a scope in full. The account is locked. Of over 1,000 the oldest are forgotten.
pub(crate) async fn full_scan_save(
    conn: &impl ConnectionTrait,
    (of, source, scope): (AccountId, &str, &str),
    time: Timestamp,
) -> Result<(), DbError> {
    let backend = conn.get_database_backend();
    let upsert = Statement::from_sql_and_values(
        backend,
        "INSERT INTO full_scans (account, scope, source, scan_us) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (account, scope, source) DO UPDATE SET scan_us = excluded.scan_us \
         WHERE full_scans.scan_us < excluded.scan_us",
        [number(of)?.into(), scope.into(), source.into(), time.as_micros().into()],
    );
    conn.execute_raw(upsert).await?;
    let forget = Statement::from_sql_and_values(
        backend,
        "DELETE FROM full_scans WHERE account = $1 AND scan_us < \
         (SELECT scan_us FROM full_scans WHERE account = $1 ORDER BY scan_us DESC LIMIT 1 OFFSET $2)",
        [number(of)?.into(), (MAX - 1).into()],
    );
    conn.execute_raw(forget).await?;
    Ok(())
}
