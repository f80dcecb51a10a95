//! The row of the change log for a change that was made.

use bailiwick_api::{
    audit::v1::Change,
    r#type::v1::{AccessFactChange, LogPosition},
};
use bailiwick_core::{Operator, Role, Timestamp, authz::Tenant};
use bailiwick_db::{ChangeRow, Position};
use bailiwick_rpc::Call;
use prost::Message;

/// The method of a change that follows from another service's.
pub const FOLLOW: &str = "follow";

/// What a change was, apart from who made it and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Name of the resource that changed.
    pub resource: String,
    /// Whose trail the change belongs to.
    pub tenant: Tenant,
    /// The accounts acted on, as `accounts/{account}`.
    pub accounts: Vec<String>,
    /// The caller's request id; empty if there was none.
    pub request_id: String,
    /// The facts that the change made or removed.
    pub facts: Vec<AccessFactChange>,
}

// === impl Recorded ===

impl Recorded {
    /// The row of a change that a call made.
    pub fn by_call(self, call: &Call, time: Timestamp) -> ChangeRow {
        let path = call.permit.path();
        let method = path.strip_prefix('/').unwrap_or(path);
        self.row(&call.operator, method, &call.request_json, time)
    }

    /// The row of a change that the service made of itself, such as the end of what has expired.
    pub fn by_service(self, role: Role, method: &str, time: Timestamp) -> ChangeRow {
        self.row(&Operator::service(role), method, "", time)
    }

    fn row(self, operator: &Operator, method: &str, request_json: &str, time: Timestamp) -> ChangeRow {
        let change = Change {
            revision: 0,
            time: Some(timestamp(time)),
            operator: Some(operator.into()),
            method: method.to_owned(),
            resource: self.resource,
            tenant: tenant_name(self.tenant),
            accounts: self.accounts,
            request_id: self.request_id,
            request_json: request_json.to_owned(),
            facts: self.facts,
            origin: None,
        };
        change_payload(change, time)
    }
}

/// The row of a change in the contract's form: its columns and its payload, which holds no revision.
pub fn change_payload(change: Change, time: Timestamp) -> ChangeRow {
    let change = Change { revision: 0, ..change };
    ChangeRow {
        payload: change.encode_to_vec(),
        method: change.method,
        resource: change.resource,
        tenant: change.tenant,
        request_id: change.request_id,
        time,
    }
}

/// A position of the log of `role` in the contract's form.
pub fn log_position(role: Role, position: &Position) -> LogPosition {
    LogPosition { role: role.to_string(), epoch: position.epoch.clone(), revision: position.revision }
}

fn tenant_name(tenant: Tenant) -> String {
    match tenant {
        Tenant::Account(account) => account.name(),
        Tenant::Directory(directory) => directory.name(),
        Tenant::Platform => String::new(),
    }
}

fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let nanos = time.as_micros().rem_euclid(1_000_000) * 1_000;
    prost_types::Timestamp { seconds: time.as_seconds(), nanos: i32::try_from(nanos).unwrap_or_default() }
}
