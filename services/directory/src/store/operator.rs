//! Operators of the platform.

use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{
    Result,
    access_key::{Credential, hash},
    entity::operators,
    time,
};
use crate::domain::operator::Operator;

/// An operator.
pub async fn get(conn: &impl ConnectionTrait, id: &str) -> Result<Option<Operator>> {
    operators::Entity::find_by_id(id).one(conn).await?.map(from_row).transpose()
}

/// Reads an operator and keeps others from changing it until the transaction ends.
pub async fn lock(conn: &impl ConnectionTrait, id: &str) -> Result<Option<Operator>> {
    operators::Entity::find_by_id(id).lock_exclusive().one(conn).await?.map(from_row).transpose()
}

/// For whoever presents a key: what it proves.
pub async fn credential(conn: &impl ConnectionTrait, access_key: &str) -> Result<Option<Credential>> {
    let row = operators::Entity::find().filter(operators::Column::AccessKey.eq(access_key)).one(conn).await?;
    let operator = row.map(from_row).transpose()?;
    Ok(operator.map(|operator| Credential {
        identity: operator.identity(),
        secret_hash: operator.secret_hash,
        enabled: operator.enabled,
        generation: operator.generation,
        disable_time: None,
    }))
}

/// All that may act.
pub async fn enabled(conn: &impl ConnectionTrait) -> Result<Vec<Operator>> {
    let rows = operators::Entity::find().filter(operators::Column::Enabled.eq(true));
    let rows = rows.order_by_asc(operators::Column::Operator).all(conn).await?;
    rows.into_iter().map(from_row).collect()
}

/// Adds an operator.
pub async fn insert(conn: &impl ConnectionTrait, operator: &Operator) -> Result<()> {
    let row = operators::ActiveModel {
        operator: Set(operator.id.clone()),
        create_us: Set(operator.create_time.as_micros()),
        ..changing(operator)
    };
    operators::Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}

/// Writes what changes of an operator, which is locked.
pub async fn save(conn: &impl ConnectionTrait, operator: &Operator) -> Result<()> {
    let of = operators::Column::Operator.eq(&operator.id);
    operators::Entity::update_many().set(changing(operator)).filter(of).exec(conn).await?;
    Ok(())
}

fn changing(operator: &Operator) -> operators::ActiveModel {
    operators::ActiveModel {
        access_key: Set(operator.access_key.clone()),
        secret_hash: Set(operator.secret_hash.to_vec()),
        enabled: Set(operator.enabled),
        generation: Set(operator.generation),
        ..Default::default()
    }
}

fn from_row(row: operators::Model) -> Result<Operator> {
    Ok(Operator {
        secret_hash: hash(&row.secret_hash, &row.access_key)?,
        id: row.operator,
        access_key: row.access_key,
        enabled: row.enabled,
        generation: row.generation,
        create_time: time(row.create_us),
    })
}
