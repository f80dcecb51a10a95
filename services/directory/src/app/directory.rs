//! Directories.

use bailiwick_core::{AccountId, DirectoryId};
use bailiwick_db::Tx;
use bailiwick_rpc::Call;

use super::{App, Done, Error, Made, Mutation, lock_account, own_account, own_directory};
use crate::{
    domain::{self, directory::Directory},
    events, store,
};

impl App {
    /// Enables a directory, of which the account becomes the management account (R-DIR-01).
    pub async fn directory_create(
        &self,
        call: &Call,
        change: &Mutation,
        named: AccountId,
    ) -> Result<Done<Directory>, Error> {
        let id = own_account(&call.permit, named)?;
        let work = move |tx: Tx| async move {
            let locked = lock_account(tx.conn(), id).await?;
            let (now, belongs_to) = (self.now(), locked.membership.map(|m| m.directory));
            let new = DirectoryId::random(self.entropy.as_ref());
            let (directory, membership) = Directory::enable(new, &locked.account, belongs_to, self.random_id(), now)?;
            store::directory::insert(tx.conn(), &directory).await?;
            store::member::insert(tx.conn(), &membership).await?;
            let made = Made {
                resource: directory.id.name(),
                tenant: bailiwick_core::authz::Tenant::Directory(directory.id),
                accounts: vec![id],
                facts: vec![events::directory(&directory), events::account(&locked.account, Some(&membership))],
            };
            self.record(&tx, call, change, now, made);
            Ok(directory)
        };
        self.mutate("directory_create", change, work).await
    }

    /// Reads a directory.
    pub async fn directory_get(&self, call: &Call, named: DirectoryId) -> Result<Directory, Error> {
        let id = own_directory(&call.permit, named)?;
        let found = store::directory::get(self.db.reader(), id).await?;
        found.ok_or_else(|| domain::Error::NotFound(id.name()).into())
    }
}
