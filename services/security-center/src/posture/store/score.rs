//! What scores are made of, and scores by day.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::{AccountId, DirectoryId, Timestamp, TrustedService};
use bailiwick_db::{DbError, Engine};
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, Value};

use super::{CHUNK, account, broken, number, risk_account::HAS_SCORE};
use crate::posture::domain::{BySeverity, Category, OpenRisks, Severity, State};

/// The score of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScoreDay {
    pub(crate) account: AccountId,
    /// Days since 1970-01-01 UTC.
    pub(crate) day: i64,
    pub(crate) score: i64,
    pub(crate) open: BySeverity,
}

/// Ages to be counted by, and the day that they are counted from.
pub(crate) struct Ages<'a> {
    pub(crate) days: &'a BTreeSet<i64>,
    pub(crate) today: i64,
}

/// The open risks of some accounts: all of them are in the answer.
pub(crate) async fn open_risks(
    conn: &impl ConnectionTrait,
    accounts: &[AccountId],
    ages: &Ages<'_>,
) -> Result<BTreeMap<AccountId, OpenRisks>, DbError> {
    let mut open: BTreeMap<_, _> = accounts.iter().map(|account| (*account, OpenRisks::default())).collect();
    for chunk in accounts.chunks(CHUNK) {
        let mut counting = Counting::new(ages);
        let listed = chunk.iter().map(|of| Ok(counting.bind(number(*of)?))).collect::<Result<Vec<_>, DbError>>()?;
        let sql = format!("t.account IN ({})", listed.join(", "));
        counting.read(conn, "", &sql, &mut open).await?;
    }
    Ok(open)
}

/// The open risks of all accounts in the control list of a directory, in some folders or in all: all of them are in the
/// answer.
pub(crate) async fn open_risks_of_list(
    conn: &impl ConnectionTrait,
    (directory, folders): (DirectoryId, Option<&BTreeSet<String>>),
    ages: &Ages<'_>,
) -> Result<BTreeMap<AccountId, OpenRisks>, DbError> {
    let mut open = BTreeMap::new();
    // A directory has some thousand folders at most, and a scope without any reaches nobody.
    let parts: Vec<Option<Vec<&String>>> = match folders {
        None => vec![None],
        Some(folders) => {
            let folders: Vec<_> = folders.iter().collect();
            folders.chunks(CHUNK).map(|chunk| Some(chunk.to_vec())).collect()
        }
    };
    for part in parts {
        let within = |counting: &mut Counting<'_>| {
            let service = counting.bind(TrustedService::SecurityCenter.id());
            let directory = counting.bind(directory.to_string());
            let list = format!("e.service = {service} AND e.directory = {directory}");
            match &part {
                None => list,
                Some(folders) => {
                    let folders: Vec<_> = folders.iter().map(|folder| counting.bind((*folder).clone())).collect();
                    format!("{list} AND e.folder IN ({})", folders.join(", "))
                }
            }
        };
        let mut counting = Counting::new(ages);
        counting.parameters.clear();
        let filter = within(&mut counting);
        let sql = format!("SELECT e.account FROM roster_entries e WHERE {filter}");
        for row in conn.query_all_raw(statement(conn, sql, counting.parameters)).await? {
            open.insert(account(row.try_get("", "account")?)?, OpenRisks::default());
        }
        let mut counting = Counting::new(ages);
        let filter = within(&mut counting);
        let join = "JOIN roster_entries e ON e.account = t.account";
        counting.read(conn, join, &filter, &mut open).await?;
    }
    Ok(open)
}

/// A query over the tallies, while it is put together.
struct Counting<'a> {
    ages: &'a Ages<'a>,
    parameters: Vec<Value>,
}

impl<'a> Counting<'a> {
    /// The first parameters are the last days of the ages.
    fn new(ages: &'a Ages<'a>) -> Self {
        Self { ages, parameters: ages.days.iter().map(|age| last_day(ages.today, *age).into()).collect() }
    }

    /// Adds a parameter, and returns its place.
    fn bind(&mut self, value: impl Into<Value>) -> String {
        self.parameters.push(value.into());
        format!("${}", self.parameters.len())
    }

