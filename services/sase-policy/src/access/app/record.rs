//! The change that a call made.

use bailiwick_changelog::Recorded;
use bailiwick_core::{AccountId, DirectoryId, authz::Tenant};
use bailiwick_db::{IdempotencyKey, Tx};
use bailiwick_rpc::Call;

use super::{Error, Sase};
use crate::access::store;

impl Sase {
    /// Records a change of what decides: of these resources, the first of which stands for all.
    pub(super) async fn record(
        &self,
        tx: &Tx,
        (call, key): (&Call, &IdempotencyKey),
        directory: DirectoryId,
        names: Vec<String>,
        accounts: impl IntoIterator<Item = AccountId>,
    ) -> Result<(), Error> {
        store::generation_next(tx.conn(), directory).await?;
        let mut accounts: Vec<_> = accounts.into_iter().collect();
        accounts.sort_unstable();
        accounts.dedup();
        let recorded = Recorded {
            resource: names.first().cloned().unwrap_or_else(|| directory.name()),
            tenant: Tenant::Directory(directory),
            accounts: accounts.into_iter().map(AccountId::name).collect(),
            request_id: key.request_id.clone().unwrap_or_default(),
            facts: Vec::new(),
        };
        let items = if names.len() > 1 { names } else { Vec::new() };
        tx.record(recorded.of_items_by_call(items, call, self.now()));
        Ok(())
    }
}
