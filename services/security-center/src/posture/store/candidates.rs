//! The members of a directory as they stand to its control list, read from the tables of the lists.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::{AccountId, DirectoryId, TrustedService};
use bailiwick_db::DbError;
use bailiwick_roster::{AccountType, JoinMethod};
use sea_orm::{
    ConnectionTrait, FromQueryResult, Statement,
    sea_query::{Alias, Expr, ExprTrait, JoinType, Order, Query, SelectStatement},
};

use super::{account, number};

/// A member, and what it is to the control list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) account: AccountId,
    pub(crate) display_name: String,
    pub(crate) account_type: Option<AccountType>,
    pub(crate) join_method: Option<JoinMethod>,
    /// `directories/{directory}/folders/{folder}`.
    pub(crate) folder: String,
    pub(crate) incarnation: String,
    pub(crate) monitored: bool,
    pub(crate) marked: bool,
    /// In this membership it was in the list.
    pub(crate) considered: bool,
}

/// Which members are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Selected<'a> {
    pub(crate) directory: DirectoryId,
    /// The names of folders; all of them if none.
    pub(crate) folders: Option<&'a BTreeSet<String>>,
    /// Only those that can be added: neither in the list, nor about to be deleted, nor this management account.
    pub(crate) eligible: Option<Option<AccountId>>,
}

/// What a folder has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FolderCount {
    pub(crate) members: i64,
    pub(crate) monitored: i64,
}

#[derive(FromQueryResult)]
struct Row {
    account: i64,
    display_name: String,
    account_type: String,
    join_method: String,
    folder: String,
    incarnation: String,
    monitored: i32,
    marked: i32,
    considered: i32,
}

#[derive(FromQueryResult)]
struct CountRow {
    folder: String,
    members: i64,
    monitored: i64,
}

#[derive(FromQueryResult)]
struct Number {
    number: i64,
}

#[derive(FromQueryResult)]
struct FolderRow {
    folder: String,
    parent: String,
}

#[derive(FromQueryResult)]
struct TextRow {
    text: String,
}

/// At most `limit` members after an account, by account.
pub(crate) async fn candidates(
    conn: &impl ConnectionTrait,
    selected: Selected<'_>,
    after: i64,
    limit: u64,
) -> Result<Vec<Candidate>, DbError> {
    let mut page = of(selected)?;
    for column in ["account", "display_name", "account_type", "join_method", "folder", "incarnation"] {
        page.expr_as(Expr::cust(format!("a.{column}")), Alias::new(column));
    }
    for (name, holds) in
        [("monitored", "e.account IS NOT NULL"), ("marked", "e.marked"), ("considered", "p.considered")]
    {
        page.expr_as(Expr::cust(format!("CASE WHEN {holds} THEN 1 ELSE 0 END")), Alias::new(name));
    }
    page.and_where(Expr::col(("a", "account")).gt(after));
    page.order_by(("a", "account"), Order::Asc).limit(limit);
    let rows = Row::find_by_statement(conn.get_database_backend().build(&page)).all(conn).await?;
    let read = |row: Row| {
        Ok(Candidate {
            account: account(row.account)?,
            display_name: row.display_name,
            account_type: AccountType::of(&row.account_type),
            join_method: JoinMethod::of(&row.join_method),
            folder: row.folder,
            incarnation: row.incarnation,
            monitored: row.monitored != 0,
            marked: row.marked != 0,
            considered: row.considered != 0,
        })
    };
    rows.into_iter().map(read).collect()
}

/// How many members there are.
pub(crate) async fn candidates_count(conn: &impl ConnectionTrait, selected: Selected<'_>) -> Result<i64, DbError> {
    let mut count = of(selected)?;
    count.expr_as(Expr::cust("COUNT(*)"), Alias::new("number"));
    let found = Number::find_by_statement(conn.get_database_backend().build(&count)).one(conn).await?;
    Ok(found.map_or(0, |found| found.number))
}

