//! Bastion hosts.

use std::collections::BTreeSet;

use bailiwick_core::AccountId;
use bailiwick_rpc::Call;
use sea_orm::DatabaseTransaction;

use super::{Bastion, Error, Page, resource::Kept};
use crate::bastion::{
    domain::{Home, Instance, ResourceKind},
    store,
};

impl Kept for Instance {
    /// Assets of others and network domains stay only where the edition manages them (E-BAS-03).
    async fn check(&self, _: Option<&Self>, conn: &DatabaseTransaction) -> Result<(), Error> {
        if self.edition.has_multi_account() {
            return Ok(());
        }
        let domains = store::count(conn, &self.home(), ResourceKind::NetworkDomain).await? > 0;
        if domains || store::has_assets_of_others(conn, &self.home(), self.owner).await? {
            self.check_multi_account()?;
        }
        Ok(())
    }

    async fn used_by(&self, conn: &DatabaseTransaction) -> Result<Option<String>, Error> {
        match store::asset_in(conn, &self.home()).await? {
            Some(asset) => Ok(Some(asset)),
            None => Ok(store::any_in(conn, &self.home()).await?),
        }
    }

    fn as_instance(&self) -> Option<&Instance> {
        Some(self)
    }

    async fn owners(&self, _: &DatabaseTransaction) -> Result<BTreeSet<AccountId>, Error> {
        Ok(BTreeSet::from([self.owner]))
    }
}

impl Bastion {
    /// A page of the bastion hosts, of one region or all of them, by region and id (R-BAS-02). There are so few that they
    /// are read all.
    ///
    /// # Errors
    /// [`Error::Token`].
    pub(crate) async fn instance_list(
        &self,
        call: &Call,
        region: &str,
        (size, token): (u32, &str),
    ) -> Result<Page<Instance>, Error> {
        let home = Home::of_instances(call.permit.tenant_directory()?);
        let after = self.after(call, region.as_bytes(), token).await?;
        let mut all: Vec<Instance> = store::all(self.db().reader(), &home).await?;
        let key = |instance: &Instance| format!("{} {}", instance.region, instance.meta.id);
        all.retain(|instance| (region.is_empty() || instance.region == region) && key(instance) > after);
        all.sort_by_key(&key);
        self.cut(call, region.as_bytes(), size, (all, key)).await
    }
}
