//! The settings of the multi-account feature, and the members that wait to be added of themselves.

use std::collections::BTreeSet;

use bailiwick_core::{AccountId, DirectoryId, Timestamp};
use bailiwick_db::DbError;
use bailiwick_roster::JoinMethod;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, Iterable, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Expr, OnConflict},
};

use super::{
    CHUNK, account, broken,
    entity::{
        auto_addition::{self, Column as Waits, Entity as Waiting},
        multi_account::{Column, Entity, Model},
    },
    number,
};
use crate::posture::domain::{AutoAdd, Settings};

/// A member that waits to be added of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Addition {
    pub(crate) directory: DirectoryId,
    pub(crate) account: AccountId,
    pub(crate) incarnation: String,
    /// Attempts that failed.
    pub(crate) attempts: i64,
}

/// The settings in a directory.
pub(crate) async fn settings(conn: &impl ConnectionTrait, of: DirectoryId) -> Result<Settings, DbError> {
    let row = Entity::find_by_id(of.to_string()).one(conn).await?;
    row.map_or_else(|| Ok(Settings::none(of)), settings_of)
}

/// The settings in a directory, locked until the transaction ends: a member is judged by those before a change or by
/// those after it.
pub(crate) async fn settings_lock(conn: &impl ConnectionTrait, of: DirectoryId) -> Result<Settings, DbError> {
    Entity::insert(row(&Settings::none(of))?.into_active_model().reset_all())
        .on_conflict(OnConflict::column(Column::Directory).do_nothing().to_owned())
        .exec_without_returning(conn)
        .await?;
    let row = Entity::find_by_id(of.to_string()).lock_exclusive().one(conn).await?;
    row.map_or_else(|| Ok(Settings::none(of)), settings_of)
}

/// Replaces the settings.
pub(crate) async fn settings_save(conn: &impl ConnectionTrait, to: &Settings) -> Result<(), DbError> {
    let rest = Column::iter().filter(|column| !matches!(column, Column::Directory));
    Entity::insert(row(to)?.into_active_model().reset_all())
        .on_conflict(OnConflict::column(Column::Directory).update_columns(rest).to_owned())
        .exec_without_returning(conn)
        .await?;
    Ok(())
}

/// Notes why the last automatic addition failed, or that it did not.
pub(crate) async fn problem_save(conn: &impl ConnectionTrait, of: DirectoryId, problem: &str) -> Result<(), DbError> {
    Entity::update_many()
        .col_expr(Column::Problem, Expr::val(problem))
        .filter(Column::Directory.eq(of.to_string()))
        .exec(conn)
        .await?;
    Ok(())
}

/// Nobody in a directory is added of itself until a time; notes why.
pub(crate) async fn additions_close(
    conn: &impl ConnectionTrait,
    of: DirectoryId,
    problem: &str,
    until: Timestamp,
) -> Result<(), DbError> {
    Entity::update_many()
        .col_expr(Column::Problem, Expr::val(problem))
        .col_expr(Column::ClosedUntilUs, Expr::val(until.as_micros()))
        .filter(Column::Directory.eq(of.to_string()))
        .exec(conn)
        .await?;
    Ok(())
}

/// Lets members of a directory wait to be added, from a time on.
pub(crate) async fn additions_put(
    conn: &impl ConnectionTrait,
    of: DirectoryId,
    members: &[(AccountId, String)],
    due: Timestamp,
) -> Result<(), DbError> {
    let key = [Waits::Directory, Waits::Account];
    let rest = [Waits::Incarnation, Waits::Attempts, Waits::DueUs];
    for chunk in members.chunks(CHUNK) {
        let rows = chunk.iter().map(|(account, incarnation)| {
            let (directory, incarnation) = (of.to_string(), incarnation.clone());
            let account = number(*account)?;
            Ok(auto_addition::Model { directory, account, incarnation, attempts: 0, due_us: due.as_micros() })
        });
        let rows = rows.collect::<Result<Vec<_>, DbError>>()?;
        Waiting::insert_many(rows.into_iter().map(|row| row.into_active_model().reset_all()))
            .on_conflict(OnConflict::columns(key).update_columns(rest).to_owned())
            .exec_without_returning(conn)
            .await?;
    }
    Ok(())
}

/// The members of a directory that wait.
pub(crate) async fn additions_of(conn: &impl ConnectionTrait, of: DirectoryId) -> Result<BTreeSet<AccountId>, DbError> {
    let all = Waiting::find().filter(Waits::Directory.eq(of.to_string())).select_only().column(Waits::Account);
    all.into_tuple::<i64>().all(conn).await?.into_iter().map(account).collect()
}

/// How many members of a directory wait.
pub(crate) async fn additions_count(conn: &impl ConnectionTrait, of: DirectoryId) -> Result<u64, DbError> {
    Ok(Waiting::find().filter(Waits::Directory.eq(of.to_string())).count(conn).await?)
}

