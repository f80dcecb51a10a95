//! Rules of scores.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::DirectoryId;
use bailiwick_db::DbError;
use sea_orm::{ConnectionTrait, QueryResult, Value};

use super::{CHUNK, broken, score::statement};
use crate::posture::domain::ScoreRules;

/// Rules, and the number of their changes.
pub(crate) type Versioned = (ScoreRules, i64);

/// The rules of a directory: those that bailiwick comes with if it has none of its own.
pub(crate) async fn score_rules(conn: &impl ConnectionTrait, of: DirectoryId) -> Result<Versioned, DbError> {
    let sql = "SELECT rules, version FROM score_rules WHERE directory = $1";
    let row = conn.query_one_raw(statement(conn, sql, vec![of.to_string().into()])).await?;
    row.as_ref().map_or_else(|| Ok((ScoreRules::default(), 0)), read)
}

/// The rules of directories that have some of their own.
pub(crate) async fn score_rules_of(
    conn: &impl ConnectionTrait,
    of: &BTreeSet<DirectoryId>,
) -> Result<BTreeMap<DirectoryId, ScoreRules>, DbError> {
    let (of, mut found): (Vec<_>, _) = (of.iter().collect(), BTreeMap::new());
    for chunk in of.chunks(CHUNK) {
        let values: Vec<Value> = chunk.iter().map(|directory| directory.to_string().into()).collect();
        let places: Vec<_> = (1..=values.len()).map(|i| format!("${i}")).collect();
        let list = places.join(", ");
        let sql = format!("SELECT directory, rules, version FROM score_rules WHERE directory IN ({list})");
        for row in conn.query_all_raw(statement(conn, sql, values)).await? {
            let directory: String = row.try_get("", "directory")?;
            found.insert(directory.parse().map_err(broken)?, read(&row)?.0);
        }
    }
    Ok(found)
}

/// As [`score_rules`], locked until the transaction ends.
pub(crate) async fn score_rules_lock(conn: &impl ConnectionTrait, of: DirectoryId) -> Result<Versioned, DbError> {
    let sql = "INSERT INTO score_rules (directory, rules, version) VALUES ($1, '', 0) \
               ON CONFLICT (directory) DO UPDATE SET version = score_rules.version";
    conn.execute_raw(statement(conn, sql, vec![of.to_string().into()])).await?;
    score_rules(conn, of).await
}

/// Replaces the rules of a directory.
pub(crate) async fn score_rules_save(
    conn: &impl ConnectionTrait,
    of: DirectoryId,
    (rules, version): &Versioned,
) -> Result<(), DbError> {
    // What is not customised follows what a later version comes with.
    let default = *rules == ScoreRules::default();
    let rules = if default { String::new() } else { serde_json::to_string(rules).map_err(broken)? };
    let sql = "UPDATE score_rules SET rules = $2, version = $3 WHERE directory = $1";
    conn.execute_raw(statement(conn, sql, vec![of.to_string().into(), rules.into(), (*version).into()])).await?;
    Ok(())
}

fn read(row: &QueryResult) -> Result<Versioned, DbError> {
    let (rules, version): (String, i64) = (row.try_get("", "rules")?, row.try_get("", "version")?);
    let rules = if rules.is_empty() { ScoreRules::default() } else { serde_json::from_str(&rules).map_err(broken)? };
    Ok((rules, version))
}
