//! Members.

use bailiwick_core::{AccountId, DirectoryId, Timestamp, authz::Tenant, filter::Listing};
use bailiwick_db::{Snapshot, Tx};
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;

use super::{
    App, Done, Error, Made, Mutation, Page, PageRequest, account, end_membership::end_membership, lock_account,
    lock_directory, management_account, own_directory,
};
use crate::{
    domain::{
        self, access_role,
        member::{self, Member, NewIds, NewMember, Occupancy, Place},
    },
    events, store,
};

impl App {
    /// Creates an account as a member (R-DIR-08), with the role that the management account has in it.
    pub async fn member_create(
        &self,
        call: &Call,
        change: &Mutation,
        named: DirectoryId,
        new: impl Into<NewMember>,
    ) -> Result<Done<Member>, Error> {
        let id = own_directory(&call.permit, named)?;
        let NewMember { account: new, access_role } = &new.into();
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let directory = lock_directory(conn, id).await?;
            let now = self.now();
            let management = management_account(conn, &directory).await?;
            let place = Place {
                name_used: store::member::has_name(conn, id, &new.display_name).await?,
                occupancy: self.occupancy(conn, id, now).await?,
            };
            let ids = NewIds { account: AccountId::random(self.entropy.as_ref()), incarnation: self.random_id() };
            let mut created = member::create(&directory, &management, place, new.clone(), ids, now)?;
            let access = access_role::create(&mut created.account, access_role, &directory, now);
            account::insert(conn, &created.account, &created.root).await?;
            store::role::insert(conn, &access).await?;
            store::member::insert(conn, &created.membership).await?;
            let made = Made {
                resource: created.membership.name(),
                tenant: Tenant::Directory(id),
                accounts: vec![created.account.id],
                facts: vec![
                    events::account(&created.account, Some(&created.membership)),
                    events::user(&created.root),
                    events::role(&access),
                ],
            };
            self.record(&tx, call, change, now, made);
            Ok(Member { membership: created.membership, kind: created.account.kind })
        };
        self.mutate("member_create", change, work).await
    }

    /// Reads a member.
    pub async fn member_get(&self, call: &Call, named: DirectoryId, of: AccountId) -> Result<Member, Error> {
        let id = own_directory(&call.permit, named)?;
        let read = move |snapshot: Snapshot| async move { store::member::get(snapshot.conn(), id, of).await };
        let found = self.db.snapshot("member_get", read).await?.value;
        found.ok_or_else(|| domain::Error::NotFound(call.permit.resource().to_owned()).into())
    }

    /// Lists the members that are asked for, without the management account (R-DIR-32).
    pub async fn member_list(
        &self,
        call: &Call,
        named: DirectoryId,
        asked: &PageRequest,
        listing: &Listing,
    ) -> Result<Page<Member>, Error> {
        let id = own_directory(&call.permit, named)?;
        let window = self.window(call, asked, &listing.fingerprint()).await?;
        let (after, limit) = (window.after()?, window.limit());
        let read = move |snapshot: Snapshot| async move {
            store::member::page(snapshot.conn(), id, listing, after.as_ref(), limit).await
        };
        let items = self.db.snapshot("member_list", read).await?.value;
        self.page(call, &window, items, |member| store::member::place(member, listing).to_string())
    }

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
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            if lock_directory(conn, id).await?.management_account == of {
                return Err(domain::Error::ManagementAccountNotEligible(of).into());
            }
            let found = store::member::get(conn, id, of).await?;
            let member = found.ok_or_else(|| domain::Error::NotFound(call.permit.resource().to_owned()))?;
            let locked = lock_account(conn, of).await?;
            member.remove(&store::claim::on_member(conn, id, of).await?, etag)?;
            let gone = end_membership(conn, id, of).await?;
            let made = Made {
                resource: member.membership.name(),
                tenant: Tenant::Directory(id),
                accounts: vec![of],
                facts: std::iter::once(events::account(&locked.account, None)).chain(gone).collect(),
            };
            self.record(&tx, call, change, self.now(), made);
            Ok(())
        };
        self.mutate("member_remove", change, work).await
    }

    pub(super) async fn occupancy(
        &self,
        conn: &impl ConnectionTrait,
        id: DirectoryId,
        now: Timestamp,
    ) -> Result<Occupancy, Error> {
        Ok(Occupancy {
            members: store::member::count_listed(conn, id).await?,
            pending: store::invitation::count_pending(conn, id, now).await?,
            limit: self.limits.members_max,
        })
    }
}
