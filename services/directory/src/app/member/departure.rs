//! How memberships end.

use bailiwick_core::{AccountId, DirectoryId, authz::Tenant};
use bailiwick_db::Tx;
use bailiwick_rpc::Call;

use super::{App, Done, Error, Made, Mutation, end_membership, lock_account, lock_directory, own_directory};
use crate::{domain, events, store};

impl App {
    /// Removes a member: its membership ends, and with it the roles in it of services and of the management account, and
    /// the claims on it (E-DIR-15, E-DIR-16, E-DIR-17).
    pub async fn member_remove(
        &self,
        call: &Call,
        change: &Mutation,
        named: DirectoryId,
        of: AccountId,
        etag: &str,
    ) -> Result<Done<()>, Error> {
        let id = own_directory(&call.permit, named)?;
        self.mutate("member_remove", change, move |tx: Tx| self.depart(tx, call, change, (id, of), etag)).await
    }

    /// The member leaves by itself, as if it were removed (E-DIR-33).
    pub async fn member_leave(
        &self,
        call: &Call,
        change: &Mutation,
        named: DirectoryId,
        of: AccountId,
    ) -> Result<Done<()>, Error> {
        let id = own_directory(&call.permit, named)?;
        if call.permit.account() != Some(of) {
            return Err(domain::Error::NotFound(call.permit.resource().to_owned()).into());
        }
        self.mutate("member_leave", change, move |tx: Tx| self.depart(tx, call, change, (id, of), "")).await
    }

    async fn depart(
        &self,
        tx: Tx,
        call: &Call,
        change: &Mutation,
        (id, of): (DirectoryId, AccountId),
        etag: &str,
    ) -> Result<(), Error> {
        let (conn, now) = (tx.conn(), self.now());
        if lock_directory(conn, id).await?.management_account == of {
            return Err(domain::Error::ManagementAccountNotEligible(of).into());
        }
        let found = store::member::get(conn, id, of, now).await?;
        let member = found.ok_or_else(|| domain::Error::NotFound(call.permit.resource().to_owned()))?;
        let locked = lock_account(conn, of).await?;
        member.depart(&store::claim::on_member(conn, id, of).await?, etag)?;
        let mut facts = vec![events::account(&locked.account, None)];
        facts.extend(end_membership(conn, id, of).await?);
        let resource = member.membership.name();
        self.record(
            &tx,
            call,
            change,
            now,
            Made { resource, tenant: Tenant::Directory(id), accounts: vec![of], facts },
        );
        Ok(())
    }
}
