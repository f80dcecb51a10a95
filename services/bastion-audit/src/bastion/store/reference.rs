//! What names what, within a bastion host.

use std::collections::BTreeSet;

use bailiwick_db::DbError;
use sea_orm::{ConnectionTrait, Value};

use super::{CHUNK, statement};
use crate::bastion::domain::{Home, Reference, ResourceKind};

/// Makes the references of a resource, by its name within the bastion host, just these.
pub(crate) async fn references_save(
    conn: &impl ConnectionTrait,
    instance: &Home,
    source: &str,
    references: &BTreeSet<Reference>,
) -> Result<(), DbError> {
    references_remove(conn, instance, source).await?;
    for chunk in references.iter().collect::<Vec<_>>().chunks(CHUNK) {
        let mut values = of(instance, source);
        let mut rows = Vec::new();
        for reference in chunk {
            rows.push(format!("($1, $2, $3, ${}, ${})", values.len() + 1, values.len() + 2));
            values.extend([reference.kind.collection().into(), reference.id.as_str().into()]);
        }
        let sql = format!(
            "INSERT INTO bastion_references (directory, instance, source, kind, id) VALUES {}",
            rows.join(", ")
        );
        conn.execute_raw(statement(conn, sql, values)).await?;
    }
    Ok(())
}

/// Removes the references of a resource.
pub(crate) async fn references_remove(
    conn: &impl ConnectionTrait,
    instance: &Home,
    source: &str,
) -> Result<(), DbError> {
    let sql = "DELETE FROM bastion_references WHERE directory = $1 AND instance = $2 AND source = $3";
    conn.execute_raw(statement(conn, sql, of(instance, source))).await?;
    Ok(())
}

/// Removes the references of all that is in an asset, by the name of that within the bastion host.
pub(crate) async fn references_remove_in(
    conn: &impl ConnectionTrait,
    instance: &Home,
    asset: &str,
) -> Result<(), DbError> {
    // No id has a wildcard in it.
    let sql = "DELETE FROM bastion_references WHERE directory = $1 AND instance = $2 AND source LIKE $3";
    conn.execute_raw(statement(conn, sql, of(instance, &format!("{asset}/%")))).await?;
    Ok(())
}

/// The name within the bastion host of something that names a resource.
pub(crate) async fn referring(
    conn: &impl ConnectionTrait,
    instance: &Home,
    kind: ResourceKind,
    id: &str,
) -> Result<Option<String>, DbError> {
    let sql = "SELECT source FROM bastion_references \
               WHERE directory = $1 AND instance = $2 AND kind = $3 AND id = $4 ORDER BY source LIMIT 1";
    let mut values = of(instance, kind.collection());
    values.push(id.into());
    let row = conn.query_one_raw(statement(conn, sql, values)).await?;
    row.map(|row| Ok(row.try_get("", "source")?)).transpose()
}

/// The ids of the resources of a kind that name something.
pub(crate) async fn all_referring(
    conn: &impl ConnectionTrait,
    instance: &Home,
    by: ResourceKind,
    named: &Reference,
) -> Result<Vec<String>, DbError> {
    let sql = "SELECT source FROM bastion_references \
               WHERE directory = $1 AND instance = $2 AND kind = $3 AND id = $4 AND source LIKE $5";
    let prefix = format!("{}/", by.collection());
    let mut values = of(instance, named.kind.collection());
    values.extend([named.id.as_str().into(), format!("{prefix}%").into()]);
    let mut ids = Vec::new();
    for row in conn.query_all_raw(statement(conn, sql, values)).await? {
        let source: String = row.try_get("", "source")?;
        ids.extend(source.strip_prefix(&prefix).map(str::to_owned));
    }
    Ok(ids)
}

fn of(instance: &Home, third: &str) -> Vec<Value> {
    vec![instance.directory.to_string().into(), instance.place.as_str().into(), third.into()]
}
