//! Changes of the logs, as entries of the trail.

use bailiwick_api::{audit::v1::Change, r#type::v1::LogPosition};
use bailiwick_core::{Operator, Role, Timestamp};
use bailiwick_db::DbError;

use crate::domain::{AuditEntry, EntryId};

/// The entry of a change of the log of `role`; none for one that repeats another log's.
///
/// # Errors
/// If its operator cannot be read: the trail stops rather than to tell of a change without saying whose it was.
pub(crate) fn audit_entry(role: Role, at: &LogPosition, change: Change) -> Result<Option<AuditEntry>, DbError> {
    if change.origin.is_some() {
        return Ok(None);
    }
    let time = change.time.unwrap_or_default();
    let micros = time.seconds.saturating_mul(1_000_000).saturating_add(i64::from(time.nanos / 1_000));
    let operator = match change.operator {
        Some(operator) => operator.to_core(),
        None => Some(Operator::service(role)),
    };
    let operator = operator.ok_or_else(|| DbError::Other("the operator of a change is malformed".into()))?;
    Ok(Some(AuditEntry {
        id: EntryId { role, epoch: at.epoch.clone(), revision: at.revision },
        tenant: change.tenant,
        time: Timestamp::from_micros(micros),
        operator,
        method: change.method,
        resource: change.resource,
        accounts: change.accounts,
        request_id: change.request_id,
        request_json: change.request_json,
    }))
}
