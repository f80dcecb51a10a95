//! Accounts of assets, and shared keys.

use bailiwick_db::{Committed, IdempotencyKey};
use bailiwick_rpc::Call;
use sea_orm::DatabaseTransaction;

use super::{Bastion, Error, Kept};
use crate::bastion::{
    domain::{AssetAccount, BastionError, CredentialKind, PASSWORD, PRIVATE_KEY, Reference, ResourceKind, SharedKey},
    store,
};

impl Kept for AssetAccount {
    async fn check(&self, _: Option<&Self>, conn: &DatabaseTransaction) -> Result<(), Error> {
        let home = &self.meta.home;
        let asset = store::asset(conn, &home.instance(), home.asset().unwrap_or_default()).await?;
        let asset = asset.ok_or_else(|| BastionError::NotFound(home.name()))?;
        Ok(AssetAccount::check(self, asset.seen.kind)?)
    }

    fn references(&self) -> Vec<(&'static str, Reference)> {
        let key = Some(&self.shared_key).filter(|key| !key.is_empty());
        let reference = |key: &String| Reference { kind: ResourceKind::SharedKey, id: key.clone() };
        key.map(|key| ("asset_account.shared_key", reference(key))).into_iter().collect()
    }
}

impl Kept for SharedKey {}

impl Bastion {
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
            }
            secrets
        };
        self.update(call, key, (place, id, etag), change).await
    }
}
