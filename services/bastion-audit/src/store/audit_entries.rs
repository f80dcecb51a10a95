//! The trail.

use std::{fmt, str::FromStr};

use bailiwick_core::Timestamp;
use bailiwick_db::DbError;
use sea_orm::{ActiveModelTrait, ConnectionTrait, EntityTrait, IntoActiveModel, Statement};

use super::entity::{audit_entry, audit_viewer};
use crate::domain::{AuditEntry, EntryId};

/// Rows of one `INSERT`: five parameters each.
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
    for chunk in viewers.chunks(CHUNK) {
        let rows = chunk.iter().map(|viewer| {
            let Place { time_us, role, epoch, revision } = place.clone();
            let row = audit_viewer::Model { viewer: viewer.clone(), time_us, role, epoch, revision };
            row.into_active_model().reset_all()
        });
        audit_viewer::Entity::insert_many(rows).exec_without_returning(conn).await?;
    }
    Ok(())
}

/// At most `limit` entries that `viewer` sees before a place, newest first.
pub(crate) async fn audit_entries_before(
    conn: &impl ConnectionTrait,
    viewer: &str,
    before: &Place,
    limit: i64,
) -> Result<Vec<AuditEntry>, DbError> {
    let select = Statement::from_sql_and_values(
        conn.get_database_backend(),
        "SELECT e.* FROM audit_viewers v \
         JOIN audit_entries e ON e.role = v.role AND e.epoch = v.epoch AND e.revision = v.revision \
         WHERE v.viewer = $1 AND (v.time_us, v.role, v.epoch, v.revision) < ($2, $3, $4, $5) \
         ORDER BY v.time_us DESC, v.role DESC, v.epoch DESC, v.revision DESC LIMIT $6",
        [
            viewer.into(),
            before.time_us.into(),
            before.role.as_str().into(),
            before.epoch.as_str().into(),
            before.revision.into(),
            limit.into(),
        ],
    );
    let rows = audit_entry::Entity::find().from_raw_sql(select).all(conn).await?;
    rows.into_iter().map(AuditEntry::try_from).collect()
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
