//! Accounts whose risks are to be looked at, because of what the log of `delegation` told of them.

use std::collections::BTreeSet;

use bailiwick_core::{AccountId, DirectoryId, Timestamp};
use bailiwick_db::{DbError, Place};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, OnConflict},
};

use super::{
    CHUNK, account, broken,
    entity::risk_work::{Column, Entity, Model},
    number,
    score::statement,
};
use crate::posture::MONITORED_ACCOUNTS;

/// An account whose risks are to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) account: AccountId,
    changes: i64,
    /// Where it goes on; none at the beginning.
    pub(crate) place: Option<Place>,
}

/// The risks of these accounts are to be looked at from their beginning.
pub(crate) async fn work_add(conn: &impl ConnectionTrait, accounts: &BTreeSet<AccountId>) -> Result<(), DbError> {
    let again = OnConflict::column(Column::Account)
        .value(Column::Changes, Expr::col((Entity, Column::Changes)).add(1))
        .value(Column::Place, "")
        .to_owned();
    let numbers = accounts.iter().copied().map(number).collect::<Result<Vec<_>, _>>()?;
    for chunk in numbers.chunks(CHUNK) {
        let row = |account: &i64| Model { account: *account, changes: 1, place: String::new(), done_us: 0 };
        let rows = chunk.iter().map(|account| row(account).into_active_model().reset_all());
        Entity::insert_many(rows).on_conflict(again.clone()).exec_without_returning(conn).await?;
    }
    Ok(())
}

/// Accounts whose risks are to be looked at, at most `limit`: those first of which nothing has been done for longest.
pub(crate) async fn work_pending(conn: &impl ConnectionTrait, limit: u64) -> Result<Vec<Work>, DbError> {
    let rows = Entity::find().order_by_asc(Column::DoneUs).order_by_asc(Column::Account).limit(limit).all(conn).await?;
    let read = |row: Model| {
        let place = if row.place.is_empty() { None } else { Some(row.place.parse().map_err(broken)?) };
        Ok(Work { account: account(row.account)?, changes: row.changes, place })
    };
    rows.into_iter().map(read).collect()
}

/// Sets where it goes on with an account, unless something else was told of it meanwhile. Tells whether nothing was.
pub(crate) async fn work_save(
    conn: &impl ConnectionTrait,
    work: &Work,
    place: &Place,
    now: Timestamp,
) -> Result<bool, DbError> {
    let on = Entity::update_many().col_expr(Column::Place, Expr::val(place.to_string()));
    let on = on.col_expr(Column::DoneUs, Expr::val(now.as_micros()));
    let on = on.filter(Column::Account.eq(number(work.account)?)).filter(Column::Changes.eq(work.changes));
    Ok(on.exec(conn).await?.rows_affected == 1)
}

/// All is done with an account, unless something else was told of it meanwhile. Tells whether nothing was.
pub(crate) async fn work_remove(conn: &impl ConnectionTrait, work: &Work) -> Result<bool, DbError> {
    let done = Entity::delete_many().filter(Column::Account.eq(number(work.account)?));
    Ok(done.filter(Column::Changes.eq(work.changes)).exec(conn).await?.rows_affected == 1)
}

/// Others come first: this one has failed.
pub(crate) async fn work_later(conn: &impl ConnectionTrait, work: &Work, now: Timestamp) -> Result<(), DbError> {
    let later = Entity::update_many().col_expr(Column::DoneUs, Expr::val(now.as_micros()));
    later.filter(Column::Account.eq(number(work.account)?)).exec(conn).await?;
    Ok(())
}

/// Whether the risks of some account in the list of a directory may not carry the directory yet.
pub(crate) async fn relisting(conn: &impl ConnectionTrait, directory: DirectoryId) -> Result<bool, DbError> {
    let sql = "SELECT 1 AS one FROM risk_work w JOIN roster_entries e ON e.account = w.account \
               WHERE e.service = $1 AND e.directory = $2 LIMIT 1";
    let values = vec![MONITORED_ACCOUNTS.service.id().into(), directory.to_string().into()];
    Ok(conn.query_one_raw(statement(conn, sql, values)).await?.is_some())
}
