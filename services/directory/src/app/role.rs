//! Roles.

use bailiwick_core::AccountId;
use bailiwick_db::{Snapshot, Tx};
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;

use super::{App, Done, Error, Made, Mutation, Page, PageRequest, list, own_account, standing::lock_for};
use crate::{
    domain::{
        self,
        role::{AnyRole, NewRole, Role, RoleUpdate},
    },
    events, store,
};

impl App {
    /// Creates a role.
    pub async fn role_create(
        &self,
        call: &Call,
        change: &Mutation,
        named: AccountId,
        new: NewRole,
    ) -> Result<Done<Role>, Error> {
        let id = own_account(&call.permit, named)?;
        let new = &new;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let mut locked = lock_for(conn, call, id).await?;
            let now = self.now();
            let exists = get(conn, id, &new.id).await?.is_some();
            let roles = store::role::count_all(conn, id).await?;
            let limit = self.limits.identities.roles_max;
            let role = Role::create(&mut locked.account, new.clone(), exists, roles, limit, now)?;
            store::account::save(conn, &locked.account).await?;
            store::role::insert(conn, &role).await?;
            let (tenant, facts) = (locked.tenant(), vec![events::role(&role)]);
            self.record(&tx, call, change, now, Made { resource: role.name(), tenant, accounts: vec![id], facts });
            Ok(role)
        };
        self.mutate("role_create", change, work).await
    }

    /// Reads a role.
    pub async fn role_get(&self, call: &Call, named: AccountId, role: &str) -> Result<AnyRole, Error> {
        let id = own_account(&call.permit, named)?;
        let read = move |snapshot: Snapshot| async move { find(snapshot.conn(), id, role).await };
        Ok(self.db.snapshot("role_get", read).await?.value)
    }

    /// Lists the roles of an account by id, service-linked ones among them (R-DEL-14).
    pub async fn role_list(&self, call: &Call, named: AccountId, asked: &PageRequest) -> Result<Page<AnyRole>, Error> {
        let id = own_account(&call.permit, named)?;
        let window = self.window(call, asked, "").await?.at_most(list::DOCUMENTS_MAX);
        let (after, limit) = (window.after.clone().unwrap_or_default(), window.limit());
        let after = &after;
        let read = move |snapshot: Snapshot| async move {
            let own = store::role::page(snapshot.conn(), id, after, limit).await?;
            let linked = store::linked_role::page(snapshot.conn(), id, after, limit).await?;
            let mut all: Vec<AnyRole> = own.into_iter().map(AnyRole::Own).collect();
            all.extend(linked.into_iter().map(AnyRole::Linked));
            all.sort_by(|one, other| one.id().cmp(other.id()));
            all.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            Ok::<_, Error>(all)
        };
        let items = self.db.snapshot("role_list", read).await?.value;
        self.page(call, &window, items, |role| role.id().to_owned())
    }

    /// Changes a role. Sessions that are running stay.
    pub async fn role_update(
        &self,
        call: &Call,
        change: &Mutation,
        named: (AccountId, &str),
        new: RoleUpdate,
        etag: &str,
    ) -> Result<Done<Role>, Error> {
        let (named, role) = named;
        let id = own_account(&call.permit, named)?;
        let new = &new;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let tenant = lock_for(conn, call, id).await?.tenant();
            let now = self.now();
            let found = find(conn, id, role).await?.own()?;
            let Some(changed) = found.update(new.clone(), etag, now)? else { return Ok(found) };
            store::role::save(conn, &changed).await?;
            let facts = vec![events::role(&changed)];
            self.record(&tx, call, change, now, Made { resource: changed.name(), tenant, accounts: vec![id], facts });
            Ok(changed)
        };
        self.mutate("role_update", change, work).await
    }

    /// Deletes a role. Its sessions are dead at once, and stay so if its id is used again.
    pub async fn role_delete(
        &self,
        call: &Call,
        change: &Mutation,
        named: (AccountId, &str),
        etag: &str,
    ) -> Result<Done<()>, Error> {
        let (named, role) = named;
        let id = own_account(&call.permit, named)?;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let tenant = lock_for(conn, call, id).await?.tenant();
            let found = find(conn, id, role).await?.own()?;
            found.check(etag)?;
            store::role::delete(conn, id, role).await?;
            let facts = vec![events::role_gone(&found)];
            let made = Made { resource: found.name(), tenant, accounts: vec![id], facts };
            self.record(&tx, call, change, self.now(), made);
            Ok(())
        };
        self.mutate("role_delete", change, work).await
    }
}

/// A role of an account, of either kind.
pub(super) async fn find(conn: &impl ConnectionTrait, of: AccountId, id: &str) -> Result<AnyRole, Error> {
    let found = get(conn, of, id).await?;
    found.ok_or_else(|| domain::Error::NotFound(format!("{}/roles/{id}", of.name())).into())
}

async fn get(conn: &impl ConnectionTrait, of: AccountId, id: &str) -> Result<Option<AnyRole>, Error> {
    if let Some(own) = store::role::get(conn, of, id).await? {
        return Ok(Some(AnyRole::Own(own)));
    }
    Ok(store::linked_role::get(conn, of, id).await?.map(AnyRole::Linked))
}
