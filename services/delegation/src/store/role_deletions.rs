//! Deletions of service-linked roles.

use bailiwick_core::{AccountId, Timestamp};
use bailiwick_db::DbError;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    sea_query::OnConflict,
};

use super::{
    entity::role_deletion::{Column, Entity, Model},
    read,
};
use crate::domain::{Deletion, service_linked_role::State};

/// A deletion of a role of an account.
pub async fn find(
    conn: &impl ConnectionTrait,
    account: AccountId,
    role: &str,
    id: &str,
) -> Result<Option<Deletion>, DbError> {
    let key = (account.to_string(), role.to_owned(), id.to_owned());
    Entity::find_by_id(key).one(conn).await?.map(domain).transpose()
}

/// Stores a deletion that begins, unless another of the same role has not ended: then that one is returned.
pub async fn begin(conn: &impl ConnectionTrait, deletion: &Deletion) -> Result<Option<Deletion>, DbError> {
    let row = row(deletion)?;
    let open = row.open_role.clone().unwrap_or_default();
    let once = OnConflict::column(Column::OpenRole).do_nothing().to_owned();
    let inserted = Entity::insert(row.into_active_model().reset_all()).on_conflict(once);
    if inserted.exec_without_returning(conn).await? > 0 {
        return Ok(None);
    }
    Entity::find().filter(Column::OpenRole.eq(open)).one(conn).await?.map(domain).transpose()
}

/// At most `limit` deletions of all accounts that have not ended, the oldest first.
pub async fn open(conn: &impl ConnectionTrait, limit: u64) -> Result<Vec<Deletion>, DbError> {
    let rows = Entity::find().filter(Column::EndedUs.is_null()).order_by_asc(Column::CreatedUs).limit(limit);
    rows.all(conn).await?.into_iter().map(domain).collect()
}

/// Stores what became of a deletion, unless it has ended already.
pub async fn save(conn: &impl ConnectionTrait, deletion: &Deletion) -> Result<bool, DbError> {
    let row = row(deletion)?;
    let same = Entity::update_many()
        .set(row.into_active_model().reset_all())
        .filter(Column::Account.eq(deletion.account.to_string()))
        .filter(Column::Role.eq(&deletion.role))
        .filter(Column::Deletion.eq(&deletion.id))
        .filter(Column::EndedUs.is_null());
    Ok(same.exec(conn).await?.rows_affected > 0)
}

/// Forgets the deletions of all accounts that ended before a time.
pub async fn purge(conn: &impl ConnectionTrait, before: Timestamp) -> Result<(), DbError> {
    Entity::delete_many().filter(Column::EndedUs.lt(before.as_micros())).exec(conn).await?;
    Ok(())
}

fn row(deletion: &Deletion) -> Result<Model, DbError> {
    let open = format!("{}/{}/{}", deletion.account, deletion.incarnation, deletion.role);
    let state = State::ALL.iter().find(|(state, _)| *state == deletion.state).map_or("", |(_, text)| text);
    Ok(Model {
        account: deletion.account.to_string(),
        incarnation: deletion.incarnation.clone(),
        role: deletion.role.clone(),
        deletion: deletion.id.clone(),
        state: state.to_owned(),
        usages: serde_json::to_string(&deletion.usages).map_err(malformed)?,
        operator: serde_json::to_string(&deletion.operator).map_err(malformed)?,
        call_id: deletion.call_id.clone(),
        created_us: deletion.created.as_micros(),
        ended_us: deletion.ended.map(Timestamp::as_micros),
        open_role: deletion.ended.is_none().then_some(open),
    })
}

fn domain(row: Model) -> Result<Deletion, DbError> {
    let state = State::ALL.iter().find(|(_, text)| *text == row.state);
    Ok(Deletion {
        account: read(&row.account)?,
        state: state.ok_or_else(|| malformed(row.state.clone()))?.0,
        usages: serde_json::from_str(&row.usages).map_err(malformed)?,
        operator: serde_json::from_str(&row.operator).map_err(malformed)?,
        incarnation: row.incarnation,
        role: row.role,
        id: row.deletion,
        call_id: row.call_id,
        created: Timestamp::from_micros(row.created_us),
        ended: row.ended_us.map(Timestamp::from_micros),
    })
}

fn malformed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> DbError {
    DbError::Other(error.into())
}
