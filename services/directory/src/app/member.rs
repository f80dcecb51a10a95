//! Members.

mod deletion;
mod departure;
mod identities;
mod type_switch;

use bailiwick_core::{AccountId, DirectoryId, Timestamp, authz::Tenant, filter::Listing};
use bailiwick_db::{Snapshot, Tx};
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;

use super::{
    App, Done, Error, Locked, Made, Mutation, Page, PageRequest, account, end_account::end_account,
    end_membership::end_membership, lock_account, lock_directory, management_account, own_directory,
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
            let now = self.now();
            let directory = self.lock_settled(&tx, id, now).await?;
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
        let found = found.filter(|member| !member.membership.is_over(self.now()));
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
        let (after, limit, now) = (window.after()?, window.limit(), self.now());
        let read = move |snapshot: Snapshot| async move {
            store::member::page(snapshot.conn(), id, listing, after.as_ref(), now, limit).await
        };
        let items = self.db.snapshot("member_list", read).await?.value;
        self.page(call, &window, items, |member| store::member::place(member, listing).to_string())
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
