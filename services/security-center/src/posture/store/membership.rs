//! Which control list the accounts of risks are in.

use std::collections::BTreeSet;

use bailiwick_core::{AccountId, DirectoryId, Timestamp};
use bailiwick_db::DbError;
use bailiwick_roster::Listed;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, LockType, Order, Query},
};

use super::{
    CHUNK, account,
    entity::risk::{Column, Entity},
    number,
    risk_view::within,
};
use crate::posture::domain::{Risk, RiskId, State};

/// Locks accounts until the transaction ends, in the order of their numbers, before anything is done to their risks. An
/// account without a row has none.
pub(crate) async fn accounts_lock(conn: &impl ConnectionTrait, accounts: &BTreeSet<AccountId>) -> Result<(), DbError> {
    let numbers = accounts.iter().copied().map(number).collect::<Result<Vec<_>, _>>()?;
    let column = || Expr::col("account");
    for chunk in numbers.chunks(CHUNK) {
        let mut rows = Query::select();
        rows.expr(column()).from("risk_accounts").and_where(column().is_in(chunk.iter().copied()));
        rows.order_by("account", Order::Asc).lock(LockType::Update);
        conn.query_all(&rows).await?;
    }
    Ok(())
}

/// Risks of an account that is in the list of a directory are found by it from now on.
pub(crate) async fn risks_relist(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    risks: &mut [Risk],
) -> Result<(), DbError> {
    let elsewhere: Vec<_> = risks.iter_mut().filter(|risk| risk.directory != Some(directory)).collect();
    let ids = elsewhere.into_iter().map(|risk| {
        risk.directory = Some(directory);
        risk.id.number()
    });
    for chunk in ids.collect::<Vec<_>>().chunks(CHUNK) {
        let these = Entity::update_many().col_expr(Column::Directory, Expr::val(directory.to_string()));
        these.filter(Column::Id.is_in(chunk.iter().copied())).exec(conn).await?;
    }
    Ok(())
}

/// Whether any risk of an account carries another directory than this one.
pub(crate) async fn has_elsewhere(
    conn: &impl ConnectionTrait,
    account: AccountId,
    directory: DirectoryId,
) -> Result<bool, DbError> {
    let some = Entity::find().select_only().column(Column::Account).filter(Column::Account.eq(number(account)?));
    let some = some.filter(Column::Directory.ne(directory.to_string())).limit(1);
    Ok(some.into_tuple::<i64>().one(conn).await?.is_some())
}

/// Those of some accounts that have a row, or all that have one.
pub(crate) async fn accounts_known(
    conn: &impl ConnectionTrait,
    some: Option<&BTreeSet<AccountId>>,
) -> Result<BTreeSet<AccountId>, DbError> {
    let parts = match some {
        None => vec![None],
        Some(some) => {
            let numbers = some.iter().copied().map(number).collect::<Result<Vec<_>, _>>()?;
            numbers.chunks(CHUNK).map(|chunk| Some(chunk.to_vec())).collect()
        }
    };
    let mut found = BTreeSet::new();
    for part in parts {
        let mut rows = Query::select();
        rows.column("account").from("risk_accounts");
        if let Some(part) = part {
            rows.and_where(Expr::col("account").is_in(part));
        }
        for row in conn.query_all(&rows).await? {
            found.insert(account(row.try_get("", "account")?)?);
        }
    }
    Ok(found)
}

/// Whether a rule suppresses any risk of an account, or did before it was fixed.
pub(crate) async fn has_suppressed(conn: &impl ConnectionTrait, account: AccountId) -> Result<bool, DbError> {
    let some = Entity::find().select_only().column(Column::Account).filter(Column::Account.eq(number(account)?));
    let some = some.filter(Expr::cust("risks.suppression_rule <> ''")).limit(1);
    Ok(some.into_tuple::<i64>().one(conn).await?.is_some())
}

/// Whose risks are meant.
#[derive(Clone, Debug)]
pub(crate) enum Whose {
    /// Those of an account.
    Account(AccountId),
    /// Those of the accounts of a list.
    List(Listed),
    /// All.
    All,
}

/// Risks whose acknowledgement has run out, with their accounts, the earliest first, at most `limit`.
pub(crate) async fn risks_due(
    conn: &impl ConnectionTrait,
    whose: &Whose,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<(AccountId, RiskId)>, DbError> {
    let due = Entity::find().select_only().columns([Column::Account, Column::Id]);
    let due = due.filter(Column::State.eq(State::Acknowledged.code())).filter(Column::AckUntilUs.lte(now.as_micros()));
    let due = match whose {
        Whose::Account(account) => due.filter(Column::Account.eq(number(*account)?)),
        Whose::List(list) => due.filter(within(list, Expr::col((Entity, Column::Account)))),
        Whose::All => due,
    };
    let rows: Vec<(i64, i64)> =
        due.order_by_asc(Column::AckUntilUs).order_by_asc(Column::Id).limit(limit).into_tuple().all(conn).await?;
    rows.into_iter().map(|(of, id)| Ok((account(of)?, RiskId::from_number(id)))).collect()
}
