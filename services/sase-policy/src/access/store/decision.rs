//! The decision log, and how many decisions there were.

use bailiwick_core::{AccountId, DirectoryId, Timestamp};
use bailiwick_db::DbError;
use sea_orm::{ConnectionTrait, Value};

use super::{broken, number, statement};
use crate::access::domain::{Action, Alike, Decision, PastDecisions};

const DAY_US: i64 = 86_400_000_000;
/// Decisions of one statement.
const ROWS: usize = 100;

/// A decision in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Logged {
    pub(crate) id: String,
    pub(crate) decision: Decision,
}

/// Which decisions are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DecisionFilter {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    /// Ids and names; all of them if empty.
    pub(crate) user: String,
    pub(crate) application: String,
    pub(crate) decided_by: String,
    pub(crate) account: Option<AccountId>,
    pub(crate) action: Option<Action>,
    /// Goes on before this one.
    pub(crate) before: Option<(i64, String)>,
}

/// Saves decisions, by their ids. One that is there already, of an attempt whose end was not known, stays.
pub(crate) async fn decisions_save(
    conn: &impl ConnectionTrait,
    decisions: &[(DirectoryId, &str, &Decision)],
) -> Result<(), DbError> {
    for chunk in decisions.chunks(ROWS) {
        let (mut rows, mut values) = (Vec::new(), Vec::<Value>::new());
        for (directory, id, decision) in chunk {
            let row: [Value; 9] = [
                directory.to_string().into(),
                decision.time.as_micros().into(),
                (*id).into(),
                decision.account.map(number).transpose()?.unwrap_or_default().into(),
                decision.user.as_str().into(),
                decision.application.as_str().into(),
                decision.decided_by.as_str().into(),
                code(decision.action).into(),
                serde_json::to_string(decision).map_err(broken)?.into(),
            ];
            let places: Vec<_> = (1..=row.len()).map(|place| format!("${}", values.len() + place)).collect();
            rows.push(format!("({})", places.join(", ")));
            values.extend(row);
        }
        let sql = format!(
            "INSERT INTO sase_decisions (directory, time_us, id, account, sase_user, application, decided_by, action, \
             body) VALUES {} ON CONFLICT DO NOTHING",
            rows.join(", ")
        );
        conn.execute_raw(statement(conn, sql, values)).await?;
    }
    Ok(())
}

/// Counts decisions. Tells how many there are like them on that day, with these.
pub(crate) async fn decision_count(conn: &impl ConnectionTrait, alike: &Alike, by: i64) -> Result<i64, DbError> {
    let sql = "INSERT INTO sase_decision_counts (directory, day, sase_user, application, decided_by, action, decisions) \
               VALUES ($1, $2, $3, $4, $5, $6, $7) \
               ON CONFLICT (directory, day, sase_user, application, decided_by, action) \
               DO UPDATE SET decisions = sase_decision_counts.decisions + excluded.decisions RETURNING decisions";
    let values: Vec<Value> = vec![
        alike.directory.to_string().into(),
        alike.day.into(),
        alike.user.as_str().into(),
        alike.application.as_str().into(),
        alike.decided_by.as_str().into(),
        code(alike.action).into(),
        by.into(),
    ];
    let row = conn.query_one_raw(statement(conn, sql, values)).await?;
    Ok(row.map(|row| row.try_get("", "decisions")).transpose()?.unwrap_or_default())
}