/// At most `limit` members whose time has come, of directories in which it is not put off.
pub(crate) async fn additions_due(
    conn: &impl ConnectionTrait,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<Addition>, DbError> {
    let closed = Entity::find().select_only().column(Column::Directory);
    let closed = closed.filter(Column::ClosedUntilUs.gt(now.as_micros())).into_query();
    let due = Waiting::find().filter(Waits::DueUs.lte(now.as_micros()));
    let due = due.filter(Waits::Directory.not_in_subquery(closed)).order_by_asc(Waits::DueUs);
    let rows = due.order_by_asc(Waits::Account).limit(limit).all(conn).await?;
    rows.into_iter().map(addition_of).collect()
}

/// Gives members another time.
pub(crate) async fn additions_postpone(
    conn: &impl ConnectionTrait,
    of: &[Addition],
    due: Timestamp,
) -> Result<(), DbError> {
    for addition in of {
        Waiting::update_many()
            .col_expr(Waits::Attempts, Expr::val(addition.attempts))
            .col_expr(Waits::DueUs, Expr::val(due.as_micros()))
            .filter(Waits::Directory.eq(addition.directory.to_string()))
            .filter(Waits::Account.eq(number(addition.account)?))
            .filter(Waits::Incarnation.eq(&addition.incarnation))
            .exec(conn)
            .await?;
    }
    Ok(())
}

/// Members wait no longer, in this membership.
pub(crate) async fn additions_remove(conn: &impl ConnectionTrait, of: &[Addition]) -> Result<(), DbError> {
    for addition in of {
        Waiting::delete_many()
            .filter(Waits::Directory.eq(addition.directory.to_string()))
            .filter(Waits::Account.eq(number(addition.account)?))
            .filter(Waits::Incarnation.eq(&addition.incarnation))
            .exec(conn)
            .await?;
    }
    Ok(())
}

/// No member of a directory waits.
pub(crate) async fn additions_clear(conn: &impl ConnectionTrait, of: DirectoryId) -> Result<(), DbError> {
    Waiting::delete_many().filter(Waits::Directory.eq(of.to_string())).exec(conn).await?;
    Ok(())
}

/// Some accounts, or all, wait no longer where their membership has ended or they were in the list.
pub(crate) async fn additions_tidy(conn: &impl ConnectionTrait, accounts: Option<&[AccountId]>) -> Result<(), DbError> {
    const FALLEN: &str = "NOT EXISTS (SELECT 1 FROM roster_accounts a JOIN posture_accounts p ON p.account = a.account \
        WHERE a.account = auto_additions.account AND a.directory = auto_additions.directory \
        AND a.incarnation = auto_additions.incarnation AND NOT p.considered)";
    let fallen = || Waiting::delete_many().filter(Expr::cust(FALLEN));
    let Some(accounts) = accounts else { return Ok(fallen().exec(conn).await.map(drop)?) };
    for chunk in accounts.chunks(CHUNK) {
        let numbers = chunk.iter().copied().map(number).collect::<Result<Vec<_>, _>>()?;
        fallen().filter(Waits::Account.is_in(numbers)).exec(conn).await?;
    }
    Ok(())
}

fn row(of: &Settings) -> Result<Model, DbError> {
    let methods: Vec<_> = of.join_methods.iter().map(|method| method.as_str()).collect();
    Ok(Model {
        directory: of.directory.to_string(),
        auto_add: of.auto_add.code().into(),
        folders: serde_json::to_string(&of.folders).map_err(broken)?,
        join_methods: serde_json::to_string(&methods).map_err(broken)?,
        problem: of.problem.clone(),
        // Whoever changes the settings wants to see what comes of them.
        closed_until_us: 0,
        version: of.version,
    })
}

fn settings_of(row: Model) -> Result<Settings, DbError> {
    let auto_add = i32::try_from(row.auto_add).ok().and_then(AutoAdd::of);
    let methods: Vec<String> = serde_json::from_str(&row.join_methods).map_err(broken)?;
    Ok(Settings {
        directory: row.directory.parse().map_err(broken)?,
        auto_add: auto_add.ok_or_else(|| broken("settings of an unknown kind"))?,
        folders: serde_json::from_str(&row.folders).map_err(broken)?,
        join_methods: methods.iter().filter_map(|method| JoinMethod::of(method)).collect(),
        problem: row.problem,
        version: row.version,
    })
}

fn addition_of(row: auto_addition::Model) -> Result<Addition, DbError> {
    Ok(Addition {
        directory: row.directory.parse().map_err(broken)?,
        account: account(row.account)?,
        incarnation: row.incarnation,
        attempts: row.attempts,
    })
}
