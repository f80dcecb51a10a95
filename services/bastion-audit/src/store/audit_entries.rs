//! The trail.

use std::{fmt, str::FromStr};

use bailiwick_core::{Role, Timestamp, filter::Filter};
use bailiwick_db::{Columns, DbError, Source};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, ExprTrait, FromQueryResult,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select, Statement, sea_query::Expr,
};

use super::entity::{audit_entry, audit_viewer};
use crate::domain::{AuditEntry, EntryId, SCHEMA};

/// Rows of one `INSERT`: six parameters each.
const CHUNK: usize = 500;

/// A place in a list: time, role, epoch, revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    time_us: i64,
    role: String,
    epoch: String,
    revision: i64,
}

/// Adds an entry, and to the lists of those who see it.
pub(crate) async fn audit_entry_insert(conn: &impl ConnectionTrait, entry: &AuditEntry) -> Result<(), DbError> {
    let place = Place::of(entry);
    let viewers: Vec<_> = entry.viewers().into_iter().collect();
    audit_entry::Entity::insert(row(entry)?.into_active_model().reset_all()).exec_without_returning(conn).await?;
    let arrival = next_arrival(conn).await?;
    for chunk in viewers.chunks(CHUNK) {
        let rows = chunk.iter().map(|viewer| {
            let Place { time_us, role, epoch, revision } = place.clone();
            let row = audit_viewer::Model { viewer: viewer.clone(), time_us, role, epoch, revision, arrival };
            row.into_active_model().reset_all()
        });
        audit_viewer::Entity::insert_many(rows).exec_without_returning(conn).await?;
    }
    Ok(())
}

/// The entries of the log of a role with revisions from `first` to `last`, of every epoch.
pub(crate) async fn audit_entries_between(
    conn: &impl ConnectionTrait,
    role: Role,
    first: i64,
    last: i64,
) -> Result<Vec<AuditEntry>, DbError> {
    use audit_entry::Column;

    let of_role = audit_entry::Entity::find().filter(Column::Role.eq(role.as_str()));
    let (mut entries, mut epoch) = (Vec::new(), String::new());
    // There are as many epochs as there were restores. From one to the next, the key's index leads.
    loop {
        let next = of_role.clone().filter(Column::Epoch.gt(epoch.as_str())).order_by_asc(Column::Epoch);
        let Some(found) = next.order_by_asc(Column::Revision).limit(1).one(conn).await? else { return Ok(entries) };
        epoch = found.epoch;
        let rows = of_role.clone().filter(Column::Epoch.eq(epoch.as_str()));
        for row in rows.filter(Column::Revision.between(first, last)).all(conn).await? {
            entries.push(AuditEntry::try_from(row)?);
        }
    }
}

/// At most `limit` entries that `viewer` sees before a place, of those that are asked for, newest first. What the filter
/// can be about is shown to every viewer of an entry.
pub(crate) async fn audit_entries_before(
    conn: &impl ConnectionTrait,
    viewer: &str,
    filter: &Filter,
    before: &Place,
    limit: u64,
) -> Result<Vec<AuditEntry>, DbError> {
    use audit_viewer::Column;

    let place = [Column::TimeUs, Column::Role, Column::Epoch, Column::Revision];
    let least =
        [before.time_us.into(), before.role.as_str().into(), before.epoch.as_str().into(), before.revision.into()];
    let select = seen_by(conn, viewer, filter)?
        .filter(Expr::tuple(place.map(seen)).lt(Expr::tuple(least.map(Expr::Value))))
        .limit(limit);
    let rows = place.into_iter().fold(select, |select, column| select.order_by_desc(seen(column))).all(conn).await?;
    rows.into_iter().map(AuditEntry::try_from).collect()
}

/// Entries that `viewer` sees and that came into the trail after one arrival and not after another, in that order, at most
/// `limit`, each with its arrival.
pub(crate) async fn audit_entries_arrived(
    conn: &impl ConnectionTrait,
    viewer: &str,
    filter: &Filter,
    (after, until): (i64, i64),
    limit: u64,
) -> Result<Vec<(i64, AuditEntry)>, DbError> {
    use audit_viewer::Column;

    let rows = seen_by(conn, viewer, filter)?
        .filter(seen(Column::Arrival).gt(after).and(seen(Column::Arrival).lte(until)))
        .order_by_asc(seen(Column::Arrival))
        .limit(limit)
        .expr_as(seen(Column::Arrival), "arrival")
        .into_model::<Arrived>()
        .all(conn)
        .await?;
    rows.into_iter().map(|row| Ok((row.arrival, row.entry.try_into()?))).collect()
}

#[derive(FromQueryResult)]
struct Arrived {
    #[sea_orm(nested)]
    entry: audit_entry::Model,
    arrival: i64,
}

