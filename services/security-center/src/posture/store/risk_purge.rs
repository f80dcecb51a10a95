//! Risks that are fixed for good.

use std::collections::BTreeSet;

use bailiwick_core::{AccountId, Timestamp};
use bailiwick_db::DbError;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Statement, sea_query::Expr,
};

use super::{
    CHUNK, account,
    entity::risk::{Column, Entity},
    number,
    risk::read,
};
use crate::posture::domain::{Risk, RiskId};

/// At most `limit` fixed risks of an account, those first that were fixed first, locked until the transaction ends; only
/// those that were fixed before a time, if there is one.
pub(crate) async fn risks_fixed_lock(
    conn: &impl ConnectionTrait,
    of: AccountId,
    before: Option<Timestamp>,
    limit: u64,
) -> Result<Vec<Risk>, DbError> {
    // The words of the index: it has no others.
    let mut some = Entity::find().filter(Column::Account.eq(number(of)?)).filter(Expr::cust("risks.fix_us > 0"));
    if let Some(before) = before {
        some = some.filter(Column::FixUs.lt(before.as_micros()));
    }
    read(conn, some.order_by_asc(Column::FixUs).order_by_asc(Column::Id).limit(limit).lock_exclusive()).await
}

/// Whether an account has risks that were fixed before a time.
pub(crate) async fn has_fixed(conn: &impl ConnectionTrait, of: AccountId, before: Timestamp) -> Result<bool, DbError> {
    let select = Statement::from_sql_and_values(
        conn.get_database_backend(),
        "SELECT id FROM risks WHERE account = $1 AND fix_us > 0 AND fix_us < $2 LIMIT 1",
        [number(of)?.into(), before.as_micros().into()],
    );
    Ok(conn.query_one_raw(select).await?.is_some())
}

/// Which of some ids are taken.
pub(crate) async fn ids_taken(
    conn: &impl ConnectionTrait,
    ids: impl Iterator<Item = RiskId>,
) -> Result<BTreeSet<RiskId>, DbError> {
    let (ids, mut taken): (Vec<_>, _) = (ids.map(RiskId::number).collect(), BTreeSet::new());
    for chunk in ids.chunks(CHUNK) {
        let some = Entity::find().select_only().column(Column::Id).filter(Column::Id.is_in(chunk.iter().copied()));
        taken.extend(some.into_tuple::<i64>().all(conn).await?.into_iter().map(RiskId::from_number));
    }
    Ok(taken)
}

/// Removes risks.
pub(crate) async fn risks_remove(
    conn: &impl ConnectionTrait,
    ids: impl Iterator<Item = RiskId>,
) -> Result<(), DbError> {
    let ids: Vec<_> = ids.map(RiskId::number).collect();
    for chunk in ids.chunks(CHUNK) {
        Entity::delete_many().filter(Column::Id.is_in(chunk.iter().copied())).exec(conn).await?;
    }
    Ok(())
}

/// At most `limit` accounts that may have risks, after one, in the order of their numbers.
pub(crate) async fn risk_accounts_after(
    conn: &impl ConnectionTrait,
    after: Option<AccountId>,
    limit: u64,
) -> Result<Vec<AccountId>, DbError> {
    let after = after.map(number).transpose()?.unwrap_or_default();
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let select = Statement::from_sql_and_values(
        conn.get_database_backend(),
        "SELECT account FROM risk_accounts WHERE account > $1 ORDER BY account LIMIT $2",
        [after.into(), limit.into()],
    );
    conn.query_all_raw(select).await?.iter().map(|row| account(row.try_get("", "account")?)).collect()
}
