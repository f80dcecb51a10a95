//! Views of risks: those of an account, and those of all accounts in a control list.

use std::collections::BTreeSet;

use bailiwick_core::{
    AccountId, DirectoryId, Owner, ResourceName,
    filter::{Filter, Listing},
};
use bailiwick_db::{Columns, DbError, Place, Source};
use bailiwick_roster::{Listed, folder_of};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QuerySelect, Select, sea_query::Expr,
};

use super::{
    CHUNK,
    entity::risk::{Column, Entity},
    number, risk,
};
use crate::posture::{
    MONITORED_ACCOUNTS,
    domain::{Category, Risk, RiskId, Severity, State, risk_filter::RISKS},
};

/// Which risks a caller sees.
#[derive(Clone, Debug)]
pub(crate) enum View {
    /// Those of an account.
    Account(AccountId),
    /// Those of the accounts that are in a control list now. While it is being relisted, some of them carry the directory
    /// of another list still.
    List { list: Listed, relisting: bool },
    /// Those of one account while it is in a control list.
    OfList(Listed, AccountId),
    /// Those of the accounts that were last in the control list of a directory: for its own upkeep alone.
    Last(DirectoryId),
}

const CATEGORIES: &[(&str, i64)] = &{
    let [a, b, c, d] = Category::ALL;
    [rank(a.name(), a.code()), rank(b.name(), b.code()), rank(c.name(), c.code()), rank(d.name(), d.code())]
};
const SEVERITIES: &[(&str, i64)] = &{
    let [a, b, c, d, e] = Severity::ALL;
    let [a, b, c] = [rank(a.name(), a.code()), rank(b.name(), b.code()), rank(c.name(), c.code())];
    [a, b, c, rank(d.name(), d.code()), rank(e.name(), e.code())]
};
const STATES: &[(&str, i64)] = &{
    let [a, b, c, d] = State::ALL;
    [rank(a.name(), a.code()), rank(b.name(), b.code()), rank(c.name(), c.code()), rank(d.name(), d.code())]
};

const fn rank(name: &'static str, code: i32) -> (&'static str, i64) {
    (name, code as i64)
}

static COLUMNS: Columns = Columns { schema: &RISKS, id: || column(Column::Id), source };

impl View {
    /// The risks of the view.
    pub(super) fn risks(&self) -> Result<Select<Entity>, DbError> {
        let all = Entity::find();
        Ok(match self {
            Self::Account(account) => all.filter(Column::Account.eq(number(*account)?)),
            Self::List { list, relisting } => {
                let of_list = all.filter(within(list, column(Column::Account)));
                match relisting {
                    true => of_list,
                    false => of_list.filter(Column::Directory.eq(list.directory().to_string())),
                }
            }
            Self::OfList(list, account) => {
                let of_account = all.filter(Column::Account.eq(number(*account)?));
                of_account.filter(within(list, column(Column::Account)))
            }
            Self::Last(directory) => all.filter(Column::Directory.eq(directory.to_string())),
        })
    }
}

/// Whether an account is one of a list. As a test and no join, it leaves the order to the index over the risks: the list
/// is read once, whatever the number of risks.
pub(super) fn within(list: &Listed, account: Expr) -> Expr {
    account.in_subquery(list.accounts()).is(Expr::Constant(true.into()))
}

/// At most `limit` risks of a view that are asked for, after a place.
pub(crate) async fn risks_page(
    conn: &impl ConnectionTrait,
    view: &View,
    listing: &Listing,
    after: Option<&Place>,
    limit: u64,
) -> Result<Vec<Risk>, DbError> {
    let mut found = Vec::new();
    for part in COLUMNS.select_parts(&view.risks()?, listing, after, conn.get_database_backend())? {
        let left = limit.saturating_sub(u64::try_from(found.len()).unwrap_or(u64::MAX));
        if left > 0 {
            found.extend(risk::read(conn, part.limit(left)).await?);
        }
    }
    Ok(found)
}

/// The place of a risk in a list.
pub(crate) fn risk_place(risk: &Risk, listing: &Listing) -> Place {
    Place::of(risk.id.number(), listing, |field| risk.value(field))
}

/// Those of some risks that are in a view and asked for, by id.
pub(crate) async fn risks_among(
    conn: &impl ConnectionTrait,
    view: &View,
    filter: &Filter,
    ids: &BTreeSet<RiskId>,
) -> Result<Vec<Risk>, DbError> {
    let condition = condition(conn, filter)?;
    let (ids, mut found): (Vec<_>, _) = (ids.iter().map(|id| id.number()).collect(), Vec::new());
    for chunk in ids.chunks(CHUNK) {
        let some = view.risks()?.filter(Column::Id.is_in(chunk.iter().copied())).filter(condition.clone());
        found.extend(risk::read(conn, some).await?);
    }
    found.sort_by_key(|risk| risk.id);
    Ok(found)
}

/// The condition of a filter over `risks`.
pub(super) fn condition(conn: &impl ConnectionTrait, filter: &Filter) -> Result<Condition, DbError> {
    COLUMNS.condition(filter, conn.get_database_backend())
}

/// The sources of what the numbers of risks are kept by, in a table that has them as `risks` does.
pub(super) fn counted(field: &str, column: fn(&'static str) -> Expr) -> Option<Source> {
    Some(match field {
        "account" => Source::Named(column("account"), account_number),
        "folder" => Source::Text(folder_of(MONITORED_ACCOUNTS.service, column("account"))),
        "category" => Source::Rank(column("category"), CATEGORIES),
        "severity" => Source::Rank(column("severity"), SEVERITIES),
        "state" => Source::Rank(column("state"), STATES),
        _ => return None,
    })
}

fn source(field: &str) -> Option<Source> {
    const SUPPRESSION_RULE: &str = "CASE WHEN risks.state = 3 THEN 'directories/' || risks.directory || \
         '/suppressionRules/' || risks.suppression_rule ELSE '' END";
    Some(match field {
        "title" => Source::Text(column(Column::Title)),
        "rule" => Source::Text(column(Column::Rule)),
        "source" => Source::Text(column(Column::Source)),
        "scope" => Source::Text(column(Column::Scope)),
        "resource" => Source::Text(column(Column::Resource)),
        "resource_type" => Source::Text(column(Column::ResourceType)),
        "region" => Source::Text(column(Column::Region)),
        "suppression_rule" => Source::Text(Expr::cust(SUPPRESSION_RULE)),
        "first_seen_time" => Source::Time(column(Column::FirstSeenUs)),
        "last_seen_time" => Source::Time(column(Column::LastSeenUs)),
        "open_time" => Source::Time(column(Column::OpenUs)),
        other => return counted(other, |name| Expr::col(("risks", name))),
    })
}

fn column(column: Column) -> Expr {
    Expr::col((Entity, column))
}

/// The number of `accounts/{account}`.
fn account_number(name: &str) -> Option<i64> {
    match ResourceName::parse(name).ok()?.owner() {
        Owner::Account(account) if account.name() == name => number(account).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