/// The entries of a viewer that are asked for.
fn seen_by(conn: &impl ConnectionTrait, viewer: &str, filter: &Filter) -> Result<Select<audit_entry::Entity>, DbError> {
    use audit_viewer::Column;

    let engine = conn.get_database_backend();
    let source = if engine == DbBackend::Postgres { on_postgres } else { on_sqlite };
    let columns = Columns { schema: &SCHEMA, id: || entry(audit_entry::Column::Revision), source };
    let same = Condition::all()
        .add(entry(audit_entry::Column::Role).eq(seen(Column::Role)))
        .add(entry(audit_entry::Column::Epoch).eq(seen(Column::Epoch)))
        .add(entry(audit_entry::Column::Revision).eq(seen(Column::Revision)));
    let mut select =
        audit_entry::Entity::find().filter(seen(Column::Viewer).eq(viewer)).filter(columns.condition(filter, engine)?);
    QueryTrait::query(&mut select).inner_join(audit_viewer::Entity, same);
    Ok(select)
}

/// The arrival of the next entry. Its row stays locked until the transaction ends.
async fn next_arrival(conn: &impl ConnectionTrait) -> Result<i64, DbError> {
    let next = "UPDATE audit_arrivals SET arrival = arrival + 1 RETURNING arrival";
    read_arrival(conn, next).await
}

/// The last arrival: every entry up to it can be read.
pub(crate) async fn last_arrival(conn: &impl ConnectionTrait) -> Result<i64, DbError> {
    read_arrival(conn, "SELECT arrival FROM audit_arrivals").await
}

async fn read_arrival(conn: &impl ConnectionTrait, sql: &str) -> Result<i64, DbError> {
    let statement = Statement::from_string(conn.get_database_backend(), sql);
    let row = conn.query_one_raw(statement).await?.ok_or_else(|| broken("the row of arrivals is missing"))?;
    Ok(row.try_get("", "arrival")?)
}

fn seen(column: audit_viewer::Column) -> Expr {
    Expr::col((audit_viewer::Entity, column))
}

fn on_sqlite(field: &str) -> Option<Source> {
    source(field, "json_extract(audit_entries.operator, '$.principal')")
}

fn on_postgres(field: &str) -> Option<Source> {
    source(field, "(audit_entries.operator::json ->> 'principal')")
}

fn source(field: &str, principal: &'static str) -> Option<Source> {
    Some(match field {
        "method" => Source::Text(entry(audit_entry::Column::Method)),
        "resource" => Source::Text(entry(audit_entry::Column::Resource)),
        "principal" => Source::Text(Expr::cust(principal)),
        "create_time" => Source::Time(entry(audit_entry::Column::TimeUs)),
        _ => return None,
    })
}

fn entry(column: audit_entry::Column) -> Expr {
    Expr::col((audit_entry::Entity, column))
}

// === impl Place ===

impl Place {
    /// Before which is everything.
    pub(crate) fn end() -> Self {
        Self { time_us: i64::MAX, role: String::new(), epoch: String::new(), revision: 0 }
    }

    /// Of an entry.
    pub(crate) fn of(entry: &AuditEntry) -> Self {
        Self {
            time_us: entry.time.as_micros(),
            role: entry.id.role.to_string(),
            epoch: entry.id.epoch.clone(),
            revision: entry.id.revision,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.time_us, self.role, self.epoch, self.revision)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.splitn(4, ' ');
        let (Some(time), Some(role), Some(epoch), Some(revision)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(());
        };
        Ok(Self {
            time_us: time.parse().map_err(drop)?,
            role: role.to_owned(),
            epoch: epoch.to_owned(),
            revision: revision.parse().map_err(drop)?,
        })
    }
}

fn row(entry: &AuditEntry) -> Result<audit_entry::Model, DbError> {
    Ok(audit_entry::Model {
        role: entry.id.role.to_string(),
        epoch: entry.id.epoch.clone(),
        revision: entry.id.revision,
        tenant: entry.tenant.clone(),
        time_us: entry.time.as_micros(),
        operator: serde_json::to_string(&entry.operator).map_err(broken)?,
        method: entry.method.clone(),
        resource: entry.resource.clone(),
        accounts: serde_json::to_string(&entry.accounts).map_err(broken)?,
        request_id: entry.request_id.clone(),
        request_json: entry.request_json.clone(),
    })
}

impl TryFrom<audit_entry::Model> for AuditEntry {
    type Error = DbError;

    fn try_from(row: audit_entry::Model) -> Result<Self, DbError> {
        Ok(Self {
            id: EntryId {
                role: row.role.parse().map_err(|e: String| broken(e))?,
                epoch: row.epoch,
                revision: row.revision,
            },
            tenant: row.tenant,
            time: Timestamp::from_micros(row.time_us),
            operator: serde_json::from_str(&row.operator).map_err(broken)?,
            method: row.method,
            resource: row.resource,
            accounts: serde_json::from_str(&row.accounts).map_err(broken)?,
            request_id: row.request_id,
            request_json: row.request_json,
        })
    }
}

fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> DbError {
    DbError::Other(error.into())
}