/// At most `limit` decisions, the newest first: of applications of managed members, or of none.
pub(crate) async fn decisions(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    filter: &DecisionFilter,
    limit: u64,
) -> Result<Vec<Logged>, DbError> {
    let mut values: Vec<Value> =
        vec![directory.to_string().into(), filter.start.as_micros().into(), filter.end.as_micros().into()];
    let mut sql =
        "SELECT time_us, id, body FROM sase_decisions WHERE directory = $1 AND time_us >= $2 AND time_us < $3 \
                   AND (account = 0 OR account IN \
                   (SELECT account FROM roster_entries WHERE service = 'sase' AND directory = $1))"
            .to_owned();
    let mut and = |condition: &str, value: Value| {
        values.push(value);
        sql.push_str(&format!(" AND {condition} ${}", values.len()));
    };
    for (column, text) in
        [("sase_user", &filter.user), ("application", &filter.application), ("decided_by", &filter.decided_by)]
    {
        if !text.is_empty() {
            and(&format!("{column} ="), text.as_str().into());
        }
    }
    if let Some(account) = filter.account {
        and("account =", number(account)?.into());
    }
    if let Some(action) = filter.action {
        and("action =", code(action).into());
    }
    if let Some((time, id)) = &filter.before {
        and("(time_us, id) < (", (*time).into());
        values.push(id.as_str().into());
        sql.push_str(&format!(", ${})", values.len()));
    }
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    sql.push_str(&format!(" ORDER BY time_us DESC, id DESC LIMIT ${}", values.len()));
    let rows = conn.query_all_raw(statement(conn, sql, values)).await?;
    let read = |row: &sea_orm::QueryResult| {
        let decision = serde_json::from_str(&row.try_get::<String>("", "body")?).map_err(broken)?;
        Ok(Logged { id: row.try_get("", "id")?, decision })
    };
    rows.iter().map(read).collect()
}

/// How the decisions of the last days were, alike ones together: at most `limit` kinds.
pub(crate) async fn past_decisions(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    since: Timestamp,
    limit: usize,
) -> Result<Vec<PastDecisions>, DbError> {
    let sql = "SELECT sase_user, application, decided_by, action, CAST(SUM(decisions) AS BIGINT) AS decisions \
               FROM sase_decision_counts WHERE directory = $1 AND day >= $2 \
               GROUP BY sase_user, application, decided_by, action LIMIT $3";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = vec![directory.to_string().into(), since.as_micros().div_euclid(DAY_US).into(), limit.into()];
    let rows = conn.query_all_raw(statement(conn, sql, values)).await?;
    let read = |row: &sea_orm::QueryResult| {
        Ok(PastDecisions {
            user: row.try_get("", "sase_user")?,
            application: row.try_get("", "application")?,
            decided_by: row.try_get("", "decided_by")?,
            action: if row.try_get::<i64>("", "action")? == code(Action::Allow) {
                Action::Allow
            } else {
                Action::Block
            },
            count: row.try_get("", "decisions")?,
        })
    };
    rows.iter().map(read).collect()
}

/// Removes at most `limit` decisions of before a moment. Returns how many.
pub(crate) async fn decisions_purge(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    before: Timestamp,
    limit: u32,
) -> Result<u64, DbError> {
    let sql = "DELETE FROM sase_decisions WHERE (directory, time_us, id) IN (SELECT directory, time_us, id \
               FROM sase_decisions WHERE directory = $1 AND time_us < $2 ORDER BY time_us, id LIMIT $3)";
    let values = vec![directory.to_string().into(), before.as_micros().into(), i64::from(limit).into()];
    Ok(conn.execute_raw(statement(conn, sql, values)).await?.rows_affected())
}

/// Removes at most `limit` numbers of decisions of days before that of a moment. Returns how many.
pub(crate) async fn decision_counts_purge(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    before: Timestamp,
    limit: u32,
) -> Result<u64, DbError> {
    let key = "directory, day, sase_user, application, decided_by, action";
    let sql = format!(
        "DELETE FROM sase_decision_counts WHERE ({key}) IN (SELECT {key} FROM sase_decision_counts \
         WHERE directory = $1 AND day < $2 ORDER BY day LIMIT $3)"
    );
    let day = before.as_micros().div_euclid(DAY_US);
    let values = vec![directory.to_string().into(), day.into(), i64::from(limit).into()];
    Ok(conn.execute_raw(statement(conn, sql, values)).await?.rows_affected())
}

const fn code(action: Action) -> i64 {
    match action {
        Action::Allow => 1,
        Action::Block => 2,
    }
}
