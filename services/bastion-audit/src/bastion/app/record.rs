//! The change that a call made.

use std::collections::BTreeSet;

use bailiwick_changelog::Recorded;
use bailiwick_core::{AccountId, DirectoryId, authz::Tenant};
use bailiwick_db::{IdempotencyKey, Tx};
use bailiwick_rpc::Call;

use super::Bastion;

impl Bastion {
    /// Records a change of a resource.
    pub(super) fn record(
        &self,
        tx: &Tx,
        (call, key): (&Call, &IdempotencyKey),
        directory: DirectoryId,
        resource: String,
        accounts: impl IntoIterator<Item = AccountId>,
    ) {
        self.record_items(tx, (call, key), directory, (resource, Vec::new()), accounts);
    }

    /// Records a change of several resources of a collection.
    pub(super) fn record_items(
        &self,
        tx: &Tx,
        (call, key): (&Call, &IdempotencyKey),
        directory: DirectoryId,
        (collection, items): (String, Vec<String>),
        accounts: impl IntoIterator<Item = AccountId>,
    ) {
        let accounts: BTreeSet<_> = accounts.into_iter().collect();
        let recorded = Recorded {
            resource: collection,
            tenant: Tenant::Directory(directory),
            accounts: accounts.into_iter().map(AccountId::name).collect(),
            request_id: key.request_id.clone().unwrap_or_default(),
            facts: Vec::new(),
        };
        tx.record(recorded.of_items_by_call(items, call, self.now()));
    }
}
