//! Users.

use bailiwick_core::{AccountId, filter::Listing};
use bailiwick_db::{Snapshot, Tx};
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;

use super::{App, Done, Error, Made, Mutation, Page, PageRequest, credential, own_account, standing::lock_for};
use crate::{
    domain::{
        self,
        user::{NewUser, User, UserUpdate},
    },
    events, store,
};

impl App {
    /// Creates a RAM user (R-DIR-31).
    pub async fn user_create(
        &self,
        call: &Call,
        change: &Mutation,
        named: AccountId,
        new: NewUser,
    ) -> Result<Done<User>, Error> {
        let id = own_account(&call.permit, named)?;
        let new = &new;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let mut locked = lock_for(conn, call, id).await?;
            let now = self.now();
            let exists = store::user::get(conn, id, &new.id).await?.is_some();
            let users = store::user::count_all(conn, id).await?;
            let limit = self.limits.users_max;
            let user = User::create(&mut locked.account, new.clone(), exists, users, limit, now)?;
            store::account::save(conn, &locked.account).await?;
            store::user::insert(conn, &user).await?;
            let made = Made {
                resource: user.name(),
                tenant: locked.tenant(),
                accounts: vec![id],
                facts: vec![events::user(&user)],
            };
            self.record(&tx, call, change, now, made);
            Ok(user)
        };
        self.mutate("user_create", change, work).await
    }

    /// Reads a user.
    pub async fn user_get(&self, call: &Call, named: AccountId, user: &str) -> Result<User, Error> {
        let id = own_account(&call.permit, named)?;
        let read = move |snapshot: Snapshot| async move { find(snapshot.conn(), id, user).await };
        Ok(self.db.snapshot("user_get", read).await?.value)
    }

    /// Lists the users of an account that are asked for.
    pub async fn user_list(
        &self,
        call: &Call,
        named: AccountId,
        asked: &PageRequest,
        listing: &Listing,
    ) -> Result<Page<User>, Error> {
        let id = own_account(&call.permit, named)?;
        let window = self.window(call, asked, &listing.fingerprint()).await?;
        let (after, limit) = (window.after()?, window.limit());
        let read = move |snapshot: Snapshot| async move {
            store::user::listed(snapshot.conn(), id, listing, (after.as_ref(), limit)).await
        };
        let items = self.db.snapshot("user_list", read).await?.value;
        self.page(call, &window, items, |user| store::user::place(user, listing).to_string())
    }

    /// Changes a RAM user. Disabling it makes its tokens and the sessions that it began dead at once.
    pub async fn user_update(
        &self,
        call: &Call,
        change: &Mutation,
        (named, user): (AccountId, &str),
        new: &UserUpdate,
        etag: &str,
    ) -> Result<Done<User>, Error> {
        let id = own_account(&call.permit, named)?;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let mut locked = lock_for(conn, call, id).await?;
            let now = self.now();
            let found = find(conn, id, user).await?;
            let Some(changed) = found.update(&mut locked.account, new, etag, now)? else { return Ok(found) };
            store::account::save(conn, &locked.account).await?;
            store::user::save(conn, &changed).await?;
            let made = Made {
                resource: changed.name(),
                tenant: locked.tenant(),
                accounts: vec![id],
                facts: vec![events::user(&changed)],
            };
            self.record(&tx, call, change, now, made);
            Ok(changed)
        };
        self.mutate("user_update", change, work).await
    }

    /// Deletes a RAM user with its access keys and credentials. Its tokens are dead at once, and stay so if its id is used again.
    pub async fn user_delete(
        &self,
        call: &Call,
        change: &Mutation,
        named: AccountId,
        user: &str,
        etag: &str,
    ) -> Result<Done<()>, Error> {
        let id = own_account(&call.permit, named)?;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let locked = lock_for(conn, call, id).await?;
            let found = find(conn, id, user).await?;
            found.delete(etag)?;
            store::access_key::delete_all(conn, id, user).await?;
            let mut facts = credential::delete_all(conn, id, user).await?;
            facts.push(events::user_gone(&found));
            store::user::delete(conn, id, user).await?;
            let made = Made { resource: found.name(), tenant: locked.tenant(), accounts: vec![id], facts };
            self.record(&tx, call, change, self.now(), made);
            Ok(())
        };
        self.mutate("user_delete", change, work).await
    }
}

/// A user of an account.
pub(super) async fn find(conn: &impl ConnectionTrait, of: AccountId, id: &str) -> Result<User, Error> {
    let found = store::user::get(conn, of, id).await?;
    found.ok_or_else(|| domain::Error::NotFound(format!("{}/users/{id}", of.name())).into())
}
