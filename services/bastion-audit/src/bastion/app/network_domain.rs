//! Network domains.

use std::collections::BTreeSet;

use bailiwick_core::AccountId;
use bailiwick_db::{Committed, IdempotencyKey, Tx};
use bailiwick_rpc::Call;
use sea_orm::DatabaseTransaction;

use super::{Bastion, Error, ItemResult, Kept, Outcome, resource::found};
use crate::bastion::{
    domain::{Home, Instance, NetworkDomain, Resource, ResourceKind},
    store,
};

impl Kept for NetworkDomain {
    /// Where there are none of them yet, the edition must have them (E-BAS-03).
    async fn check(&self, before: Option<&Self>, conn: &DatabaseTransaction) -> Result<(), Error> {
        NetworkDomain::check(self)?;
        if before.is_none() {
            let home = &self.meta.home;
            let instance: Instance = found(conn, &Home::of_instances(home.directory), &home.place).await?;
            instance.check_multi_account()?;
        }
        Ok(())
    }

    async fn owners(&self, conn: &DatabaseTransaction) -> Result<BTreeSet<AccountId>, Error> {
        Ok(store::owners_in_domain(conn, &self.meta.home, &self.meta.id).await?)
    }

    async fn used_by(&self, conn: &DatabaseTransaction) -> Result<Option<String>, Error> {
        Ok(store::asset_in_domain(conn, &self.meta.home, &self.meta.id).await?)
    }
}

impl Bastion {
    /// Moves assets into a network domain, or out of all of them if it is empty.
    ///
    /// # Errors
    /// `BastionError::NotFound` for the bastion host or the network domain.
    pub(crate) async fn assets_move(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        (instance, domain): (&str, &str),
        assets: &[String],
    ) -> Result<Committed<Vec<ItemResult>>, Error> {
        let home = &Home::within(call.permit.tenant_directory()?, instance);
        let work = |tx: Tx| async move {
            self.begin(&tx, call, home).await?;
            if !domain.is_empty() {
                found::<NetworkDomain>(tx.conn(), home, domain).await?;
            }
            let (mut results, mut names, mut owners) = (Vec::new(), Vec::new(), Vec::new());
            for id in assets {
                let name = ResourceKind::Asset.name(home, id);
                let outcome = match store::asset(tx.conn(), home, id).await? {
                    None => Outcome::Missing,
                    Some(before) => {
                        let mut after = before.clone();
                        domain.clone_into(&mut after.network_domain);
                        if after.changed_from(&before, self.now()) {
                            store::assets_save(tx.conn(), std::slice::from_ref(&after)).await?;
                            names.push(name.clone());
                            owners.extend(after.owner());
                        }
                        Outcome::Done(name.clone())
                    }
                };
                results.push(ItemResult { item: name, outcome });
            }
            self.record_assets(&tx, (call, key), home, names, owners);
            Ok::<_, Error>(results)
        };
        self.db().write_once("bastion_assets_move", key, work).await
    }
}
