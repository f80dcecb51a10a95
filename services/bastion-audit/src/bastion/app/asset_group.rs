//! Groups of assets.

use bailiwick_db::{Committed, IdempotencyKey, Tx};
use bailiwick_rpc::Call;
use sea_orm::DatabaseTransaction;

use super::{Bastion, Error, ItemResult, Kept, Outcome, resource::found};
use crate::bastion::{
    domain::{AssetGroup, GROUP_ASSETS_MAX, Home, Resource, ResourceKind},
    store,
};

impl Kept for AssetGroup {
    async fn removed(&self, conn: &DatabaseTransaction) -> Result<(), Error> {
        Ok(store::group_assets_remove(conn, &self.meta.home, &self.meta.id).await?)
    }
}

impl Bastion {
    /// Puts assets into a group, or takes them out of it.
    ///
    /// # Errors
    /// [`super::BastionError::NotFound`] for the group.
    pub(crate) async fn group_assets(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        (instance, group): (&str, &str),
        (assets, put): (&[String], bool),
    ) -> Result<Committed<Vec<ItemResult>>, Error> {
        let home = &Home::within(call.permit.tenant_directory()?, instance);
        let work = |tx: Tx| async move {
            store::head_lock(tx.conn(), home.directory).await?;
            let group: AssetGroup = found(tx.conn(), home, group).await?;
            let mut count = store::group_asset_count(tx.conn(), home, &group.meta.id).await?;
            let (mut results, mut changed) = (Vec::new(), false);
            for asset in assets {
                let (name, pair) = (ResourceKind::Asset.name(home, asset), (group.meta.id.as_str(), asset.as_str()));
                let outcome = if !put {
                    match store::group_asset_remove(tx.conn(), home, pair).await? {
                        true => Outcome::Done(name.clone()),
                        false => Outcome::Missing,
                    }
                } else if store::asset(tx.conn(), home, asset).await?.is_none() {
                    Outcome::Missing
                } else if count >= GROUP_ASSETS_MAX {
                    Outcome::Refused(format!("a group has at most {GROUP_ASSETS_MAX} assets"))
                } else if store::group_asset_save(tx.conn(), home, pair).await? {
                    count += 1;
                    Outcome::Done(name.clone())
                } else {
                    Outcome::Exists(name.clone())
                };
                changed |= matches!(outcome, Outcome::Done(_));
                results.push(ItemResult { item: name, outcome });
            }
            if changed {
                self.record(&tx, (call, key), home.directory, group.name(), None);
            }
            Ok::<_, Error>(results)
        };
        self.db().write_once("bastion_group_assets", key, work).await
    }
}
