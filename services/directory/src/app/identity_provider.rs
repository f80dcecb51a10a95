//! OpenID providers.

use bailiwick_core::AccountId;
use bailiwick_db::{Snapshot, Tx};
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;

use super::{App, Done, Error, Locked, Made, Mutation, Page, PageRequest, own_account, standing::lock_for};
use crate::{
    domain::{
        self,
        identity_provider::{IdentityProvider, Setting, Settings, name},
    },
    store,
};

/// What is asked to change of a provider.
pub struct ProviderUpdate<'a> {
    /// Account of the provider.
    pub account: AccountId,
    /// Its id.
    pub id: &'a str,
    /// The new settings.
    pub to: Settings,
    /// Which of them count.
    pub changed: Vec<Setting>,
    /// The etag that was read; empty for any.
    pub etag: &'a str,
}

impl App {
    /// Registers a provider.
    pub async fn identity_provider_create(
        &self,
        call: &Call,
        change: &Mutation,
        named: AccountId,
        (new, settings): (&str, &Settings),
    ) -> Result<Done<IdentityProvider>, Error> {
        let id = own_account(&call.permit, named)?;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let locked = lock_for(conn, call, id).await?;
            let now = self.now();
            let exists = store::identity_provider::get(conn, id, new).await?.is_some();
            let providers = store::identity_provider::count_all(conn, id).await?;
            let asked = (new.to_owned(), settings.clone());
            let provider = IdentityProvider::create(id, asked, exists, providers, now)?;
            store::identity_provider::insert(conn, &provider).await?;
            self.record(&tx, call, change, now, made(&locked, &provider));
            Ok(provider)
        };
        self.mutate("identity_provider_create", change, work).await
    }

    /// Reads a provider.
    pub async fn identity_provider_get(
        &self,
        call: &Call,
        named: AccountId,
        provider: &str,
    ) -> Result<IdentityProvider, Error> {
        let id = own_account(&call.permit, named)?;
        let read = move |snapshot: Snapshot| async move { find(snapshot.conn(), id, provider).await };
        Ok(self.db.snapshot("identity_provider_get", read).await?.value)
    }

    /// Lists the providers of an account.
    pub async fn identity_provider_list(
        &self,
        call: &Call,
        named: AccountId,
        asked: &PageRequest,
    ) -> Result<Page<IdentityProvider>, Error> {
        let id = own_account(&call.permit, named)?;
        let window = self.window(call, asked, "").await?;
        let after = window.after.as_deref().unwrap_or_default();
        let items = store::identity_provider::page(self.db.reader(), id, after, window.limit()).await?;
        self.page(call, &window, items, |provider| provider.id.clone())
    }

    /// Changes a provider. Tokens that were had by it stay.
    pub async fn identity_provider_update(
        &self,
        call: &Call,
        change: &Mutation,
        asked: &ProviderUpdate<'_>,
    ) -> Result<Done<IdentityProvider>, Error> {
        let id = own_account(&call.permit, asked.account)?;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let locked = lock_for(conn, call, id).await?;
            let now = self.now();
            let provider = find(conn, id, asked.id).await?;
            let Some(changed) = provider.update(&asked.to, &asked.changed, asked.etag, now)? else {
                return Ok(provider);
            };
            store::identity_provider::save(conn, &changed).await?;
            self.record(&tx, call, change, now, made(&locked, &changed));
            Ok(changed)
        };
        self.mutate("identity_provider_update", change, work).await
    }

    /// Deletes a provider.
    pub async fn identity_provider_delete(
        &self,
        call: &Call,
        change: &Mutation,
        named: AccountId,
        provider: &str,
        etag: &str,
    ) -> Result<Done<()>, Error> {
        let id = own_account(&call.permit, named)?;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let locked = lock_for(conn, call, id).await?;
            let found = find(conn, id, provider).await?;
            found.check(etag)?;
            store::identity_provider::delete(conn, id, provider).await?;
            self.record(&tx, call, change, self.now(), made(&locked, &found));
            Ok(())
        };
        self.mutate("identity_provider_delete", change, work).await
    }
}

/// A provider of an account.
pub(super) async fn find(conn: &impl ConnectionTrait, of: AccountId, id: &str) -> Result<IdentityProvider, Error> {
    let found = store::identity_provider::get(conn, of, id).await?;
    found.ok_or_else(|| domain::Error::NotFound(name(of, id)).into())
}

fn made(locked: &Locked, provider: &IdentityProvider) -> Made {
    let accounts = vec![locked.account.id];
    Made { resource: provider.name(), tenant: locked.tenant(), accounts, facts: Vec::new() }
}
