//! The change that a call made.

use std::collections::BTreeSet;

use bailiwick_changelog::Recorded;
use bailiwick_core::{AccountId, DirectoryId, authz::Tenant};
use bailiwick_db::{IdempotencyKey, Tx};
use bailiwick_rpc::Call;

use super::Bastion;
use crate::ROLE;

/// How the trail names what the service does of itself.
const METHOD: &str = "bastion-upkeep";

/// Who makes a change.
#[derive(Clone, Copy)]
pub(super) enum By<'a> {
    Call(&'a Call, &'a IdempotencyKey),
    /// The service itself.
    Upkeep,
}

impl<'a> From<(&'a Call, &'a IdempotencyKey)> for By<'a> {
    fn from((call, key): (&'a Call, &'a IdempotencyKey)) -> Self {
        Self::Call(call, key)
    }
}

impl Bastion {
    /// Records a change of a resource.
    pub(super) fn record<'a>(
        &self,
        tx: &Tx,
        by: impl Into<By<'a>>,
        directory: DirectoryId,
        resource: String,
        accounts: impl IntoIterator<Item = AccountId>,
    ) {
        self.record_items(tx, by, directory, (resource, Vec::new()), accounts);
    }

    /// Records a change of several resources of a collection.
    pub(super) fn record_items<'a>(
        &self,
        tx: &Tx,
        by: impl Into<By<'a>>,
        directory: DirectoryId,
        (collection, items): (String, Vec<String>),
        accounts: impl IntoIterator<Item = AccountId>,
    ) {
        let accounts: BTreeSet<_> = accounts.into_iter().collect();
        let (by, now) = (by.into(), self.now());
        let request_id = match by {
            By::Call(_, key) => key.request_id.clone().unwrap_or_default(),
            By::Upkeep => String::new(),
        };
        let recorded = Recorded {
            resource: collection,
            tenant: Tenant::Directory(directory),
            accounts: accounts.into_iter().map(AccountId::name).collect(),
            request_id,
            facts: Vec::new(),
        };
        tx.record(match by {
            By::Call(call, _) => recorded.of_items_by_call(items, call, now),
            By::Upkeep => recorded.of_items_by_service(items, ROLE, METHOD, now),
        });
    }
}
