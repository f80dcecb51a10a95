//! The deletion of resource accounts (E-DIR-19, E-DIR-20). While one waits, that is a state of the member; once it is due,
//! whoever next locks the directory finishes it, at the latest the sweeper.

use bailiwick_changelog::Recorded;
use bailiwick_core::{AccountId, DirectoryId, Role, Timestamp, authz::Tenant};
use bailiwick_db::{Snapshot, Tx};
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;

use super::{
    super::sweep::METHOD, App, Done, Error, Locked, Made, Mutation, end_membership, identities, lock_account,
    lock_directory, own_directory,
};
use crate::{
    domain::{
        self,
        directory::Directory,
        member::{Member, MemberDeletion, MemberDeletionCheck, Membership, Obstacles},
    },
    events, store,
};

/// Most facts of one change: an account can have a thousand users, and a change is not to be larger than the log takes.
const FACTS: usize = 250;

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
            let directory = self.lock_settled(&tx, id, now).await?;
            if directory.management_account == of {
                return Err(domain::Error::ManagementAccountNotEligible(of).into());
            }
            let mut locked = lock_account(conn, of).await?;
            let deleted = check(conn, call, &directory, of, now).await?.delete(asked, now)?;
            let facts = if deleted.membership.is_over(now) {
                end(conn, locked, &deleted.membership, now).await?
            } else {
                store::member::set_purge_time(conn, &deleted.membership).await?;
                let revoked = identities::revoke_all(conn, &mut locked).await?;
                std::iter::once(events::account(&locked.account, Some(&deleted.membership))).chain(revoked).collect()
            };
            for part in parts(&deleted.membership, facts) {
                self.record(&tx, call, change, now, part);
            }
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
            let found = store::member::get(conn, id, of).await?;
            let member = found.ok_or_else(|| domain::Error::NotFound(call.permit.resource().to_owned()))?;
            let locked = lock_account(conn, of).await?;
            let back = member.undelete(etag, now)?;
            store::member::set_purge_time(conn, &back.membership).await?;
            let facts = vec![events::account(&locked.account, Some(&back.membership))];
            for part in parts(&back.membership, facts) {
                self.record(&tx, call, change, now, part);
            }
            Ok(back)
        };
        self.mutate("member_undelete", change, work).await
    }

    /// Locks a directory and finishes the deletions in it that are due, so that what follows in the transaction meets
    /// neither the members that are over, nor their names, nor their places.
    pub(in super::super) async fn lock_settled(
        &self,
        tx: &Tx,
        id: DirectoryId,
        now: Timestamp,
    ) -> Result<Directory, Error> {
        let conn = tx.conn();
        let directory = lock_directory(conn, id).await?;
        for membership in store::member::due(conn, id, now).await? {
            let locked = lock_account(conn, membership.account).await?;
            let facts = end(conn, locked, &membership, now).await?;
            for Made { resource, tenant, accounts, facts } in parts(&membership, facts) {
                let accounts = accounts.into_iter().map(AccountId::name).collect();
                let recorded = Recorded { resource, tenant, accounts, request_id: String::new(), facts };
                tx.record(recorded.by_service(Role::Directory, METHOD, now));
            }
        }
        Ok(directory)
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
    let found = store::member::get(conn, directory.id, of).await?.filter(|member| !member.membership.is_over(now));
    let member = found.ok_or_else(|| domain::Error::NotFound(call.permit.resource().to_owned()))?;
    let claims = store::claim::on_member(conn, directory.id, of).await?;
    let keys_in_use = store::access_key::count_enabled(conn, of).await? > 0;
    let deletion_enabled = directory.member_deletion_enabled;
    Ok(MemberDeletionCheck::new(member, Obstacles { deletion_enabled, claims: &claims, keys_in_use }))
}

/// Ends a membership and the account itself, whose row alone stays.
async fn end(
    conn: &impl ConnectionTrait,
    locked: Locked,
    membership: &Membership,
    now: Timestamp,
) -> Result<Vec<events::Fact>, Error> {
    let roles = end_membership(conn, membership.directory, membership.account).await?;
    let identities = identities::delete_all(conn, membership.account).await?;
    let account = locked.account.delete(now);
    store::account::delete(conn, &account).await?;
    Ok(std::iter::once(events::account_gone(&account)).chain(roles).chain(identities).collect())
}

/// The changes that carry some facts of a member.
fn parts(membership: &Membership, facts: Vec<events::Fact>) -> impl Iterator<Item = Made> {
    let made = |facts: &[events::Fact]| Made {
        resource: membership.name(),
        tenant: Tenant::Directory(membership.directory),
        accounts: vec![membership.account],
        facts: facts.to_vec(),
    };
    facts.chunks(FACTS).map(made).collect::<Vec<_>>().into_iter()
}
