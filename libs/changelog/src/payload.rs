//! The row of the change log for a change that was made.

use bailiwick_api::{
    audit::v1::Change,
    r#type::v1::{AccessFactChange, LogPosition},
};
use bailiwick_core::{Operator, Role, Timestamp, authz::Tenant};
use bailiwick_db::{ChangeRow, PAYLOAD_MAX, Position};
use bailiwick_rpc::Call;
use prost::Message;

use crate::by_bytes;

/// The method of a change that follows from another service's.
pub const FOLLOW: &str = "follow";

/// Most bytes of facts in each of several changes: a third of what a change may have, since it says more than its facts.
pub const PART_BYTES: usize = PAYLOAD_MAX / 3;

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
    /// The same in as many changes as its facts need, one at least: each has [`PART_BYTES`] of them at most, unless one fact
    /// alone has more. They are to be recorded in one transaction and in this order, which is that of the facts.
    ///
    /// A follower may stop between any two of them, and decisions are made of what it has then. The facts must be in an
    /// order in which no beginning of them allows what was refused before and is refused after them all: what takes rights
    /// away comes first, and what an identity is bound by goes after the identity.
    pub fn split(mut self) -> Vec<Self> {
        let mut parts = by_bytes(std::mem::take(&mut self.facts), PART_BYTES, Message::encoded_len);
        if parts.is_empty() {
            parts.push(Vec::new());
        }
        parts.into_iter().map(|facts| Self { facts, ..self.clone() }).collect()
    }

    /// The row of a change that a call made.
    pub fn by_call(self, call: &Call, time: Timestamp) -> ChangeRow {
        self.of_items_by_call(Vec::new(), call, time)
    }

    /// As [`Recorded::by_call`], of many resources that changed together: the ids of each, at most 1,000.
    pub fn of_items_by_call(self, items: Vec<String>, call: &Call, time: Timestamp) -> ChangeRow {
        let path = call.permit.path();
        let method = path.strip_prefix('/').unwrap_or(path);
        self.row(&call.operator, method, &call.request_json, items, time)
    }

    /// The row of a change that the service made of itself, such as the end of what has expired.
    pub fn by_service(self, role: Role, method: &str, time: Timestamp) -> ChangeRow {
        self.of_items_by_service(Vec::new(), role, method, time)
    }

    /// As [`Recorded::by_service`], of many resources that changed together: the ids of each, at most 1,000.
    pub fn of_items_by_service(self, items: Vec<String>, role: Role, method: &str, time: Timestamp) -> ChangeRow {
        self.row(&Operator::service(role), method, "", items, time)
    }

    fn row(
        self,
        operator: &Operator,
        method: &str,
        request_json: &str,
        items: Vec<String>,
        time: Timestamp,
    ) -> ChangeRow {
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
            items,
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

#[cfg(test)]
mod tests {
    use bailiwick_api::r#type::v1::{PolicyFact, access_fact::Kind};

    use super::*;

    /// A fact of so many bytes, and some more.
    fn fact(number: usize, bytes: usize) -> AccessFactChange {
        let fact = PolicyFact { policy: format!("{number:06}"), document: "x".repeat(bytes) };
        AccessFactChange::holds(Kind::Policy(fact))
    }

    fn recorded(facts: Vec<AccessFactChange>) -> Recorded {
        Recorded {
            resource: "accounts/1".to_owned(),
            tenant: Tenant::Platform,
            accounts: vec!["accounts/1".to_owned()],
            request_id: "r".to_owned(),
            facts,
        }
    }

    #[test]
    fn what_fits_into_one_change_is_one() {
        for facts in [Vec::new(), vec![fact(1, 1)], (0..1_000).map(|n| fact(n, 100)).collect()] {
            assert_eq!(recorded(facts.clone()).split(), [recorded(facts)]);
        }
    }

    #[test]
    fn large_changes_are_split_by_bytes_and_keep_the_order() {
        let sizes = [10, 300_000, 300_000, PART_BYTES + 1, 1, 2, 200_000, 300_000, PART_BYTES, 5];
        let facts: Vec<_> = sizes.iter().enumerate().map(|(number, bytes)| fact(number, *bytes)).collect();
        let parts = recorded(facts.clone()).split();
        assert_eq!(parts.iter().map(|part| part.facts.len()).collect::<Vec<_>>(), [2, 1, 1, 4, 1, 1]);
        assert_eq!(parts.iter().flat_map(|part| part.facts.clone()).collect::<Vec<_>>(), facts);
        for part in parts {
            let bytes: usize = part.facts.iter().map(Message::encoded_len).sum();
            assert!(bytes <= PART_BYTES || part.facts.len() == 1, "{bytes}");
            assert_eq!(Recorded { facts: Vec::new(), ..part }, recorded(Vec::new()));
        }
    }
}