    async fn read(
        mut self,
        conn: &impl ConnectionTrait,
        join: &str,
        filter: &str,
        open: &mut BTreeMap<AccountId, OpenRisks>,
    ) -> Result<(), DbError> {
        let sums: Vec<_> = (1..=self.ages.days.len())
            .map(|i| format!("CAST(SUM(CASE WHEN t.day <= ${i} THEN t.risks ELSE 0 END) AS BIGINT) AS age{i}"))
            .collect();
        let state = self.bind(i64::from(State::Open.code()));
        let sql = format!(
            "SELECT t.account, t.category, t.severity, {} FROM risk_tallies t {join} WHERE {filter} AND t.state = {state} \
             GROUP BY t.account, t.category, t.severity",
            sums.join(", ")
        );
        for row in conn.query_all_raw(statement(conn, sql, self.parameters)).await? {
            let of = open.entry(account(row.try_get("", "account")?)?).or_default();
            let code = |column: &str| Ok::<_, DbError>(row.try_get::<i64>("", column)?.try_into().unwrap_or_default());
            let category = Category::of(code("category")?).ok_or_else(|| broken("unknown category"))?;
            let severity = Severity::of(code("severity")?).ok_or_else(|| broken("unknown severity"))?;
            for (i, age) in self.ages.days.iter().enumerate() {
                of.add(category, severity, *age, row.try_get("", &format!("age{}", i + 1))?);
            }
        }
        Ok(())
    }
}

/// The last day on which what is `age` days old or older began. Of age 0 is all, what a scanner's clock puts a little
/// ahead included.
fn last_day(today: i64, age: i64) -> i64 {
    if age == 0 { i64::MAX } else { today - age }
}

/// The directories whose control lists have these accounts.
pub(crate) async fn directories_of(
    conn: &impl ConnectionTrait,
    accounts: &[AccountId],
) -> Result<BTreeMap<AccountId, DirectoryId>, DbError> {
    let mut found = BTreeMap::new();
    for chunk in accounts.chunks(CHUNK) {
        let mut values: Vec<Value> = vec![TrustedService::SecurityCenter.id().into()];
        for of in chunk {
            values.push(number(*of)?.into());
        }
        let listed = places(2, chunk.len());
        let sql = format!("SELECT account, directory FROM roster_entries WHERE service = $1 AND account IN ({listed})");
        for row in conn.query_all_raw(statement(conn, sql, values)).await? {
            let directory: String = row.try_get("", "directory")?;
            found.insert(account(row.try_get("", "account")?)?, directory.parse().map_err(broken)?);
        }
    }
    Ok(found)
}

/// When a scanner last reported on an account.
pub(crate) async fn last_scan(conn: &impl ConnectionTrait, of: AccountId) -> Result<Option<Timestamp>, DbError> {
    let sql = "SELECT last_scan_us FROM risk_accounts WHERE account = $1";
    let row = conn.query_one_raw(statement(conn, sql, vec![number(of)?.into()])).await?;
    let micros: Option<i64> = row.map(|row| row.try_get("", "last_scan_us")).transpose()?;
    Ok(micros.filter(|micros| *micros != 0).map(Timestamp::from_micros))
}

/// Inserts the scores of days, or replaces them.
pub(crate) async fn score_days_save(conn: &impl ConnectionTrait, days: &[ScoreDay]) -> Result<(), DbError> {
    for chunk in days.chunks(CHUNK) {
        let (mut rows, mut values) = (Vec::with_capacity(chunk.len()), Vec::<Value>::with_capacity(chunk.len() * 8));
        for ScoreDay { account, day, score, open } in chunk {
            rows.push(format!("({})", places(values.len() + 1, 8)));
            let BySeverity { critical, high, medium, low, informational } = *open;
            let numbers = [number(*account)?, *day, *score, critical, high, medium, low, informational];
            values.extend(numbers.map(Value::from));
        }
        let replace = ["score", "critical", "high", "medium", "low", "informational"];
        let replace: Vec<_> = replace.iter().map(|column| format!("{column} = excluded.{column}")).collect();
        let sql = format!(
            "INSERT INTO score_days (account, day, score, critical, high, medium, low, informational) VALUES {} \
             ON CONFLICT (account, day) DO UPDATE SET {}",
            rows.join(", "),
            replace.join(", ")
        );
        conn.execute_raw(statement(conn, sql, values)).await?;
    }
    Ok(())
}

/// At most `limit` scores of an account of days before one, the newest first.
pub(crate) async fn score_days_before(
    conn: &impl ConnectionTrait,
    of: AccountId,
    before: i64,
    limit: u64,
) -> Result<Vec<ScoreDay>, DbError> {
    let sql = "SELECT * FROM score_days WHERE account = $1 AND day < $2 ORDER BY day DESC LIMIT $3";
    let limit = i64::try_from(limit).map_err(broken)?;
    let values = vec![number(of)?.into(), before.into(), limit.into()];
    conn.query_all_raw(statement(conn, sql, values)).await?.iter().map(score_day).collect()
}

