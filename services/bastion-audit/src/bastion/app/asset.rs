//! Assets of a bastion host.

use bailiwick_core::{AccountId, filter::Listing};
use bailiwick_db::{Committed, IdempotencyKey, PageTokenError, Place, Tx};
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;

use super::{Bastion, Error, ItemResult, Outcome, Page, claim::Claims, record::By, resource::check_home};
use crate::bastion::{
    domain::{Asset, AssetAccount, AssetView, BastionError, Home, Instance, Meta, Resource, ResourceKind},
    store::{self, Part},
};

impl Bastion {
    /// Adds an asset by hand (R-BAS-12).
    ///
    /// # Errors
    /// [`BastionError::NotFound`], [`BastionError::Exists`], [`BastionError::Quota`], [`BastionError::Invalid`].
    pub(crate) async fn asset_create(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        (instance, id): (&str, &str),
        make: impl Fn(Meta) -> Asset + Send + Sync,
    ) -> Result<Committed<AssetView>, Error> {
        let (home, make) = (&Home::within(call.permit.tenant_directory()?, instance), &make);
        let work = |tx: Tx| async move {
            self.begin(&tx, call, home).await?;
            if store::asset_count(tx.conn(), home).await? >= ResourceKind::Asset.limit() {
                return Err(BastionError::Quota(ResourceKind::Asset).into());
            }
            let made = make(Meta::new(home.clone(), id, &call.operator.principal, self.now()));
            if store::asset(tx.conn(), home, id).await?.is_some() {
                return Err(BastionError::Exists(made.name()).into());
            }
            self.asset_put(&tx, (call, key), made, None).await
        };
        self.db().write_once("bastion_asset_create", key, work).await
    }

    /// Changes an asset.
    ///
    /// # Errors
    /// [`BastionError::NotFound`], [`BastionError::EtagMismatch`], [`BastionError::Exists`], those of `change`.
    pub(crate) async fn asset_update(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        (instance, id, etag): (&str, &str, &str),
        change: impl Fn(&mut Asset) -> Result<(), BastionError> + Send + Sync,
    ) -> Result<Committed<AssetView>, Error> {
        let (home, change) = (&Home::within(call.permit.tenant_directory()?, instance), &change);
        let work = |tx: Tx| async move {
            self.begin(&tx, call, home).await?;
            let before = found_asset(tx.conn(), home, id).await?;
            before.check_etag(etag)?;
            let mut after = before.clone();
            change(&mut after)?;
            if after.changed_from(&before, self.now()) {
                if let Err(moved) = after.check_same_machine(&before)
                    && has_password(tx.conn(), &after).await?
                {
                    return Err(moved.into());
                }
                return self.asset_put(&tx, (call, key), after, Some(&before)).await;
            }
            view(tx.conn(), home, after).await
        };
        self.db().write_once("bastion_asset_update", key, work).await
    }

    async fn asset_put(
        &self,
        tx: &Tx,
        by: (&Call, &IdempotencyKey),
        after: Asset,
        before: Option<&Asset>,
    ) -> Result<AssetView, Error> {
        let home = after.meta.home.clone();
        after.check(before)?;
        match store::asset_called(tx.conn(), &home, &after.display_name).await? {
            Some(id) if id != after.meta.id => {
                return Err(BastionError::Exists(ResourceKind::Asset.name(&home, &id)).into());
            }
            _ => {}
        }
        store::assets_save(tx.conn(), std::slice::from_ref(&after)).await?;
        self.record_assets(tx, by, &home, vec![after.name()], after.owner());
        view(tx.conn(), &home, after).await
    }

    /// Removes an asset.
    ///
    /// # Errors
    /// [`BastionError::NotFound`], [`BastionError::EtagMismatch`], [`BastionError::InUse`].
    pub(crate) async fn asset_delete(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        (instance, id, etag): (&str, &str, &str),
    ) -> Result<Committed<()>, Error> {
        let home = &Home::within(call.permit.tenant_directory()?, instance);
        let work = |tx: Tx| async move {
            self.begin(&tx, call, home).await?;
            let gone = found_asset(tx.conn(), home, id).await?;
            gone.check_etag(etag)?;
            if let Some(used_by) = store::referring(tx.conn(), home, ResourceKind::Asset, id).await? {
                return Err(BastionError::InUse { resource: gone.name(), used_by }.into());
            }
            remove(&tx, home, id).await?;
            self.record_assets(&tx, (call, key), home, vec![gone.name()], gone.owner());
            Ok::<_, Error>(())
        };
        self.db().write_once("bastion_asset_delete", key, work).await
    }

    /// Removes several assets.
    ///
    /// # Errors
    /// [`BastionError::NotFound`] for the bastion host.
    pub(crate) async fn assets_delete(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        instance: &str,
        ids: &[String],
    ) -> Result<Committed<Vec<ItemResult>>, Error> {
        let home = &Home::within(call.permit.tenant_directory()?, instance);
        let work = |tx: Tx| async move {
            self.begin(&tx, call, home).await?;
            let (mut results, mut names, mut owners) = (Vec::new(), Vec::new(), Vec::new());
            for id in ids {
                let name = ResourceKind::Asset.name(home, id);
                let used_by = store::referring(tx.conn(), home, ResourceKind::Asset, id).await?;
                let outcome = match (store::asset(tx.conn(), home, id).await?, used_by) {
                    (None, _) => Outcome::Missing,
                    (Some(gone), Some(used_by)) => {
                        Outcome::Refused(BastionError::InUse { resource: gone.name(), used_by }.to_string())
                    }
                    (Some(gone), None) => {
                        remove(&tx, home, id).await?;
                        owners.extend(gone.owner());
                        names.push(name.clone());
                        Outcome::Done(name.clone())
                    }
                };
                results.push(ItemResult { item: name, outcome });
            }
            self.record_assets(&tx, (call, key), home, names, owners);
            Ok::<_, Error>(results)
        };
        self.db().write_once("bastion_assets_delete", key, work).await
    }

