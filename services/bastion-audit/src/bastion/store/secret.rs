//! Secrets, sealed.

use bailiwick_db::DbError;
use sea_orm::{ConnectionTrait, Value};

use super::statement;
use crate::bastion::domain::{Home, Meta, ResourceKind};

/// Inserts a secret of a resource, or replaces it.
pub(crate) async fn secret_save(
    conn: &impl ConnectionTrait,
    (kind, meta): (ResourceKind, &Meta),
    slot: &str,
    sealed: Vec<u8>,
) -> Result<(), DbError> {
    let sql = "INSERT INTO bastion_secrets (directory, place, kind, id, slot, sealed) VALUES ($1, $2, $3, $4, $5, $6) \
               ON CONFLICT (directory, place, kind, id, slot) DO UPDATE SET sealed = excluded.sealed";
    let mut values = of(kind, meta);
    values.extend([slot.into(), sealed.into()]);
    conn.execute_raw(statement(conn, sql, values)).await?;
    Ok(())
}

/// Removes a secret of a resource.
pub(crate) async fn secret_remove(
    conn: &impl ConnectionTrait,
    (kind, meta): (ResourceKind, &Meta),
    slot: &str,
) -> Result<(), DbError> {
    let sql = "DELETE FROM bastion_secrets WHERE directory = $1 AND place = $2 AND kind = $3 AND id = $4 AND slot = $5";
    let mut values = of(kind, meta);
    values.push(slot.into());
    conn.execute_raw(statement(conn, sql, values)).await?;
    Ok(())
}

/// Removes all secrets of a resource: it has few.
pub(crate) async fn secrets_remove(
    conn: &impl ConnectionTrait,
    (kind, meta): (ResourceKind, &Meta),
) -> Result<(), DbError> {
    let sql = "DELETE FROM bastion_secrets WHERE directory = $1 AND place = $2 AND kind = $3 AND id = $4";
    conn.execute_raw(statement(conn, sql, of(kind, meta))).await?;
    Ok(())
}

/// Removes all secrets of what is in a place: that of an asset, which has few accounts.
pub(crate) async fn secrets_remove_in(conn: &impl ConnectionTrait, home: &Home) -> Result<(), DbError> {
    let sql = "DELETE FROM bastion_secrets WHERE directory = $1 AND place = $2";
    let values = vec![home.directory.to_string().into(), home.place.as_str().into()];
    conn.execute_raw(statement(conn, sql, values)).await?;
    Ok(())
}

fn of(kind: ResourceKind, meta: &Meta) -> Vec<Value> {
    let home = &meta.home;
    vec![
        home.directory.to_string().into(),
        home.place.as_str().into(),
        kind.collection().into(),
        meta.id.as_str().into(),
    ]
}
