//! An entry of the trail: one change of state, with who made it.

use std::collections::BTreeSet;

use bailiwick_core::{
    AccountId, Operator, Role, Timestamp,
    filter::{Field, Kind, Schema},
};

/// What the trail can be filtered by: nothing that [`AuditEntry::shown_to`] hides.
pub(crate) static SCHEMA: Schema = Schema {
    fields: &[
        Field::new("method", Kind::Text),
        Field::new("resource", Kind::Text),
        Field::new("principal", Kind::Text),
        Field::new("create_time", Kind::Time),
    ],
};

/// The place of a change: the log and the revision in it. Unique in the suite.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct EntryId {
    /// The role whose log it is.
    pub(crate) role: Role,
    /// The epoch of that log.
    pub(crate) epoch: String,
    /// The revision.
    pub(crate) revision: i64,
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuditEntry {
    pub(crate) id: EntryId,
    /// `directories/{directory}`, `accounts/{account}`, or empty for a change of the platform.
    pub(crate) tenant: String,
    pub(crate) time: Timestamp,
    pub(crate) operator: Operator,
    pub(crate) method: String,
    pub(crate) resource: String,
    /// `accounts/{account}` of each account acted on.
    pub(crate) accounts: Vec<String>,
    pub(crate) request_id: String,
    pub(crate) request_json: String,
}

impl AuditEntry {
    /// The names of the directory and the accounts whose lists the entry is in.
    pub(crate) fn viewers(&self) -> BTreeSet<String> {
        let operator = self.operator.account.map(AccountId::name);
        let named = self.accounts.iter().cloned().chain(operator).chain([self.tenant.clone()]);
        named.filter(|name| !name.is_empty()).collect()
    }

    /// Whether both are of one change, whatever the epoch in which it was read: a restored log has changes of before.
    pub(crate) fn is_the_change_of(&self, other: &Self) -> bool {
        let id = EntryId { epoch: other.id.epoch.clone(), ..self.id.clone() };
        Self { id, ..self.clone() } == *other
    }

    /// What one of the viewers sees: everything of its own trail and of what it did itself. Of what another did to it,
    /// neither the other's request, nor from where it came, nor the further accounts it was about.
    pub(crate) fn shown_to(mut self, viewer: &str) -> Self {
        let own = self.tenant == viewer || self.operator.account.is_some_and(|account| account.name() == viewer);
        if !own {
            self.accounts.retain(|account| account == viewer);
            self.request_id.clear();
            self.request_json.clear();
            self.operator.source_ip.clear();
            self.operator.access_key_id.clear();
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_core::PrincipalKind;

    use super::*;

    const DIRECTORY: &str = "directories/rd-0000000000001";
    const MANAGEMENT: &str = "accounts/1000000000000001";
    const MEMBER: &str = "accounts/1000000000000002";
    const OTHER: &str = "accounts/1000000000000003";

    fn entry() -> AuditEntry {
        AuditEntry {
            id: EntryId { role: Role::Directory, epoch: "e".into(), revision: 1 },
            tenant: DIRECTORY.into(),
            time: Timestamp::default(),
            operator: Operator {
                principal: format!("{MANAGEMENT}/users/alice"),
                kind: PrincipalKind::User,
                account: Some("1000000000000001".parse().unwrap()),
                access_key_id: "key".into(),
                source_ip: "192.0.2.1".into(),
                call_id: "c".into(),
                via: vec![Role::Gateway],
                session_name: String::new(),
                source_identity: String::new(),
                identity_provider: String::new(),
                subject: String::new(),
            },
            method: "m".into(),
            resource: DIRECTORY.into(),
            accounts: vec![MEMBER.into(), OTHER.into()],
            request_id: "r".into(),
            request_json: "{}".into(),
        }
    }

    #[test]
    fn an_entry_is_seen_by_its_tenant_its_operator_and_those_acted_on() {
        let viewers: Vec<_> = entry().viewers().into_iter().collect();
        assert_eq!(viewers, [MANAGEMENT, MEMBER, OTHER, DIRECTORY]);
        let of_platform = AuditEntry { tenant: String::new(), operator: Operator::service(Role::Directory), ..entry() };
        assert_eq!(of_platform.viewers().into_iter().collect::<Vec<_>>(), [MEMBER, OTHER]);
    }

    #[test]
    fn whoever_was_acted_on_sees_nothing_of_others() {
        assert_eq!(entry().shown_to(DIRECTORY), entry());
        assert_eq!(entry().shown_to(MANAGEMENT), entry());
        let shown = entry().shown_to(MEMBER);
        assert_eq!(shown.accounts, [MEMBER]);
        assert_eq!(shown.operator.principal, format!("{MANAGEMENT}/users/alice"));
        assert!(shown.request_json.is_empty() && shown.request_id.is_empty());
        assert!(shown.operator.source_ip.is_empty() && shown.operator.access_key_id.is_empty());
    }
}