fn score_day(row: &QueryResult) -> Result<ScoreDay, DbError> {
    let open = BySeverity {
        critical: row.try_get("", "critical")?,
        high: row.try_get("", "high")?,
        medium: row.try_get("", "medium")?,
        low: row.try_get("", "low")?,
        informational: row.try_get("", "informational")?,
    };
    let (day, score) = (row.try_get("", "day")?, row.try_get("", "score")?);
    Ok(ScoreDay { account: account(row.try_get("", "account")?)?, day, score, open })
}

/// The last day of which there is a score.
pub(crate) async fn score_days_last(conn: &impl ConnectionTrait) -> Result<Option<i64>, DbError> {
    let sql = "SELECT day FROM score_days ORDER BY day DESC LIMIT 1";
    let row = conn.query_one_raw(statement(conn, sql, Vec::new())).await?;
    Ok(row.map(|row| row.try_get("", "day")).transpose()?)
}

/// Removes at most `limit` scores of the days before one. Returns how many.
pub(crate) async fn score_days_purge(conn: &impl ConnectionTrait, before: i64, limit: u32) -> Result<u64, DbError> {
    let sql = "DELETE FROM score_days WHERE (account, day) IN \
               (SELECT account, day FROM score_days WHERE day < $1 ORDER BY day LIMIT $2)";
    let removed = conn.execute_raw(statement(conn, sql, vec![before.into(), i64::from(limit).into()])).await?;
    Ok(removed.rows_affected())
}

/// Says that the scores of these accounts are to be written. The row is locked even if it was there: whoever takes it
/// meanwhile waits, and then sees what is written in this transaction.
pub(crate) async fn score_due_add(conn: &impl ConnectionTrait, accounts: &BTreeSet<AccountId>) -> Result<(), DbError> {
    let accounts = accounts.iter().copied().map(number).collect::<Result<Vec<_>, _>>()?;
    for chunk in accounts.chunks(CHUNK) {
        let rows: Vec<_> = (1..=chunk.len()).map(|i| format!("(${i})")).collect();
        let sql = format!(
            "INSERT INTO score_due (account) VALUES {} ON CONFLICT (account) DO UPDATE SET account = excluded.account",
            rows.join(", ")
        );
        conn.execute_raw(statement(conn, sql, chunk.iter().copied().map(Value::from).collect())).await?;
    }
    Ok(())
}

/// At most `limit` accounts that have a score, in their order after one.
pub(crate) async fn accounts_with_score(
    conn: &impl ConnectionTrait,
    after: Option<AccountId>,
    limit: u32,
) -> Result<Vec<AccountId>, DbError> {
    let sql = format!("SELECT account FROM risk_accounts WHERE account > $1 AND {HAS_SCORE} ORDER BY account LIMIT $2");
    let after = after.map(number).transpose()?.unwrap_or_default();
    let rows = conn.query_all_raw(statement(conn, sql, vec![after.into(), i64::from(limit).into()])).await?;
    rows.iter().map(|row| account(row.try_get("", "account")?)).collect()
}

/// Says that the scores of all accounts in the control list of a directory are to be written.
pub(crate) async fn score_due_list(conn: &impl ConnectionTrait, directory: DirectoryId) -> Result<(), DbError> {
    let sql = "INSERT INTO score_due (account) SELECT account FROM roster_entries WHERE service = $1 AND directory = $2 \
               ORDER BY account ON CONFLICT (account) DO UPDATE SET account = excluded.account";
    let values = vec![TrustedService::SecurityCenter.id().into(), directory.to_string().into()];
    conn.execute_raw(statement(conn, sql, values)).await?;
    Ok(())
}

/// Takes at most `limit` accounts whose scores are to be written, but for those that are being changed just now.
pub(crate) async fn score_due_take(
    conn: &impl ConnectionTrait,
    engine: Engine,
    limit: u32,
) -> Result<Vec<AccountId>, DbError> {
    let skip = if engine == Engine::Postgres { "FOR UPDATE SKIP LOCKED" } else { "" };
    let sql = format!(
        "DELETE FROM score_due WHERE account IN (SELECT account FROM score_due ORDER BY account LIMIT $1 {skip}) \
         RETURNING account"
    );
    let rows = conn.query_all_raw(statement(conn, sql, vec![i64::from(limit).into()])).await?;
    rows.iter().map(|row| account(row.try_get("", "account")?)).collect()
}

fn places(first: usize, count: usize) -> String {
    (first..first + count).map(|i| format!("${i}")).collect::<Vec<_>>().join(", ")
}

pub(super) fn statement(conn: &impl ConnectionTrait, sql: impl Into<String>, values: Vec<Value>) -> Statement {
    let backend: DbBackend = conn.get_database_backend();
    Statement::from_sql_and_values(backend, sql, values)
}
