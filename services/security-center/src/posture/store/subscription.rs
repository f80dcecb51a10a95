//! Subscriptions.

use bailiwick_core::{AccountId, Timestamp};
use bailiwick_db::DbError;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, Iterable, QueryFilter, QueryOrder,
    QuerySelect, sea_query::OnConflict,
};

use super::{
    CHUNK, account, broken,
    entity::subscription::{Column, Entity, Model},
    number,
};
use crate::posture::domain::{Edition, Pending, Subscription};

/// The subscriptions of some accounts, of those that ever had one.
pub(crate) async fn subscriptions(
    conn: &impl ConnectionTrait,
    accounts: &[AccountId],
) -> Result<Vec<Subscription>, DbError> {
    let mut found = Vec::new();
    for chunk in accounts.chunks(CHUNK) {
        let numbers = chunk.iter().copied().map(number).collect::<Result<Vec<_>, _>>()?;
        for row in Entity::find().filter(Column::Account.is_in(numbers)).all(conn).await? {
            found.push(subscription_of(row)?);
        }
    }
    Ok(found)
}

/// The subscriptions of some accounts, locked until the transaction ends, in the order of their accounts. Who never had
/// one gets a row to be locked.
pub(crate) async fn subscriptions_lock(
    conn: &impl ConnectionTrait,
    accounts: &[AccountId],
) -> Result<Vec<Subscription>, DbError> {
    let blank = accounts.iter().map(|account| row(&Subscription::none(*account))).collect::<Result<Vec<_>, _>>()?;
    let numbers: Vec<_> = blank.iter().map(|row| row.account).collect();
    Entity::insert_many(blank.into_iter().map(IntoActiveModel::into_active_model).map(ActiveModelTrait::reset_all))
        .on_conflict(OnConflict::column(Column::Account).do_nothing().to_owned())
        .exec_without_returning(conn)
        .await?;
    let rows = Entity::find().filter(Column::Account.is_in(numbers)).order_by_asc(Column::Account);
    rows.lock_exclusive().all(conn).await?.into_iter().map(subscription_of).collect()
}

/// Replaces a subscription whole.
pub(crate) async fn subscription_save(conn: &impl ConnectionTrait, to: &Subscription) -> Result<(), DbError> {
    let rest = Column::iter().filter(|column| !matches!(column, Column::Account));
    Entity::insert(row(to)?.into_active_model().reset_all())
        .on_conflict(OnConflict::column(Column::Account).update_columns(rest).to_owned())
        .exec_without_returning(conn)
        .await?;
    Ok(())
}

fn row(of: &Subscription) -> Result<Model, DbError> {
    Ok(Model {
        account: number(of.account)?,
        edition: of.edition.code().into(),
        servers: of.servers,
        start_us: of.start.as_micros(),
        expire_us: of.expire.as_micros(),
        pending_edition: of.pending.map_or(0, |pending| pending.edition.code().into()),
        pending_servers: of.pending.map_or(0, |pending| pending.servers),
        pending_us: of.pending.map_or(0, |pending| pending.at.as_micros()),
        version: of.version,
    })
}

fn subscription_of(row: Model) -> Result<Subscription, DbError> {
    let edition = |code: i64| {
        i32::try_from(code).ok().and_then(Edition::of).ok_or_else(|| broken("a subscription of an unknown edition"))
    };
    let pending = match row.pending_edition {
        0 => None,
        code => {
            let at = Timestamp::from_micros(row.pending_us);
            Some(Pending { edition: edition(code)?, servers: row.pending_servers, at })
        }
    };
    Ok(Subscription {
        account: account(row.account)?,
        edition: edition(row.edition)?,
        servers: row.servers,
        start: Timestamp::from_micros(row.start_us),
        expire: Timestamp::from_micros(row.expire_us),
        pending,
        version: row.version,
    })
}
