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
    App, Done, Error, Locked, Made, Mutation, Page, PageRequest, account,
    end_account::end_account,
    end_membership::end_membership,
    lock_account, lock_directory, management_account, own_directory, root_user,
    scope::{Scope, scope_of},
};
use crate::{
    domain::{
        self, access_role,
        member::{self, Member, MemberChange, NewIds, NewMember, Occupancy, Place},
    },
    events, store,
};

/// How a member is changed.
enum Edit<'a> {
    Update(MemberChange),
    /// Between folders of these ids.
    Move {
        source: Option<&'a str>,
        destination: &'a str,
    },
}

impl Edit<'_> {
    const fn operation(&self) -> &'static str {
        match self {
            Self::Update(_) => "member_update",
            Self::Move { .. } => "member_move",
        }
    }
}

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
        let new = &new.into();
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let now = self.now();
            let directory = lock_directory(conn, id).await?;
            let management = management_account(conn, &directory).await?;
            store::folder::tree(conn, id).await?.find(id, &new.folder)?;
            let place = Place {
                name_used: store::member::has_name(conn, id, &new.account.display_name, now).await?,
                occupancy: self.occupancy(conn, id, now).await?,
            };
            let ids = NewIds { account: AccountId::random(self.entropy.as_ref()), incarnation: self.random_id() };
            let mut created = member::create(&directory, &management, place, new.clone(), ids, now)?;
            let access = access_role::create(&mut created.account, &new.access_role, &directory, now);
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
                    root_user::fact(conn, created.account.id).await?,
                ],
            };
            self.record(&tx, call, change, now, made);
            let (kind, root_user_enabled) = (created.account.kind, created.root.enabled);
            Ok(Member { membership: created.membership, kind, root_user_enabled })
        };
        self.mutate("member_create", change, work).await
    }

    /// Reads a member.
    pub async fn member_get(&self, call: &Call, named: DirectoryId, of: AccountId) -> Result<Member, Error> {
        let id = own_directory(&call.permit, named)?;
        let found = self.member_read(id, &scope_of(&call.permit), of).await?;
        found.ok_or_else(|| domain::Error::NotFound(call.permit.resource().to_owned()).into())
    }

    /// A member; none if it is not there, or not in the part that is read.
    pub(super) async fn member_read(
        &self,
        id: DirectoryId,
        scope: &Scope,
        of: AccountId,
    ) -> Result<Option<Member>, Error> {
        let now = self.now();
        let read = move |snapshot: Snapshot| async move {
            let found = store::member::get(snapshot.conn(), id, of, now).await?;
            let folders = scope.folders(&store::folder::tree(snapshot.conn(), id).await?);
            let seen = |member: &Member| folders.as_ref().is_none_or(|f| f.contains(&member.membership.folder));
            Ok::<_, Error>(found.filter(seen))
        };
        Ok(self.db.snapshot("member_get", read).await?.value)
    }

    /// Lists the members that are asked for, without the management account (R-DIR-32).
    pub async fn member_list(
        &self,
        call: &Call,
        named: DirectoryId,
        asked: &PageRequest,
        listing: &Listing,
    ) -> Result<Page<Member>, Error> {
        own_directory(&call.permit, named)?;
        self.member_page(call, &scope_of(&call.permit), asked, listing).await
    }

    pub(super) async fn member_page(
        &self,
        call: &Call,
        scope: &Scope,
        asked: &PageRequest,
        listing: &Listing,
    ) -> Result<Page<Member>, Error> {
        let id = call.permit.tenant_directory()?;
        let window = self.window(call, asked, &listing.fingerprint()).await?;
        let (after, limit, now) = (window.after()?, window.limit(), self.now());
        let read = move |snapshot: Snapshot| async move {
            let conn = snapshot.conn();
            let folders = scope.folders(&store::folder::tree(conn, id).await?);
            store::member::page(conn, id, folders.as_ref(), listing, (after.as_ref(), limit), now).await
        };
        let items = self.db.snapshot("member_list", read).await?.value;
        self.page(call, &window, items, |member| store::member::place(member, listing).to_string())
    }

    /// Changes display name or labels of a member.
    pub async fn member_update(
        &self,
        call: &Call,
        change: &Mutation,
        (named, of): (DirectoryId, AccountId),
        asked: MemberChange,
        etag: &str,
    ) -> Result<Done<Member>, Error> {
        self.member_edit(call, change, (named, of), Edit::Update(asked), etag).await
    }

    /// Moves a member into another folder; what it inherits changes with the same revision (E-DIR-14).
    pub async fn member_move(
        &self,
        call: &Call,
        change: &Mutation,
        (named, of): (DirectoryId, AccountId),
        (source, destination): (Option<&str>, &str),
        etag: &str,
    ) -> Result<Done<Member>, Error> {
        self.member_edit(call, change, (named, of), Edit::Move { source, destination }, etag).await
    }

    async fn member_edit(
        &self,
        call: &Call,
        change: &Mutation,
        (named, of): (DirectoryId, AccountId),
        edit: Edit<'_>,
        etag: &str,
    ) -> Result<Done<Member>, Error> {
        let id = own_directory(&call.permit, named)?;
        let edit = &edit;
        let work = move |tx: Tx| async move {
            let (conn, now) = (tx.conn(), self.now());
            if lock_directory(conn, id).await?.management_account == of {
                return Err(domain::Error::ManagementAccountNotEligible(of).into());
            }
            let found = store::member::get(conn, id, of, now).await?;
            let member = found.ok_or_else(|| domain::Error::NotFound(call.permit.resource().to_owned()))?;
            let locked = lock_account(conn, of).await?;
            let membership = match edit {
                Edit::Update(asked) => {
                    let used = match &asked.display_name {
                        Some(name) => store::member::has_name(conn, id, name, now).await?,
                        None => false,
                    };
                    member.membership.update(asked.clone(), used, etag)?
                }
                Edit::Move { source, destination } => {
                    store::folder::tree(conn, id).await?.find(id, destination)?;
                    member.membership.move_to(*source, destination, etag)?
                }
            };
            store::member::save(conn, &membership).await?;
            let made = Made {
                resource: membership.name(),
                tenant: Tenant::Directory(id),
                accounts: vec![of],
                facts: vec![events::account(&locked.account, Some(&membership))],
            };
            self.record(&tx, call, change, now, made);
            Ok(Member { membership, ..member })
        };
        self.mutate(edit.operation(), change, work).await
    }

    pub(super) async fn occupancy(
        &self,
        conn: &impl ConnectionTrait,
        id: DirectoryId,
        now: Timestamp,
    ) -> Result<Occupancy, Error> {
        Ok(Occupancy {
            members: store::member::count_listed(conn, id, now).await?,
            pending: store::invitation::count_pending(conn, id, now).await?,
            limit: self.limits.members_max,
        })
    }
}