/// How many of them wait to be added of themselves.
pub(crate) async fn candidates_waiting(conn: &impl ConnectionTrait, selected: Selected<'_>) -> Result<i64, DbError> {
    let mut count = of(selected)?;
    let waiting = "EXISTS (SELECT 1 FROM auto_additions w WHERE w.directory = a.directory AND w.account = a.account)";
    count.expr_as(Expr::cust("COUNT(*)"), Alias::new("number")).and_where(Expr::cust(waiting));
    let found = Number::find_by_statement(conn.get_database_backend().build(&count)).one(conn).await?;
    Ok(found.map_or(0, |found| found.number))
}

/// How many members are in each folder of a directory, by the folder's name.
pub(crate) async fn folder_counts(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
) -> Result<BTreeMap<String, FolderCount>, DbError> {
    let mut counts = of(Selected { directory, folders: None, eligible: None })?;
    counts.expr_as(Expr::cust("a.folder"), Alias::new("folder"));
    counts.expr_as(Expr::cust("COUNT(*)"), Alias::new("members"));
    counts.expr_as(Expr::cust("COUNT(e.account)"), Alias::new("monitored"));
    counts.add_group_by([Expr::cust("a.folder")]);
    let rows = CountRow::find_by_statement(conn.get_database_backend().build(&counts)).all(conn).await?;
    let read = |row: CountRow| (row.folder, FolderCount { members: row.members, monitored: row.monitored });
    Ok(rows.into_iter().map(read).collect())
}

/// The folders of a directory, as many as its quota allows: the id of each, and of the one that it is in.
pub(crate) async fn folders(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
) -> Result<Vec<(String, String)>, DbError> {
    let sql = "SELECT folder, parent FROM roster_folders WHERE directory = $1";
    let values = [directory.to_string().into()];
    let all = Statement::from_sql_and_values(conn.get_database_backend(), sql, values);
    let rows = FolderRow::find_by_statement(all).all(conn).await?;
    Ok(rows.into_iter().map(|row| (row.folder, row.parent)).collect())
}

/// The incarnation of an account's membership in a directory.
pub(crate) async fn incarnation(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    of: AccountId,
) -> Result<Option<String>, DbError> {
    let sql = "SELECT incarnation AS text FROM roster_accounts WHERE directory = $1 AND account = $2";
    let one = [directory.to_string().into(), number(of)?.into()];
    let one = Statement::from_sql_and_values(conn.get_database_backend(), sql, one);
    Ok(TextRow::find_by_statement(one).one(conn).await?.map(|row| row.text))
}

/// The unique id of a member's enrolment in Security Center.
pub(crate) async fn entry_uid(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    of: AccountId,
) -> Result<Option<String>, DbError> {
    let sql = "SELECT uid AS text FROM roster_entries WHERE service = 'security-center' AND directory = $1 \
               AND account = $2";
    let one = [directory.to_string().into(), number(of)?.into()];
    let one = Statement::from_sql_and_values(conn.get_database_backend(), sql, one);
    Ok(TextRow::find_by_statement(one).one(conn).await?.map(|row| row.text))
}

fn of(selected: Selected<'_>) -> Result<SelectStatement, DbError> {
    let same = |other: &'static str| Expr::col((other, "account")).equals(("a", "account"));
    let entry = Expr::col(("e", "service")).eq(TrustedService::SecurityCenter.id());
    let entry = entry.and(Expr::col(("e", "directory")).equals(("a", "directory"))).and(same("e"));
    let mut members = Query::select();
    members
        .from_as("roster_accounts", "a")
        .join_as(JoinType::LeftJoin, "roster_entries", "e", entry)
        .join_as(JoinType::LeftJoin, "posture_accounts", "p", same("p"))
        .and_where(Expr::col(("a", "directory")).eq(selected.directory.to_string()));
    if let Some(folders) = selected.folders {
        members.and_where(Expr::col(("a", "folder")).is_in(folders));
    }
    if let Some(management) = selected.eligible {
        members.and_where(Expr::cust("e.account IS NULL AND (p.suspended IS NULL OR NOT p.suspended)"));
        if let Some(management) = management {
            members.and_where(Expr::col(("a", "account")).ne(number(management)?));
        }
    }
    Ok(members)
}
