//! How many risks there are, by what they have in common.

use bailiwick_core::filter::{Filter, Schema};
use bailiwick_db::{Columns, DbError};
use bailiwick_roster::{Listed, folder_of};
use sea_orm::{
    ConnectionTrait, DbBackend, ExprTrait, FromQueryResult, QuerySelect, QueryTrait,
    sea_query::{Expr, Order, Query, SelectStatement},
};

use super::risk_view::{self, View};
use crate::posture::{
    MONITORED_ACCOUNTS,
    domain::{Dimension, RiskCounts, RiskGroup, RiskSummary, risk_filter::RISKS},
};

/// The columns of counts, the worst first, and the number of the severity that each counts.
const COUNTS: [(&str, i32); 5] = [("critical", 5), ("high", 4), ("medium", 3), ("low", 2), ("informational", 1)];

static TALLIES: Columns = Columns {
    schema: &Schema { fields: RISKS.fields },
    id: || Expr::col(("risk_tallies", "account")),
    source: |field| risk_view::counted(field, |name| Expr::col(("risk_tallies", name))),
};

#[derive(FromQueryResult)]
struct Row {
    value: String,
    critical: i64,
    high: i64,
    medium: i64,
    low: i64,
    informational: i64,
    groups: i64,
    all_critical: i64,
    all_high: i64,
    all_medium: i64,
    all_low: i64,
    all_informational: i64,
}

/// The numbers of the open risks of a list, or of those that a filter over what they are kept by asks for: of few rows,
/// however many risks there are.
pub(crate) async fn summary_of_tallies(
    conn: &impl ConnectionTrait,
    list: &Listed,
    by: Dimension,
    filter: &Filter,
    limit: u64,
) -> Result<RiskSummary, DbError> {
    let tallies = |name: &'static str| Expr::col(("risk_tallies", name));
    let key = match by {
        Dimension::Category => "category",
        Dimension::Severity => "severity",
        Dimension::Account | Dimension::Folder | Dimension::Resource | Dimension::Rule => "account",
    };
    let mut counted = Query::select();
    counted.expr_as(tallies(key), "number").from("risk_tallies").add_group_by([tallies(key)]);
    for (name, code) in COUNTS {
        counted.expr_as(
            sum(&format!("CASE WHEN risk_tallies.severity = {code} THEN risk_tallies.risks ELSE 0 END")),
            name,
        );
    }
    counted.and_where(tallies("account").in_subquery(list.accounts()));
    counted.cond_where(TALLIES.condition(filter, conn.get_database_backend())?);
    counted.and_having(Expr::cust("SUM(risk_tallies.risks) > 0"));
    let number = Expr::col(("counted", "number"));
    let value = match by {
        Dimension::Account => Expr::cust("'accounts/' || CAST(counted.number AS TEXT)"),
        Dimension::Folder => folder_of(MONITORED_ACCOUNTS.service, number),
        _ => Expr::cust("CAST(counted.number AS TEXT)"),
    };
    let mut grouped = Query::select();
    grouped.expr_as(value, "value").from_subquery(counted, "counted");
    for (name, _) in COUNTS {
        grouped.expr_as(Expr::col(("counted", name)), name);
    }
    if by == Dimension::Folder {
        // Few accounts are left by now, many of which share a folder.
        let of_accounts = std::mem::replace(&mut grouped, Query::select());
        grouped.column("value").from_subquery(of_accounts, "of_accounts").group_by_col("value");
        for (name, _) in COUNTS {
            grouped.expr_as(sum(&format!("of_accounts.{name}")), name);
        }
    }
    worst(conn, grouped, limit).await
}

/// The numbers of the risks of a view that a filter asks for: each of them is looked at.
pub(crate) async fn summary_of_risks(
    conn: &impl ConnectionTrait,
    view: &View,
    by: Dimension,
    filter: &Filter,
    limit: u64,
) -> Result<RiskSummary, DbError> {
    let value = match by {
        Dimension::Account => Expr::cust("'accounts/' || CAST(risks.account AS TEXT)"),
        Dimension::Folder => folder_of(MONITORED_ACCOUNTS.service, Expr::col(("risks", "account"))),
        Dimension::Category => Expr::cust("CAST(risks.category AS TEXT)"),
        Dimension::Severity => Expr::cust("CAST(risks.severity AS TEXT)"),
        Dimension::Resource => Expr::col(("risks", "resource")),
        Dimension::Rule => Expr::col(("risks", "rule")),
    };
    let risks = view.risks()?.select_only();
    let mut chosen = risks.into_query();
    chosen.expr_as(value, "value").expr_as(Expr::col(("risks", "severity")), "severity");
    chosen.cond_where(risk_view::condition(conn, filter)?);
    let mut grouped = Query::select();
    grouped.column("value").from_subquery(chosen, "chosen").group_by_col("value");
    for (name, code) in COUNTS {
        grouped.expr_as(sum(&format!("CASE WHEN chosen.severity = {code} THEN 1 ELSE 0 END")), name);
    }
    worst(conn, grouped, limit).await
}

/// The worst groups, with what all of them come to.
async fn worst(conn: &impl ConnectionTrait, grouped: SelectStatement, limit: u64) -> Result<RiskSummary, DbError> {
    let mut all = Query::select();
    all.column("value").from_subquery(grouped, "grouped").expr_as(Expr::cust("COUNT(*) OVER ()"), "groups");
    for (name, _) in COUNTS {
        all.column(name).expr_as(Expr::cust(format!("CAST(SUM({name}) OVER () AS BIGINT)")), format!("all_{name}"));
    }
    for (name, _) in COUNTS {
        all.order_by(name, Order::Desc);
    }
    // The same groups on both engines, whatever the collation.
    let value = match conn.get_database_backend() {
        DbBackend::Postgres => Expr::cust("value COLLATE \"C\""),
        _ => Expr::col("value"),
    };
    all.order_by_expr(value, Order::Asc).limit(limit);
    let rows = conn.query_all(&all).await?;
    let rows = rows.iter().map(|row| Row::from_query_result(row, "")).collect::<Result<Vec<_>, _>>()?;
    let total = rows.first().map(|row| RiskCounts {
        critical: row.all_critical,
        high: row.all_high,
        medium: row.all_medium,
        low: row.all_low,
        informational: row.all_informational,
    });
    Ok(RiskSummary {
        total: total.unwrap_or_default(),
        group_count: rows.first().map_or(0, |row| row.groups),
        groups: rows.into_iter().map(group).collect(),
    })
}

fn group(row: Row) -> RiskGroup {
    let Row { value, critical, high, medium, low, informational, .. } = row;
    RiskGroup { value, counts: RiskCounts { critical, high, medium, low, informational } }
}

/// A sum of numbers, which is one of that type on both engines.
fn sum(of: &str) -> Expr {
    Expr::cust(format!("CAST(SUM({of}) AS BIGINT)"))
}
