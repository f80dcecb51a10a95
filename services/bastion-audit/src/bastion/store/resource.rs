//! Resources of which there are few, each a row with its content as JSON.

use std::collections::BTreeSet;

use bailiwick_core::DirectoryId;
use bailiwick_db::DbError;
use sea_orm::{ConnectionTrait, QueryResult, Value};

use super::{CHUNK, broken, by_bytes, membership::names, statement};
use crate::bastion::domain::{Home, Resource, ResourceKind};

/// A resource, if it is there.
pub(crate) async fn find<T: Resource>(
    conn: &impl ConnectionTrait,
    home: &Home,
    id: &str,
) -> Result<Option<T>, DbError> {
    let sql = "SELECT body FROM bastion_resources WHERE directory = $1 AND place = $2 AND kind = $3 AND id = $4";
    let mut values = of(home, T::KIND);
    values.push(id.into());
    conn.query_one_raw(statement(conn, sql, values)).await?.map(|row| read(&row)).transpose()
}

/// Those of some resources that are there.
pub(crate) async fn find_all<T: Resource>(
    conn: &impl ConnectionTrait,
    home: &Home,
    ids: &BTreeSet<String>,
) -> Result<Vec<T>, DbError> {
    let mut found = Vec::new();
    for chunk in ids.iter().collect::<Vec<_>>().chunks(CHUNK) {
        let mut values = of(home, T::KIND);
        values.extend(chunk.iter().map(|id| Value::from(id.as_str())));
        let places: Vec<_> = (4..=values.len()).map(|at| format!("${at}")).collect();
        let sql = format!(
            "SELECT body FROM bastion_resources WHERE directory = $1 AND place = $2 AND kind = $3 AND id IN ({})",
            places.join(", ")
        );
        for row in conn.query_all_raw(statement(conn, sql, values)).await? {
            found.push(read(&row)?);
        }
    }
    Ok(found)
}

/// All of a kind in some places, each of which has few.
pub(crate) async fn all_in<T: Resource>(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    places: &[String],
) -> Result<Vec<T>, DbError> {
    let mut found = Vec::new();
    for chunk in places.chunks(CHUNK) {
        let mut values: Vec<Value> = vec![directory.to_string().into(), T::KIND.collection().into()];
        values.extend(chunk.iter().map(|place| Value::from(place.as_str())));
        let places: Vec<_> = (3..=values.len()).map(|at| format!("${at}")).collect();
        let sql = format!(
            "SELECT body FROM bastion_resources WHERE directory = $1 AND kind = $2 AND place IN ({})",
            places.join(", ")
        );
        for row in conn.query_all_raw(statement(conn, sql, values)).await? {
            found.push(read(&row)?);
        }
    }
    Ok(found)
}

/// The id of the resource that has what no other has.
pub(crate) async fn called(
    conn: &impl ConnectionTrait,
    home: &Home,
    kind: ResourceKind,
    unique: &str,
) -> Result<Option<String>, DbError> {
    let sql = "SELECT id FROM bastion_resources \
               WHERE directory = $1 AND place = $2 AND kind = $3 AND unique_name = $4";
    let mut values = of(home, kind);
    values.push(unique.into());
    let row = conn.query_one_raw(statement(conn, sql, values)).await?;
    Ok(row.map(|row| row.try_get("", "id")).transpose()?)
}

/// All of a kind, by the bytes of their ids.
pub(crate) async fn all<T: Resource>(conn: &impl ConnectionTrait, home: &Home) -> Result<Vec<T>, DbError> {
    page(conn, home, "", u64::MAX).await
}

/// At most `limit` of a kind after an id, by the bytes of their ids.
pub(crate) async fn page<T: Resource>(
    conn: &impl ConnectionTrait,
    home: &Home,
    after: &str,
    limit: u64,
) -> Result<Vec<T>, DbError> {
    page_in(conn, home, None, after, limit).await
}

/// The same of those in a group of a kind, by its id, if it is given.
pub(crate) async fn page_in<T: Resource>(
    conn: &impl ConnectionTrait,
    home: &Home,
    group: Option<(ResourceKind, &str)>,
    after: &str,
    limit: u64,
) -> Result<Vec<T>, DbError> {
    let bytes = by_bytes(conn);
    let mut values = of(home, T::KIND);
    values.extend([after.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()]);
    let mut within = String::new();
    if let Some((kind, group)) = group {
        let [table, in_group, member] = names(kind);
        within = format!(
            " AND id IN (SELECT {member} FROM {table} WHERE directory = $1 AND instance = $2 AND {in_group} = $6)"
        );
        values.push(group.into());
    }
    let sql = format!(
        "SELECT body FROM bastion_resources WHERE directory = $1 AND place = $2 AND kind = $3{within} \
         AND id{bytes} > $4 ORDER BY id{bytes} LIMIT $5"
    );
    conn.query_all_raw(statement(conn, sql, values)).await?.iter().map(read).collect()
}

