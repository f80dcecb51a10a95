//! Groups.

use bailiwick_core::AccountId;
use bailiwick_db::{Snapshot, Tx};
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;

use super::{App, Done, Error, Made, Mutation, Page, PageRequest, own_account, standing::lock_for};
use crate::{
    domain::{
        self,
        group::{Group, NewGroup},
    },
    events, store,
};

impl App {
    /// Creates a group.
    pub async fn group_create(
        &self,
        call: &Call,
        change: &Mutation,
        named: AccountId,
        new: NewGroup,
    ) -> Result<Done<Group>, Error> {
        let id = own_account(&call.permit, named)?;
        let new = &new;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let tenant = lock_for(conn, call, id).await?.tenant();
            let now = self.now();
            let exists = store::group::get(conn, id, &new.id).await?.is_some();
            let groups = store::group::count_all(conn, id).await?;
            let limit = self.limits.identities.groups_max;
            let group = Group::create(id, new.clone(), exists, groups, limit, now)?;
            store::group::insert(conn, &group).await?;
            let made = Made { resource: group.name(), tenant, accounts: vec![id], facts: Vec::new() };
            self.record(&tx, call, change, now, made);
            Ok(group)
        };
        self.mutate("group_create", change, work).await
    }

    /// Reads a group.
    pub async fn group_get(&self, call: &Call, named: AccountId, group: &str) -> Result<Group, Error> {
        let id = own_account(&call.permit, named)?;
        let read = move |snapshot: Snapshot| async move { find(snapshot.conn(), id, group).await };
        Ok(self.db.snapshot("group_get", read).await?.value)
    }

    /// Lists the groups of an account.
    pub async fn group_list(&self, call: &Call, named: AccountId, asked: &PageRequest) -> Result<Page<Group>, Error> {
        let id = own_account(&call.permit, named)?;
        let window = self.window(call, asked, "").await?;
        let (after, limit) = (window.after.clone().unwrap_or_default(), window.limit());
        let after = &after;
        let read = move |snapshot: Snapshot| async move { store::group::page(snapshot.conn(), id, after, limit).await };
        let items = self.db.snapshot("group_list", read).await?.value;
        self.page(call, &window, items, |group| group.id.clone())
    }

    /// Changes the description of a group, if one is given.
    pub async fn group_update(
        &self,
        call: &Call,
        change: &Mutation,
        named: (AccountId, &str),
        description: Option<&str>,
        etag: &str,
    ) -> Result<Done<Group>, Error> {
        let (named, group) = named;
        let id = own_account(&call.permit, named)?;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let tenant = lock_for(conn, call, id).await?.tenant();
            let now = self.now();
            let found = find(conn, id, group).await?;
            let Some(changed) = found.update(description, etag, now)? else { return Ok(found) };
            store::group::save(conn, &changed).await?;
            let made = Made { resource: changed.name(), tenant, accounts: vec![id], facts: Vec::new() };
            self.record(&tx, call, change, now, made);
            Ok(changed)
        };
        self.mutate("group_update", change, work).await
    }

    /// Deletes a group. Its users lose the policies that they had through it at once.
    pub async fn group_delete(
        &self,
        call: &Call,
        change: &Mutation,
        named: (AccountId, &str),
        etag: &str,
    ) -> Result<Done<()>, Error> {
        let (named, group) = named;
        let id = own_account(&call.permit, named)?;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let tenant = lock_for(conn, call, id).await?.tenant();
            let found = find(conn, id, group).await?;
            found.check(etag)?;
            let users = store::group_member::user_ids(conn, id, group).await?;
            store::group::delete(conn, id, group).await?;
            let facts = store::user::find(conn, id, users).await?.iter().map(events::user).collect();
            let made = Made { resource: found.name(), tenant, accounts: vec![id], facts };
            self.record(&tx, call, change, self.now(), made);
            Ok(())
        };
        self.mutate("group_delete", change, work).await
    }
}

/// A group of an account.
pub(super) async fn find(conn: &impl ConnectionTrait, of: AccountId, id: &str) -> Result<Group, Error> {
    let found = store::group::get(conn, of, id).await?;
    found.ok_or_else(|| domain::Error::NotFound(format!("{}/groups/{id}", of.name())).into())
}

/// The facts of all users of a group, whose policies changed with it. There are as many as a group may have.
pub(super) async fn facts_of_users(conn: &impl ConnectionTrait, group: &Group) -> Result<Vec<events::Fact>, Error> {
    let users = store::group_member::user_ids(conn, group.account, &group.id).await?;
    Ok(store::user::find(conn, group.account, users).await?.iter().map(events::user).collect())
}