    /// Reads an asset.
    ///
    /// # Errors
    /// [`BastionError::NotFound`].
    pub(crate) async fn asset_get(&self, call: &Call, (instance, id): (&str, &str)) -> Result<AssetView, Error> {
        let (home, reader) = (Home::within(call.permit.tenant_directory()?, instance), self.db().reader());
        check_home(reader, call, &home).await?;
        asset_view(reader, &home, id).await
    }

    /// A page of the assets that are asked for.
    ///
    /// # Errors
    /// [`BastionError::NotFound`], [`Error::Token`].
    pub(crate) async fn asset_list(
        &self,
        call: &Call,
        (instance, part): (&str, Part<'_>),
        listing: &Listing,
        (size, token): (u32, &str),
    ) -> Result<Page<AssetView>, Error> {
        let (home, reader) = (Home::within(call.permit.tenant_directory()?, instance), self.db().reader());
        check_home(reader, call, &home).await?;
        let fingerprint = format!("{}\n{part:?}", listing.fingerprint()).into_bytes();
        let after = match self.after(call, &fingerprint, token).await?.as_str() {
            "" => None,
            text => Some(text.parse::<Place>().map_err(|_| PageTokenError::Invalid)?),
        };
        let limit = u64::from(size) + 1;
        let assets = store::assets_page(reader, (&home, part), listing, after.as_ref(), limit).await?;
        let key = |asset: &Asset| store::asset_place(asset, listing).to_string();
        let Page { items, next } = self.cut(call, &fingerprint, size, (assets, key)).await?;
        Ok(Page { items: views(reader, &home, items).await?, next })
    }

    /// Records a change of assets of a bastion host, so that those who watch them see which.
    pub(super) fn record_assets<'a>(
        &self,
        tx: &Tx,
        by: impl Into<By<'a>>,
        home: &Home,
        mut names: Vec<String>,
        accounts: impl IntoIterator<Item = AccountId>,
    ) {
        match names.len() {
            0 => {}
            1 => self.record(tx, by, home.directory, names.remove(0), accounts),
            _ => self.record_items(tx, by, home.directory, (home.assets(), names), accounts),
        }
    }
}

/// Removes an asset, with its accounts.
async fn remove(tx: &Tx, home: &Home, id: &str) -> Result<(), Error> {
    let inside = Home::of_asset(home.directory, &home.place, id);
    store::references_remove_in(tx.conn(), &inside).await?;
    store::secrets_remove_in(tx.conn(), &inside).await?;
    store::remove_in(tx.conn(), &inside).await?;
    store::memberships_remove_of(tx.conn(), (home, ResourceKind::AssetGroup), id).await?;
    Ok(store::asset_remove(tx.conn(), home, id).await?)
}

/// Whether a password is kept for an account of an asset, which has few.
async fn has_password(conn: &impl ConnectionTrait, asset: &Asset) -> Result<bool, Error> {
    let home = &asset.meta.home;
    let inside = Home::of_asset(home.directory, &home.place, &asset.meta.id);
    let accounts: Vec<AssetAccount> = store::all(conn, &inside).await?;
    Ok(accounts.iter().any(|account| account.has_password))
}

/// An asset.
///
/// # Errors
/// [`BastionError::NotFound`].
async fn found_asset(conn: &impl ConnectionTrait, home: &Home, id: &str) -> Result<Asset, Error> {
    let found = store::asset(conn, home, id).await?;
    Ok(found.ok_or_else(|| BastionError::NotFound(ResourceKind::Asset.name(home, id)))?)
}

/// An asset as it is for sessions now.
///
/// # Errors
/// [`BastionError::NotFound`].
pub(super) async fn asset_view(conn: &impl ConnectionTrait, home: &Home, id: &str) -> Result<AssetView, Error> {
    let asset = found_asset(conn, home, id).await?;
    view(conn, home, asset).await
}

async fn view(conn: &impl ConnectionTrait, home: &Home, asset: Asset) -> Result<AssetView, Error> {
    let mut all = views(conn, home, vec![asset]).await?;
    all.pop().ok_or_else(|| BastionError::NotFound(home.assets()).into())
}

/// Assets as they are for sessions now; at most 1,000.
pub(super) async fn views(
    conn: &impl ConnectionTrait,
    home: &Home,
    assets: Vec<Asset>,
) -> Result<Vec<AssetView>, Error> {
    let instance: Option<Instance> = store::find(conn, &Home::of_instances(home.directory), &home.place).await?;
    let owners = assets.iter().filter_map(Asset::owner).collect();
    let claims = match &instance {
        Some(instance) => Some(Claims::of(conn, instance, &owners).await?),
        None => None,
    };
    let held = |owner, claim: &str| claims.as_ref().is_some_and(|claims| claims.has(owner, claim));
    let view = |asset: Asset| {
        let suspended = asset.owner().zip(asset.claim()).is_some_and(|(owner, claim)| !held(owner, claim));
        AssetView { asset, suspended }
    };
    Ok(assets.into_iter().map(view).collect())
}