/// How many there are of a kind.
pub(crate) async fn count(conn: &impl ConnectionTrait, home: &Home, kind: ResourceKind) -> Result<usize, DbError> {
    let sql = "SELECT COUNT(*) AS count FROM bastion_resources WHERE directory = $1 AND place = $2 AND kind = $3";
    let row = conn.query_one_raw(statement(conn, sql, of(home, kind))).await?;
    let count: i64 = row.map(|row| row.try_get("", "count")).transpose()?.unwrap_or_default();
    usize::try_from(count).map_err(broken)
}

/// The name of something that is in a place.
pub(crate) async fn any_in(conn: &impl ConnectionTrait, home: &Home) -> Result<Option<String>, DbError> {
    let sql = "SELECT kind, id FROM bastion_resources WHERE directory = $1 AND place = $2 LIMIT 1";
    let values = vec![home.directory.to_string().into(), home.place.as_str().into()];
    let row = conn.query_one_raw(statement(conn, sql, values)).await?;
    let name = |row: QueryResult| {
        let (kind, id): (String, String) = (row.try_get("", "kind")?, row.try_get("", "id")?);
        Ok(format!("{}/{kind}/{id}", home.name()))
    };
    row.map(name).transpose()
}

/// Removes all that is in a place: that of an asset, which has few accounts.
pub(crate) async fn remove_in(conn: &impl ConnectionTrait, home: &Home) -> Result<(), DbError> {
    let sql = "DELETE FROM bastion_resources WHERE directory = $1 AND place = $2";
    let values = vec![home.directory.to_string().into(), home.place.as_str().into()];
    conn.execute_raw(statement(conn, sql, values)).await?;
    Ok(())
}

/// Those of some ids that are there.
pub(crate) async fn existing(
    conn: &impl ConnectionTrait,
    home: &Home,
    kind: ResourceKind,
    ids: &BTreeSet<&str>,
) -> Result<BTreeSet<String>, DbError> {
    let mut found = BTreeSet::new();
    for chunk in ids.iter().collect::<Vec<_>>().chunks(CHUNK) {
        let mut values = of(home, kind);
        values.extend(chunk.iter().map(|id| Value::from(**id)));
        let places: Vec<_> = (4..=values.len()).map(|at| format!("${at}")).collect();
        let sql = format!(
            "SELECT id FROM bastion_resources WHERE directory = $1 AND place = $2 AND kind = $3 AND id IN ({})",
            places.join(", ")
        );
        for row in conn.query_all_raw(statement(conn, sql, values)).await? {
            found.insert(row.try_get("", "id")?);
        }
    }
    Ok(found)
}

/// Inserts a resource, or replaces it.
pub(crate) async fn save<T: Resource>(conn: &impl ConnectionTrait, resource: &T) -> Result<(), DbError> {
    let sql = "INSERT INTO bastion_resources (directory, place, kind, id, unique_name, body) \
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (directory, place, kind, id) \
               DO UPDATE SET unique_name = excluded.unique_name, body = excluded.body";
    let mut values = of(&resource.meta().home, T::KIND);
    values.extend([resource.meta().id.as_str().into(), resource.unique().into()]);
    values.push(serde_json::to_string(resource).map_err(broken)?.into());
    conn.execute_raw(statement(conn, sql, values)).await?;
    Ok(())
}

/// Removes a resource.
pub(crate) async fn remove(
    conn: &impl ConnectionTrait,
    home: &Home,
    kind: ResourceKind,
    id: &str,
) -> Result<(), DbError> {
    let sql = "DELETE FROM bastion_resources WHERE directory = $1 AND place = $2 AND kind = $3 AND id = $4";
    let mut values = of(home, kind);
    values.push(id.into());
    conn.execute_raw(statement(conn, sql, values)).await?;
    Ok(())
}

fn of(home: &Home, kind: ResourceKind) -> Vec<Value> {
    vec![home.directory.to_string().into(), home.place.as_str().into(), kind.collection().into()]
}

fn read<T: Resource>(row: &QueryResult) -> Result<T, DbError> {
    serde_json::from_str(&row.try_get::<String>("", "body")?).map_err(broken)
}
