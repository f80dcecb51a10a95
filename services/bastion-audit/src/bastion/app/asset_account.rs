//! Accounts of assets, and shared keys.

use std::collections::BTreeSet;

use bailiwick_core::AccountId;
use bailiwick_db::{Committed, IdempotencyKey};
use bailiwick_rpc::Call;
use sea_orm::DatabaseTransaction;

use super::{Bastion, Error, Kept};
use crate::bastion::{
    domain::{
        AssetAccount, AssetAccountView, BastionError, CredentialKind, PASSWORD, PRIVATE_KEY, Reference, Resource,
        ResourceKind, SharedKey,
    },
    store,
};

impl Kept for AssetAccount {
    async fn check(&self, _: Option<&Self>, conn: &DatabaseTransaction) -> Result<(), Error> {
        let home = &self.meta.home;
        let asset = store::asset(conn, &home.instance(), home.asset().unwrap_or_default()).await?;
        let asset = asset.ok_or_else(|| BastionError::NotFound(home.name()))?;
        Ok(AssetAccount::check(self, asset.seen.kind)?)
    }

    async fn owners(&self, conn: &DatabaseTransaction) -> Result<BTreeSet<AccountId>, Error> {
        let home = &self.meta.home;
        let asset = store::asset(conn, &home.instance(), home.asset().unwrap_or_default()).await?;
        Ok(asset.and_then(|asset| asset.owner()).into_iter().collect())
    }

    fn references(&self) -> Vec<(&'static str, Reference)> {
        let key = Some(&self.shared_key).filter(|key| !key.is_empty());
        let reference = |key: &String| Reference { kind: ResourceKind::SharedKey, id: key.clone() };
        key.map(|key| ("asset_account.shared_key", reference(key))).into_iter().collect()
    }
}

impl Kept for SharedKey {}

impl Bastion {
    /// Accounts of one asset as they are now.
    pub(crate) async fn account_views(&self, accounts: Vec<AssetAccount>) -> Result<Vec<AssetAccountView>, Error> {
        let Some(first) = accounts.first() else { return Ok(Vec::new()) };
        let home = &first.meta.home;
        let asset = store::asset(self.db().reader(), &home.instance(), home.asset().unwrap_or_default()).await?;
        Ok(accounts.into_iter().map(|account| account.at(asset.as_ref())).collect())
    }

    /// An account as it is now.
    pub(crate) async fn account_view(&self, account: AssetAccount) -> Result<AssetAccountView, Error> {
        let name = account.name();
        let mut views = self.account_views(vec![account]).await?;
        views.pop().ok_or_else(|| BastionError::NotFound(name).into())
    }

    /// Forgets what an account is signed in with.
    ///
    /// # Errors
    /// [`BastionError::NotFound`], [`BastionError::EtagMismatch`].
    pub(crate) async fn account_reset(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        (place, id, etag): (&str, &str, &str),
        kinds: &[CredentialKind],
    ) -> Result<Committed<AssetAccount>, Error> {
        let change = |account: &mut AssetAccount| {
            let before = account.clone();
            let mut secrets = Vec::new();
            for kind in kinds {
                account.reset(*kind);
                let slot = if *kind == CredentialKind::Password { PASSWORD } else { PRIVATE_KEY };
                secrets.push((slot, None));
            }
            if *account != before {
                account.credential_time = Some(self.now());
                account.secrets += 1;
            }
            secrets
        };
        self.update(call, key, (place, id, etag), change).await
    }
}
