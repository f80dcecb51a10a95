//! All facts that hold.

use bailiwick_db::DbError;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set,
    sea_query::OnConflict,
};

use super::{
    CHUNK,
    entity::fact::{ActiveModel, Column, Entity},
};

/// A fact as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactRow {
    /// What it is about: unique.
    pub key: String,
    /// Orders the full list.
    pub kind: i32,
    /// The encoded fact; none if it no longer holds.
    pub value: Option<Vec<u8>>,
}

/// Stores and deletes facts. No two may have the same key.
pub async fn write(conn: &impl ConnectionTrait, rows: Vec<FactRow>) -> Result<(), DbError> {
    let (kept, gone): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.value.is_some());
    for chunk in gone.chunks(CHUNK) {
        let keys = chunk.iter().map(|row| row.key.as_str());
        Entity::delete_many().filter(Column::Key.is_in(keys)).exec(conn).await?;
    }
    for chunk in kept.chunks(CHUNK) {
        let rows = chunk.iter().map(|row| ActiveModel {
            key: Set(row.key.clone()),
            kind: Set(row.kind),
            value: Set(row.value.clone().unwrap_or_default()),
        });
        let replace = OnConflict::column(Column::Key).update_columns([Column::Kind, Column::Value]).to_owned();
        Entity::insert_many(rows).on_conflict(replace).exec_without_returning(conn).await?;
    }
    Ok(())
}

/// Whether a fact holds.
pub async fn holds(conn: &impl ConnectionTrait, key: &str) -> Result<bool, DbError> {
    Ok(Entity::find_by_id(key.to_owned()).one(conn).await?.is_some())
}

/// At most `limit` facts after the one of `after`, by kind and key.
pub async fn page(
    conn: &impl ConnectionTrait,
    after: Option<(i32, &str)>,
    limit: u64,
) -> Result<Vec<FactRow>, DbError> {
    let mut select = Entity::find().order_by_asc(Column::Kind).order_by_asc(Column::Key).limit(limit);
    if let Some((kind, key)) = after {
        let same_kind = Condition::all().add(Column::Kind.eq(kind)).add(Column::Key.gt(key));
        select = select.filter(Condition::any().add(Column::Kind.gt(kind)).add(same_kind));
    }
    let rows = select.all(conn).await?;
    Ok(rows.into_iter().map(|row| FactRow { key: row.key, kind: row.kind, value: Some(row.value) }).collect())
}
