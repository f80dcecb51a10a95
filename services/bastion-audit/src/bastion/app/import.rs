//! Imports of assets, and what can be imported.

use std::collections::BTreeSet;

use bailiwick_core::{AccountId, random_token};
use bailiwick_db::{Committed, IdempotencyKey, Tx};
use bailiwick_rpc::Call;
use serde::{Deserialize, Serialize};

use super::{
    Bastion, Error,
    claim::{Claims, inventory_claims},
    member::{check_caller, check_importable},
    resource::found,
};
use crate::bastion::{
    domain::{
        Asset, BastionError, Discovered, Home, Instance, Meta, Resource, ResourceKind, names_account, slug, told_apart,
    },
    store,
};

/// Digits of an id that nothing else suggests.
const RANDOM_DIGITS: usize = 10;

/// What is to be imported, or what is wrong with how it is asked for.
pub(crate) struct Import {
    pub(crate) source_id: String,
    /// Empty to be suggested.
    pub(crate) asset_id: String,
    /// Empty for that of the inventory.
    pub(crate) display_name: String,
    pub(crate) problem: Option<String>,
}

/// What became of an item of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ItemResult {
    pub(crate) item: String,
    pub(crate) outcome: Outcome,
}

/// What became of it (E-BAS-06).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    /// It is now, or was, a resource of this name.
    Done(String),
    /// It has a value that it cannot have.
    Invalid(String),
    /// What it names is not there.
    Missing,
    /// There is one already, of this name.
    Exists(String),
    /// Something else stands against it.
    Refused(String),
}

impl Bastion {
    /// Imports assets of an account (R-BAS-08, R-BAS-09). They are of that account from then on (R-BAS-10).
    ///
    /// # Errors
    /// [`BastionError::NotFound`], and those of [`check_importable`].
    pub(crate) async fn assets_import(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        (instance, account): (&str, AccountId),
        imports: &[Import],
    ) -> Result<Committed<Vec<ItemResult>>, Error> {
        let directory = call.permit.tenant_directory()?;
        let home = &Home::within(directory, instance);
        let work = |tx: Tx| async move {
            // Until it is done, the inventory stays as it is read.
            let inventory = store::inventory_lock(tx.conn(), directory, account).await?;
            store::head_lock(tx.conn(), directory).await?;
            let into: Instance = found(tx.conn(), &Home::of_instances(directory), instance).await?;
            check_caller(tx.conn(), call, &into).await?;
            let claim = &check_importable(tx.conn(), call, &into, account).await?;
            let ids = imports.iter().map(|import| import.source_id.clone()).collect();
            let mut known = store::discovered(tx.conn(), (directory, account, inventory.settle_before), &ids).await?;
            if !inventory_claims(tx.conn(), (directory, account)).await?.contains(&inventory.claim) {
                known.clear();
            }
            let mut room = ResourceKind::Asset.limit().saturating_sub(store::asset_count(tx.conn(), home).await?);
            let claims = &Claims::of(tx.conn(), &into, &BTreeSet::from([account])).await?;
            let (mut results, mut names) = (Vec::new(), Vec::new());
            for import in imports {
                let outcome = match (&import.problem, known.get(&import.source_id)) {
                    (Some(problem), _) => Outcome::Invalid(problem.clone()),
                    (None, None) => Outcome::Missing,
                    (None, Some(item)) => {
                        self.import_one(&tx, call, (&into, claims, &mut room), (import, item, claim)).await?
                    }
                };
                if let Outcome::Done(name) = &outcome {
                    names.push(name.clone());
                }
                results.push(ItemResult { item: import.source_id.clone(), outcome });
            }
            self.record_assets(&tx, (call, key), home, names, [account]);
            Ok::<_, Error>(results)
        };
        self.db().write_once("bastion_import", key, work).await
    }

    async fn import_one(
        &self,
        tx: &Tx,
        call: &Call,
        (into, claims, room): (&Instance, &Claims, &mut usize),
        (import, item, claim): (&Import, &Discovered, &str),
    ) -> Result<Outcome, Error> {
        let home = &into.home();
        let (conn, same) = (tx.conn(), BTreeSet::from([item.source_id.clone()]));
        let imported = store::imported_as(conn, home.directory, item.account, &same).await?;
        if let Some(asset) = imported.iter().find(|asset| asset.meta.home == *home) {
            if asset.claim().is_some_and(|claim| claims.has(item.account, claim)) {
                return Ok(Outcome::Exists(asset.name()));
            }
            // What its account left behind, and has again.
            let mut again = asset.clone();
            again.claimed(claim, &item.seen);
            again.changed_from(asset, self.now());
            store::assets_save(conn, std::slice::from_ref(&again)).await?;
            return Ok(Outcome::Done(again.name()));
        }
        if *room == 0 {
            return Ok(Outcome::Refused(BastionError::Quota(ResourceKind::Asset).to_string()));
        }
        let (chosen, suggested) = (import.display_name.as_str(), item.display_name.as_str());
        let longer = || told_apart(suggested, item);
        let wanted = match chosen {
            "" if names_account(suggested) => longer(),
            "" => suggested.to_owned(),
            chosen => chosen.to_owned(),
        };
        let display_name = match store::asset_called(conn, home, &wanted).await? {
            None => wanted,
            Some(id) if !chosen.is_empty() || wanted != suggested => {
                return Ok(Outcome::Exists(ResourceKind::Asset.name(home, &id)));
            }
            Some(_) => match store::asset_called(conn, home, &longer()).await? {
                None => longer(),
                Some(id) => return Ok(Outcome::Exists(ResourceKind::Asset.name(home, &id))),
            },
        };
        let id = match import.asset_id.as_str() {
            "" => self.free_id(tx, home, &display_name).await?,
            id if store::asset(conn, home, id).await?.is_some() => {
                return Ok(Outcome::Exists(ResourceKind::Asset.name(home, id)));
            }
            id => id.to_owned(),
        };
        let meta = Meta::new(home.clone(), &id, &call.operator.principal, self.now());
        let asset = Asset::imported(meta, display_name, item, claim);
        store::assets_save(conn, std::slice::from_ref(&asset)).await?;
        *room -= 1;
        Ok(Outcome::Done(asset.name()))
    }

    /// An id that no other asset has: made of the display name if possible.
    async fn free_id(&self, tx: &Tx, home: &Home, display_name: &str) -> Result<String, Error> {
        let suggested = slug(display_name);
        if let Some(id) = &suggested
            && store::asset(tx.conn(), home, id).await?.is_none()
        {
            return Ok(id.clone());
        }
        let token = random_token(self.entropy(), RANDOM_DIGITS);
        Ok(format!("{}-{token}", suggested.as_deref().unwrap_or("asset")))
    }
}
