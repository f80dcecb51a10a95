//! Messages on their way: written with what they tell of, taken by who delivers them, gone once they are delivered.
//! The queries are the platform's own: a message is not looked up by anybody's call.

use bailiwick_core::Timestamp;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, ExprTrait, LockBehavior, LockType},
};

use super::{Result, count, entity::outbox, time};

/// A message, sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The id of the message.
    pub id: String,
    /// What it says.
    pub sealed: Vec<u8>,
    /// How often it was taken to be delivered.
    pub tries: u32,
    /// When it is to be delivered, the next time.
    pub due: Timestamp,
    /// When nobody needs it any more.
    pub expire_time: Timestamp,
}

/// Adds a message.
pub async fn insert(conn: &impl ConnectionTrait, new: Envelope) -> Result<()> {
    let row = outbox::ActiveModel {
        message: Set(new.id),
        tries: Set(i64::from(new.tries)),
        due_us: Set(new.due.as_micros()),
        expire_us: Set(new.expire_time.as_micros()),
        sealed: Set(new.sealed),
    };
    outbox::Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}

/// Whether a message is due.
pub async fn has_due(conn: &impl ConnectionTrait, now: Timestamp) -> Result<bool> {
    Ok(due(now).limit(1).count(conn).await? > 0)
}

/// Takes up to `limit` messages that are due: nobody else gets them before `until`. Of several who take at once, each
/// gets others.
pub async fn take(conn: &impl ConnectionTrait, now: Timestamp, until: Timestamp, limit: u64) -> Result<Vec<Envelope>> {
    let rows = due(now)
        .order_by_asc(outbox::Column::DueUs)
        .limit(limit)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .all(conn)
        .await?;
    if !rows.is_empty() {
        outbox::Entity::update_many()
            .col_expr(outbox::Column::DueUs, Expr::value(until.as_micros()))
            .col_expr(outbox::Column::Tries, Expr::col(outbox::Column::Tries).add(1))
            .filter(outbox::Column::Message.is_in(rows.iter().map(|row| &row.message)))
            .exec(conn)
            .await?;
    }
    Ok(rows.into_iter().map(|row| taken(row, until)).collect())
}

/// Puts off a message that could not be delivered, unless somebody else has taken it since.
pub async fn put_off(conn: &impl ConnectionTrait, taken: &Envelope, due: Timestamp) -> Result<()> {
    outbox::Entity::update_many()
        .col_expr(outbox::Column::DueUs, Expr::value(due.as_micros()))
        .filter(outbox::Column::Message.eq(&taken.id))
        .filter(outbox::Column::Tries.eq(i64::from(taken.tries)))
        .exec(conn)
        .await?;
    Ok(())
}

/// Forgets a message: it was delivered, or nobody needs it any more.
pub async fn delete(conn: &impl ConnectionTrait, id: &str) -> Result<()> {
    outbox::Entity::delete_by_id(id).exec(conn).await?;
    Ok(())
}

/// Forgets up to `limit` messages that came too late.
pub async fn delete_expired(conn: &impl ConnectionTrait, now: Timestamp, limit: u64) -> Result<u32> {
    let late: Vec<String> = outbox::Entity::find()
        .select_only()
        .column(outbox::Column::Message)
        .filter(outbox::Column::ExpireUs.lte(now.as_micros()))
        .limit(limit)
        .into_tuple()
        .all(conn)
        .await?;
    if late.is_empty() {
        return Ok(0);
    }
    let deleted = outbox::Entity::delete_many().filter(outbox::Column::Message.is_in(late)).exec(conn).await?;
    Ok(count(deleted.rows_affected))
}

fn due(now: Timestamp) -> Select<outbox::Entity> {
    outbox::Entity::find()
        .filter(outbox::Column::DueUs.lte(now.as_micros()))
        .filter(outbox::Column::ExpireUs.gt(now.as_micros()))
}

fn taken(row: outbox::Model, until: Timestamp) -> Envelope {
    Envelope {
        id: row.message,
        sealed: row.sealed,
        tries: u32::try_from(row.tries).unwrap_or(u32::MAX).saturating_add(1),
        due: until,
        expire_time: time(row.expire_us),
    }
}
