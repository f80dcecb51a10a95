//! What names what, within a bastion host.

use std::collections::BTreeSet;

use bailiwick_db::DbError;
use sea_orm::{ConnectionTrait, Value};

use super::{CHUNK, statement};
use crate::bastion::domain::{Home, Meta, Reference, ResourceKind};

/// Makes the references of a resource just these.
pub(crate) async fn references_save(
    conn: &impl ConnectionTrait,
    (kind, meta): (ResourceKind, &Meta),
    references: &BTreeSet<Reference>,
) -> Result<(), DbError> {
    references_remove(conn, (kind, meta)).await?;
    for chunk in references.iter().collect::<Vec<_>>().chunks(CHUNK) {
        let mut values = of(kind, meta);
        values.push(meta.home.instance().place.into());
        let mut rows = Vec::new();
        for reference in chunk {
            rows.push(format!("($1, $5, $2, $3, $4, ${}, ${})", values.len() + 1, values.len() + 2));
            values.extend([reference.kind.collection().into(), reference.id.as_str().into()]);
        }
        let sql = format!(
            "INSERT INTO bastion_references (directory, instance, place, source_kind, source_id, kind, id) VALUES {}",
            rows.join(", ")
        );
        conn.execute_raw(statement(conn, sql, values)).await?;
    }
    Ok(())
}

/// Removes the references of a resource.
pub(crate) async fn references_remove(
    conn: &impl ConnectionTrait,
    (kind, meta): (ResourceKind, &Meta),
) -> Result<(), DbError> {
    let sql = "DELETE FROM bastion_references \
               WHERE directory = $1 AND place = $2 AND source_kind = $3 AND source_id = $4";
    conn.execute_raw(statement(conn, sql, of(kind, meta))).await?;
    Ok(())
}

/// Removes the references of all that is in a place: that of an asset, which has few accounts.
pub(crate) async fn references_remove_in(conn: &impl ConnectionTrait, home: &Home) -> Result<(), DbError> {
    let sql = "DELETE FROM bastion_references WHERE directory = $1 AND place = $2";
    let values = vec![home.directory.to_string().into(), home.place.as_str().into()];
    conn.execute_raw(statement(conn, sql, values)).await?;
    Ok(())
}

/// The name of something that names a resource of a bastion host.
pub(crate) async fn referring(
    conn: &impl ConnectionTrait,
    instance: &Home,
    kind: ResourceKind,
    id: &str,
) -> Result<Option<String>, DbError> {
    let sql = "SELECT place, source_kind, source_id FROM bastion_references \
               WHERE directory = $1 AND instance = $2 AND kind = $3 AND id = $4 \
               ORDER BY source_kind, place, source_id LIMIT 1";
    let values = vec![
        instance.directory.to_string().into(),
        instance.place.as_str().into(),
        kind.collection().into(),
        id.into(),
    ];
    let Some(row) = conn.query_one_raw(statement(conn, sql, values)).await? else { return Ok(None) };
    let (place, kind): (String, String) = (row.try_get("", "place")?, row.try_get("", "source_kind")?);
    let id: String = row.try_get("", "source_id")?;
    Ok(Some(format!("{}/{kind}/{id}", Home::within(instance.directory, &place).name())))
}

/// The ids of the resources of a kind that name any of some others of another kind.
pub(crate) async fn all_referring(
    conn: &impl ConnectionTrait,
    instance: &Home,
    by: ResourceKind,
    (kind, ids): (ResourceKind, &BTreeSet<String>),
) -> Result<BTreeSet<String>, DbError> {
    let mut found = BTreeSet::new();
    for chunk in ids.iter().collect::<Vec<_>>().chunks(CHUNK) {
        let mut values: Vec<Value> = vec![
            instance.directory.to_string().into(),
            instance.place.as_str().into(),
            kind.collection().into(),
            by.collection().into(),
        ];
        values.extend(chunk.iter().map(|id| Value::from(id.as_str())));
        let places: Vec<_> = (5..=values.len()).map(|at| format!("${at}")).collect();
        let sql = format!(
            "SELECT source_id FROM bastion_references \
             WHERE directory = $1 AND instance = $2 AND kind = $3 AND source_kind = $4 AND id IN ({})",
            places.join(", ")
        );
        for row in conn.query_all_raw(statement(conn, sql, values)).await? {
            found.insert(row.try_get("", "source_id")?);
        }
    }
    Ok(found)
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
