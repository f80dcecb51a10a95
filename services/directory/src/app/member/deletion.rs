//! The deletion of resource accounts (E-DIR-19, E-DIR-20). While one waits, that is a state of the member. Once it is due,
//! the member is no more for whoever reads, and the sweeper ends it, each in a transaction of its own.

use bailiwick_changelog::PART_BYTES;
use bailiwick_core::{AccountId, DirectoryId, Role, Timestamp, authz::Tenant};
use bailiwick_db::{Snapshot, Tx};
use bailiwick_rpc::{Call, telemetry::background_failed};
use sea_orm::ConnectionTrait;

use super::{
    super::sweep::METHOD, App, Done, Error, Made, Mutation, end_membership, identities, lock_account, lock_directory,
    own_directory,
};
use crate::{
    domain::{
        self,
        account::Account,
        directory::Directory,
        member::{Member, MemberDeletion, MemberDeletionCheck, Membership, Obstacles},
    },
    events, store,
};

impl App {
    /// Tells what stands against the deletion of a member.
    pub async fn member_check_deletion(
        &self,
        call: &Call,
        named: DirectoryId,
        of: AccountId,
    ) -> Result<MemberDeletionCheck, Error> {
        let id = own_directory(&call.permit, named)?;
        let now = self.now();
        let read = move |snapshot: Snapshot| async move {
            let directory = store::directory::get(snapshot.conn(), id).await?;
            let directory = directory.ok_or_else(|| domain::Error::NotFound(id.name()))?;
            check(snapshot.conn(), call, &directory, of, now).await
        };
        Ok(self.db.snapshot("member_check_deletion", read).await?.value)
    }

    /// Deletes a resource account: from now on none of its identities may act, and after the silence period, or at once
    /// if there is none, it ends for good.
    pub async fn member_delete(
        &self,
        call: &Call,
        change: &Mutation,
        named: DirectoryId,
        of: AccountId,
        asked: &MemberDeletion,
    ) -> Result<Done<Member>, Error> {
        let id = own_directory(&call.permit, named)?;
        let work = move |tx: Tx| async move {
            let (conn, now) = (tx.conn(), self.now());
            let directory = lock_directory(conn, id).await?;
            if directory.management_account == of {
                return Err(domain::Error::ManagementAccountNotEligible(of).into());
            }
            let mut locked = lock_account(conn, of).await?;
            let deleted = check(conn, call, &directory, of, now).await?.delete(asked, now)?;
            let membership = &deleted.membership;
            let suspended = events::account(&locked.account, Some(membership));
            let facts = if membership.is_over(now) {
                let ended = end(conn, locked.account, membership, now).await?;
                if events::bytes(&ended) > PART_BYTES {
                    // Nobody acts in the account while followers have only a part of its end.
                    self.record(&tx, call, change, now, made(membership, vec![suspended]));
                }
                ended
            } else {
                store::member::set_purge_time(conn, membership).await?;
                let revoked = identities::revoke_all(conn, &mut locked).await?;
                std::iter::once(suspended).chain(revoked).collect()
            };
            self.record(&tx, call, change, now, made(membership, facts));
            Ok(deleted)
        };
        self.mutate("member_delete", change, work).await
    }

    /// Takes a deletion back that is not yet due. The identities are as they were; their tokens stay dead.
    pub async fn member_undelete(
        &self,
        call: &Call,
        change: &Mutation,
        named: DirectoryId,
        of: AccountId,
        etag: &str,
    ) -> Result<Done<Member>, Error> {
        let id = own_directory(&call.permit, named)?;
        let work = move |tx: Tx| async move {
            let (conn, now) = (tx.conn(), self.now());
            lock_directory(conn, id).await?;
            let found = store::member::get(conn, id, of, now).await?;
            let member = found.ok_or_else(|| domain::Error::NotFound(call.permit.resource().to_owned()))?;
            let locked = lock_account(conn, of).await?;
            let back = member.undelete(etag, now)?;
            store::member::set_purge_time(conn, &back.membership).await?;
            let facts = vec![events::account(&locked.account, Some(&back.membership))];
            self.record(&tx, call, change, now, made(&back.membership, facts));
            Ok(back)
        };
        self.mutate("member_undelete", change, work).await
    }

    /// Ends members whose deletion is due, in one directory or in all: at most `limit`, each in a transaction of its own.
    /// One that cannot be ended is told to the operator and keeps nobody from anything: it is over for whoever reads, and
    /// the sweeper tries again.
    pub(in super::super) async fn end_due(&self, of: Option<DirectoryId>, limit: u64) -> Result<(), Error> {
        for (directory, account) in store::member::due(self.db.reader(), of, self.now(), limit).await? {
            let work = move |tx: Tx| self.end_member(tx, directory, account);
            if let Err(error) = self.db.write("member_end", work).await {
                let (directory, account) = (directory.name(), account.name());
                tracing::error!(%error, directory, account, "a member whose deletion is due could not be ended");
                background_failed(Role::Directory, "member_end");
            }
        }
        Ok(())
    }

    async fn end_member(&self, tx: Tx, directory: DirectoryId, account: AccountId) -> Result<(), Error> {
        let (conn, now) = (tx.conn(), self.now());
        // Another may have ended it since it was seen.
        if store::directory::lock(conn, directory).await?.is_none() {
            return Ok(());
        }
        let Some(account) = store::account::lock(conn, account).await? else { return Ok(()) };
        let membership = store::member::of_account(conn, account.id).await?;
        let due = |membership: &Membership| membership.directory == directory && membership.is_over(now);
        let Some(membership) = membership.filter(due) else { return Ok(()) };
        let facts = end(conn, account, &membership, now).await?;
        self.record_own(&tx, METHOD, now, made(&membership, facts));
        Ok(())
    }
}

/// Looks at a member, and at what stands against its deletion.
async fn check(
    conn: &impl ConnectionTrait,
    call: &Call,
    directory: &Directory,
    of: AccountId,
    now: Timestamp,
) -> Result<MemberDeletionCheck, Error> {
    let found = store::member::get(conn, directory.id, of, now).await?;
    let member = found.ok_or_else(|| domain::Error::NotFound(call.permit.resource().to_owned()))?;
    let claims = store::claim::on_member(conn, directory.id, of).await?;
    let keys_in_use = store::access_key::count_enabled(conn, of).await? > 0;
    let deletion_enabled = directory.member_deletion_enabled;
    Ok(MemberDeletionCheck::new(member, Obstacles { deletion_enabled, claims: &claims, keys_in_use }))
}

/// Ends a membership and the account itself, whose row alone stays. The account's own fact goes last: what followers know
/// of it, such as that nobody acts in it, holds until its identities are gone.
async fn end(
    conn: &impl ConnectionTrait,
    account: Account,
    membership: &Membership,
    now: Timestamp,
) -> Result<Vec<events::Fact>, Error> {
    let mut facts = end_membership(conn, membership.directory, membership.account).await?;
    facts.extend(identities::delete_all(conn, membership.account).await?);
    let account = account.delete(now);
    store::account::delete(conn, &account).await?;
    facts.push(events::account_gone(&account));
    Ok(facts)
}

fn made(membership: &Membership, facts: Vec<events::Fact>) -> Made {
    let (resource, tenant) = (membership.name(), Tenant::Directory(membership.directory));
    Made { resource, tenant, accounts: vec![membership.account], facts }
}
