//! Directories.

use bailiwick_core::{AccountId, DirectoryId, authz::Tenant};
use bailiwick_db::{DbError, Tx};
use bailiwick_rpc::Call;
use sea_orm::{ConnectionTrait, DbErr};

use super::{App, Done, Error, Made, Mutation, lock_account, lock_directory, own_account, own_directory};
use crate::{
    domain::{
        self, control_policy,
        directory::{Contents, Directory, Switches},
        folder::Folder,
        invitation,
    },
    events, store,
};

/// Most members that are over and are ended before a directory goes; where there are more, it goes with a later call.
const DUE_MAX: u64 = 100;

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
            let new = self.new_directory_id(tx.conn()).await?;
            let (directory, membership) = Directory::enable(new, &locked.account, belongs_to, self.random_id(), now)?;
            store::directory::insert(tx.conn(), &directory).await?;
            let root = Folder::root(directory.id, now);
            store::folder::insert(tx.conn(), &root).await?;
            store::member::insert(tx.conn(), &membership).await?;
            let made = Made {
                resource: directory.id.name(),
                tenant: Tenant::Directory(directory.id),
                accounts: vec![id],
                facts: vec![
                    events::account(&locked.account, Some(&membership)),
                    events::directory(&directory),
                    events::folder_holds(&root),
                ],
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

    /// Switches features of a directory.
    pub async fn directory_update(
        &self,
        call: &Call,
        change: &Mutation,
        named: DirectoryId,
        switches: Switches,
        etag: &str,
    ) -> Result<Done<Directory>, Error> {
        let id = own_directory(&call.permit, named)?;
        let work = move |tx: Tx| async move {
            let now = self.now();
            let directory = lock_directory(tx.conn(), id).await?.switch(switches, etag, now)?;
            store::directory::save(tx.conn(), &directory).await?;
            let made = Made {
                resource: id.name(),
                tenant: Tenant::Directory(id),
                accounts: Vec::new(),
                facts: vec![events::directory(&directory)],
            };
            self.record(&tx, call, change, now, made);
            Ok(directory)
        };
        self.mutate("directory_update", change, work).await
    }

    /// Disables a directory that is empty: its management account is standalone again (E-DIR-18).
    pub async fn directory_delete(
        &self,
        call: &Call,
        change: &Mutation,
        named: DirectoryId,
        etag: &str,
    ) -> Result<Done<()>, Error> {
        let id = own_directory(&call.permit, named)?;
        // Members that are over do not count, but what is left of them cannot outlive the directory.
        self.end_due(Some(id), DUE_MAX).await?;
        let work = move |tx: Tx| async move {
            let (conn, now) = (tx.conn(), self.now());
            let directory = lock_directory(conn, id).await?;
            let locked = lock_account(conn, directory.management_account).await?;
            let tree = store::folder::tree(conn, id).await?;
            let contents = Contents {
                members: store::member::count_stored(conn, id).await?,
                pending: store::invitation::count_pending(conn, id, now).await?,
                folders: u32::try_from(tree.folders().count().saturating_sub(1)).unwrap_or(u32::MAX),
                claims: store::claim::count_all(conn, id).await?,
            };
            directory.disable(contents, etag)?;
            // The account leaves first, and with it the last who could do anything in the directory. What is in the
            // directory goes before it: a follower would make anew what a later fact speaks of.
            let mut facts = vec![events::account(&locked.account, None)];
            let invitations = store::invitation::ids(conn, id).await?;
            facts.extend(invitations.iter().map(|of| events::invitation_gone(invitation::name(id, of))));
            let policies = store::control_policy::ids(conn, id).await?;
            facts.extend(policies.iter().map(|of| events::control_policy_gone(control_policy::name(id, of))));
            facts.extend(tree.folders().map(events::folder_gone));
            facts.push(events::directory_gone(&directory));
            store::invitation::delete_all(conn, id).await?;
            store::member::delete(conn, id, directory.management_account).await?;
            for folder in tree.folders() {
                store::folder::delete(conn, folder).await?;
            }
            store::control_policy::delete_all(conn, id).await?;
            store::directory::delete(conn, id, now).await?;
            let accounts = vec![directory.management_account];
            let made = Made { resource: id.name(), tenant: Tenant::Directory(id), accounts, facts };
            self.record(&tx, call, change, now, made);
            Ok(())
        };
        self.mutate("directory_delete", change, work).await
    }

    /// An id that no directory has or had.
    async fn new_directory_id(&self, conn: &impl ConnectionTrait) -> Result<DirectoryId, Error> {
        const TRIES: usize = 8;
        for _ in 0..TRIES {
            let id = DirectoryId::random(self.entropy.as_ref());
            if !store::directory::was(conn, id).await? {
                return Ok(id);
            }
        }
        Err(DbError::from(DbErr::Custom("random ids are those of former directories".to_owned())).into())
    }
}
