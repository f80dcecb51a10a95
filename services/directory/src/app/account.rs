//! Accounts.

use bailiwick_core::AccountId;
use bailiwick_db::{DbError, Snapshot};
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;

use super::{
    App, Done, Error, Made, Mutation, Page, PageRequest, lock_account, own_account, platform, root_user, tenant_of,
};
use crate::{
    domain::{
        self,
        account::{Account, AccountView, Attestation, NewAccount},
        user::User,
    },
    events, store,
};

impl App {
    /// Registers an account with its root user enabled (R-DIR-18).
    pub async fn account_create(
        &self,
        call: &Call,
        change: &Mutation,
        new: NewAccount,
    ) -> Result<Done<AccountView>, Error> {
        platform(&call.permit)?;
        let new = &new;
        let work = move |tx: bailiwick_db::Tx| async move {
            let now = self.now();
            let account = Account::register(AccountId::random(self.entropy.as_ref()), new.clone(), now);
            let root = User::root(&account, true);
            insert(tx.conn(), &account, &root).await?;
            let made = Made {
                resource: account.id.name(),
                tenant: tenant_of(account.id, None),
                accounts: vec![account.id],
                facts: vec![
                    events::account(&account, None),
                    events::user(&root),
                    root_user::fact(tx.conn(), account.id).await?,
                ],
            };
            self.record(&tx, call, change, now, made);
            Ok(AccountView { account, directory: None, root_user_enabled: true })
        };
        self.mutate("account_create", change, work).await
    }

    /// Reads an account.
    pub async fn account_get(&self, call: &Call, named: AccountId) -> Result<AccountView, Error> {
        let id = own_account(&call.permit, named)?;
        let read = move |snapshot: Snapshot| async move {
            let account = store::account::get(snapshot.conn(), id).await?;
            views(snapshot.conn(), account.into_iter().collect()).await
        };
        let found = self.db.snapshot("account_get", read).await?.value;
        found.into_iter().next().ok_or_else(|| domain::Error::NotFound(id.name()).into())
    }

    /// Lists all accounts of the installation.
    pub async fn account_list(&self, call: &Call, asked: &PageRequest) -> Result<Page<AccountView>, Error> {
        platform(&call.permit)?;
        let window = self.window(call, asked, "").await?;
        let (after, limit) = (window.after()?, window.limit());
        let read = move |snapshot: Snapshot| async move {
            let accounts = store::account::page(snapshot.conn(), after, limit).await?;
            views(snapshot.conn(), accounts).await
        };
        let items = self.db.snapshot("account_list", read).await?.value;
        self.page(call, &window, items, |view| view.account.id.to_string())
    }

    /// Records the enterprise that an account was verified to belong to (R-DIR-02, R-DIR-16).
    pub async fn account_verify(
        &self,
        call: &Call,
        change: &Mutation,
        id: AccountId,
        attested: Attestation,
        etag: &str,
    ) -> Result<Done<AccountView>, Error> {
        platform(&call.permit)?;
        let attested = &attested;
        let work = move |tx: bailiwick_db::Tx| async move {
            let locked = lock_account(tx.conn(), id).await?;
            let now = self.now();
            let (tenant, membership) = (locked.tenant(), locked.membership);
            let directory = membership.as_ref().map(|m| m.directory);
            let account = locked.account.verify(attested.clone(), directory, etag, now)?;
            store::account::save(tx.conn(), &account).await?;
            let root_user_enabled = root_enabled(tx.conn(), id).await?;
            let facts = vec![events::account(&account, membership.as_ref())];
            let made = Made { resource: id.name(), tenant, accounts: vec![id], facts };
            self.record(&tx, call, change, now, made);
            Ok(AccountView { account, directory, root_user_enabled })
        };
        self.mutate("account_verify", change, work).await
    }
}

/// Adds an account and its root user.
pub(super) async fn insert(conn: &impl ConnectionTrait, account: &Account, root: &User) -> Result<(), Error> {
    store::account::insert(conn, account).await.map_err(|error| match error {
        // An index name on one engine, column names on the other.
        DbError::Unique { constraint, .. } if constraint.contains("external_id") => {
            let (provider, external_id) = (account.provider.clone(), account.external_id.clone());
            domain::Error::ExternalAccountUsed { provider, external_id }.into()
        }
        error => Error::from(error),
    })?;
    Ok(store::user::insert(conn, root).await?)
}

async fn root_enabled(conn: &impl ConnectionTrait, id: AccountId) -> Result<bool, Error> {
    Ok(store::user::roots(conn, &[id]).await?.get(&id).copied().unwrap_or(false))
}

async fn views(conn: &impl ConnectionTrait, accounts: Vec<Account>) -> Result<Vec<AccountView>, Error> {
    let ids: Vec<AccountId> = accounts.iter().map(|account| account.id).collect();
    let directories = store::member::of_accounts(conn, &ids).await?;
    let roots = store::user::roots(conn, &ids).await?;
    let view = |account: Account| AccountView {
        directory: directories.get(&account.id).copied(),
        root_user_enabled: roots.get(&account.id).copied().unwrap_or(false),
        account,
    };
    Ok(accounts.into_iter().map(view).collect())
}
