//! Groups of assets, and what is the same for groups of users.

use std::collections::BTreeSet;

use bailiwick_core::AccountId;
use bailiwick_db::{Committed, IdempotencyKey, Tx};
use bailiwick_rpc::Call;
use sea_orm::DatabaseTransaction;

use super::{Bastion, Error, ItemResult, Kept, Outcome, resource::found};
use crate::bastion::{
    domain::{AssetGroup, GROUP_ASSETS_MAX, Home, Resource, ResourceKind, User},
    store,
};

impl Kept for AssetGroup {
    async fn owners(&self, conn: &DatabaseTransaction) -> Result<BTreeSet<AccountId>, Error> {
        Ok(store::owners_in_groups(conn, &self.meta.home, &BTreeSet::from([self.meta.id.clone()])).await?)
    }

    async fn removed(&self, conn: &DatabaseTransaction) -> Result<(), Error> {
        Ok(store::memberships_remove(conn, (&self.meta.home, Self::KIND), &self.meta.id).await?)
    }
}

impl Bastion {
    /// Puts assets into a group, or takes them out of it.
    ///
    /// # Errors
    /// `BastionError::NotFound` for the group.
    pub(crate) async fn group_assets(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        of: (&str, &str),
        assets: (&[String], bool),
    ) -> Result<Committed<Vec<ItemResult>>, Error> {
        self.members::<AssetGroup>(call, key, of, (ResourceKind::Asset, GROUP_ASSETS_MAX), assets).await
    }

    /// Puts assets or users into a group of a kind, as many as it may have, or takes them out of it.
    ///
    /// # Errors
    /// `BastionError::NotFound` for the group.
    pub(super) async fn members<G: Kept>(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        (instance, group): (&str, &str),
        (kind, most): (ResourceKind, usize),
        (items, put): (&[String], bool),
    ) -> Result<Committed<Vec<ItemResult>>, Error> {
        let home = &Home::within(call.permit.tenant_directory()?, instance);
        let work = |tx: Tx| async move {
            self.begin(&tx, call, home).await?;
            let group: G = found(tx.conn(), home, group).await?;
            let of = (home, G::KIND);
            let mut count = store::member_count(tx.conn(), of, &group.meta().id).await?;
            let (mut results, mut changed, mut owners) = (Vec::new(), false, BTreeSet::new());
            for item in items {
                let (name, pair) = (kind.name(home, item), (group.meta().id.as_str(), item.as_str()));
                // With the account that it belongs to, if there is one.
                let there = match kind {
                    ResourceKind::Asset => store::asset(tx.conn(), home, item).await?.map(|asset| asset.owner()),
                    _ => store::find::<User>(tx.conn(), home, item).await?.map(|user| user.account()),
                };
                let outcome = if !put {
                    match store::member_remove(tx.conn(), of, pair).await? {
                        true => Outcome::Done(name.clone()),
                        false => Outcome::Missing,
                    }
                } else if there.is_none() {
                    Outcome::Missing
                } else if count >= most {
                    Outcome::Refused(format!("a group has at most {most} of them"))
                } else if store::member_save(tx.conn(), of, pair).await? {
                    count += 1;
                    Outcome::Done(name.clone())
                } else {
                    Outcome::Exists(name.clone())
                };
                if matches!(outcome, Outcome::Done(_)) {
                    changed = true;
                    owners.extend(there.flatten());
                }
                results.push(ItemResult { item: name, outcome });
            }
            if changed {
                self.record(&tx, (call, key), home.directory, group.name(), owners);
            }
            Ok::<_, Error>(results)
        };
        self.db().write_once("bastion_group_members", key, work).await
    }
}
