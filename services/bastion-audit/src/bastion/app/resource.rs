//! Resources: what is the same for all of them. Whoever writes one locks the head of the directory, so that what it names
//! stays until it is written.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::AccountId;
use bailiwick_db::{Committed, IdempotencyKey, PageQuery, Tx};
use bailiwick_rpc::Call;
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use super::{Bastion, Error, Secrets, member::check_caller};
use crate::bastion::{
    domain::{BastionError, Home, Instance, Meta, Reference, Resource, ResourceKind},
    store,
};

/// A part of a list.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// Continues the list; empty at its end.
    pub(crate) next: String,
}

/// A resource with rules of its own about what else there is.
pub(crate) trait Kept: Resource {
    /// Whether it can be beside what there is, after what it was.
    fn check(
        &self,
        _before: Option<&Self>,
        _conn: &DatabaseTransaction,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        async { Ok(()) }
    }

    /// The name of something that is in it or names it.
    fn used_by(&self, _conn: &DatabaseTransaction) -> impl Future<Output = Result<Option<String>, Error>> + Send {
        async { Ok(None) }
    }

    /// What it names, and in which fields of a request.
    fn references(&self) -> Vec<(&'static str, Reference)> {
        Vec::new()
    }

    /// Removes what is kept beside it and goes with it.
    fn removed(&self, _conn: &DatabaseTransaction) -> impl Future<Output = Result<(), Error>> + Send {
        async { Ok(()) }
    }

    /// The bastion host, if it is one.
    fn as_instance(&self) -> Option<&Instance> {
        None
    }

    /// The accounts that it belongs to, or that what it is about belongs to: they see its changes.
    fn owners(&self, _conn: &DatabaseTransaction) -> impl Future<Output = Result<BTreeSet<AccountId>, Error>> + Send {
        async { Ok(BTreeSet::new()) }
    }
}

impl Bastion {
    /// Creates a resource.
    ///
    /// # Errors
    /// [`BastionError::NotFound`] for what it would be in, [`BastionError::Exists`], [`BastionError::Quota`],
    /// [`BastionError::UnknownReference`], those of [`Kept::check`].
    pub(crate) async fn create<T: Kept>(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        (place, id): (&str, &str),
        make: impl Fn(Meta) -> (T, Secrets) + Send + Sync,
    ) -> Result<Committed<T>, Error> {
        let (home, make) = (&Home::within(call.permit.tenant_directory()?, place), &make);
        self.db()
            .write_once("bastion_create", key, |tx: Tx| async move {
                self.begin(&tx, call, home).await?;
                if store::count(tx.conn(), home, T::KIND).await? >= T::KIND.limit() {
                    return Err(BastionError::Quota(T::KIND).into());
                }
                let (made, secrets) = make(Meta::new(home.clone(), id, &call.operator.principal, self.now()));
                if store::find::<T>(tx.conn(), home, id).await?.is_some() {
                    return Err(BastionError::Exists(made.name()).into());
                }
                self.put(&tx, &made, None).await?;
                self.secrets_put(&tx, (T::KIND, made.meta()), &secrets).await?;
                let owners = made.owners(tx.conn()).await?;
                self.record(&tx, (call, key), home.directory, made.name(), owners);
                Ok(made)
            })
            .await
    }

    /// Locks the directory, for something to be changed in a bastion host that is there, and whose owner does not stand
    /// above who calls.
    pub(super) async fn begin(&self, tx: &Tx, call: &Call, home: &Home) -> Result<(), Error> {
        store::head_lock(tx.conn(), home.directory).await?;
        check_home(tx.conn(), call, home).await
    }

    /// Saves a resource; the transaction holds the head.
    async fn put<T: Kept>(&self, tx: &Tx, after: &T, before: Option<&T>) -> Result<(), Error> {
        let home = &after.meta().home;
        match store::called(tx.conn(), home, T::KIND, after.unique()).await? {
            Some(id) if id != after.meta().id => return Err(BastionError::Exists(T::KIND.name(home, &id)).into()),
            _ => {}
        }
        after.check(before, tx.conn()).await?;
        let known: BTreeSet<_> = before.into_iter().flat_map(Kept::references).map(|(_, named)| named).collect();
        let named = after.references();
        let new = named.iter().filter(|(_, named)| !known.contains(named));
        check_references(tx.conn(), &home.instance(), &new.cloned().collect::<Vec<_>>()).await?;
        let named: BTreeSet<_> = named.into_iter().map(|(_, named)| named).collect();
        if named != known {
            store::references_save(tx.conn(), (T::KIND, after.meta()), &named).await?;
        }
        Ok(store::save(tx.conn(), after).await?)
    }

    /// Changes a resource.
    ///
    /// # Errors
    /// [`BastionError::NotFound`], [`BastionError::EtagMismatch`], [`BastionError::Exists`],
    /// [`BastionError::UnknownReference`], those of [`Kept::check`].
    pub(crate) async fn update<T: Kept>(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        (place, id, etag): (&str, &str, &str),
        change: impl Fn(&mut T) -> Secrets + Send + Sync,
    ) -> Result<Committed<T>, Error> {
        let (home, change) = (&Home::within(call.permit.tenant_directory()?, place), &change);
        self.db()
            .write_once("bastion_update", key, |tx: Tx| async move {
                self.begin(&tx, call, home).await?;
                let before: T = found(tx.conn(), home, id).await?;
                check_itself(tx.conn(), call, &before).await?;
                before.check_etag(etag)?;
                let mut after = before.clone();
                let secrets = change(&mut after);
                if after.changed_from(&before, self.now()) {
                    self.put(&tx, &after, Some(&before)).await?;
                    self.secrets_put(&tx, (T::KIND, after.meta()), &secrets).await?;
                    let mut owners = before.owners(tx.conn()).await?;
                    owners.extend(after.owners(tx.conn()).await?);
                    self.record(&tx, (call, key), home.directory, after.name(), owners);
                }
                Ok(after)
            })
            .await
    }

    /// Deletes a resource that nothing is in and nothing names.
    ///
    /// # Errors
    /// [`BastionError::NotFound`], [`BastionError::EtagMismatch`], [`BastionError::InUse`].
    pub(crate) async fn delete<T: Kept>(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        (place, id, etag): (&str, &str, &str),
    ) -> Result<Committed<()>, Error> {
        let home = &Home::within(call.permit.tenant_directory()?, place);
        self.db()
            .write_once("bastion_delete", key, |tx: Tx| async move {
                self.begin(&tx, call, home).await?;
                let gone: T = found(tx.conn(), home, id).await?;
                check_itself(tx.conn(), call, &gone).await?;
                gone.check_etag(etag)?;
                if let Some(used_by) = gone.used_by(tx.conn()).await? {
                    return Err(BastionError::InUse { resource: gone.name(), used_by }.into());
                }
                let (instance, id_there) = (&home.instance(), gone.meta().reference());
                if let Some(used_by) = store::referring(tx.conn(), instance, T::KIND, &id_there).await? {
                    return Err(BastionError::InUse { resource: gone.name(), used_by }.into());
                }
                let owners = gone.owners(tx.conn()).await?;
                gone.removed(tx.conn()).await?;
                store::references_remove(tx.conn(), (T::KIND, gone.meta())).await?;
                store::secrets_remove(tx.conn(), (T::KIND, gone.meta())).await?;
                store::remove(tx.conn(), home, T::KIND, id).await?;
                self.record(&tx, (call, key), home.directory, gone.name(), owners);
                Ok(())
            })
            .await
    }

    /// Reads a resource.
    ///
    /// # Errors
    /// [`BastionError::NotFound`].
    pub(crate) async fn get<T: Kept>(&self, call: &Call, (place, id): (&str, &str)) -> Result<T, Error> {
        let (home, reader) = (Home::within(call.permit.tenant_directory()?, place), self.db().reader());
        check_home(reader, call, &home).await?;
        found(reader, &home, id).await
    }

    /// A page of the resources of a kind in a place, by id.
    ///
    /// # Errors
    /// [`BastionError::NotFound`] for the place, [`Error::Token`].
    pub(crate) async fn list<T: Kept>(
        &self,
        call: &Call,
        place: &str,
        (size, token): (u32, &str),
    ) -> Result<Page<T>, Error> {
        let (home, reader) = (Home::within(call.permit.tenant_directory()?, place), self.db().reader());
        check_home(reader, call, &home).await?;
        let after = self.after(call, &[], token).await?;
        let items = store::page::<T>(reader, &home, &after, u64::from(size) + 1).await?;
        self.cut(call, &[], size, (items, |item: &T| item.meta().id.clone())).await
    }

    /// The key after which a list goes on; empty for its beginning.
    pub(super) async fn after(&self, call: &Call, fingerprint: &[u8], token: &str) -> Result<String, Error> {
        if token.is_empty() {
            return Ok(String::new());
        }
        let epoch = self.db().epoch().await?;
        let query =
            PageQuery { epoch: &epoch, tenant: call.permit.resource(), method: call.permit.path(), fingerprint };
        Ok(self.0.pages.open(&query, token, self.now())?)
    }

    /// The token of a list that goes on after a key.
    pub(super) async fn next(&self, call: &Call, fingerprint: &[u8], last: &str) -> Result<String, Error> {
        let epoch = self.db().epoch().await?;
        let query =
            PageQuery { epoch: &epoch, tenant: call.permit.resource(), method: call.permit.path(), fingerprint };
        Ok(self.0.pages.seal(&query, last, self.now())?)
    }

    /// The page of a list of which one item more than its size was read.
    pub(super) async fn cut<T>(
        &self,
        call: &Call,
        fingerprint: &[u8],
        size: u32,
        (mut items, key): (Vec<T>, impl Fn(&T) -> String),
    ) -> Result<Page<T>, Error> {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let more = items.len() > size;
        items.truncate(size);
        let last = items.last().filter(|_| more).map(&key);
        let next = match last {
            Some(last) => self.next(call, fingerprint, &last).await?,
            None => String::new(),
        };
        Ok(Page { items, next })
    }
}

/// Whether the bastion host of a place is there and open to who calls, and the asset if it is the inside of one; a directory
/// is, by its rule.
pub(super) async fn check_home(conn: &impl ConnectionTrait, call: &Call, home: &Home) -> Result<(), Error> {
    let instance = home.instance();
    if instance.place.is_empty() {
        return Ok(());
    }
    let host: Instance = found(conn, &Home::of_instances(home.directory), &instance.place).await?;
    check_caller(conn, call, &host).await?;
    match home.asset() {
        Some(asset) if store::asset(conn, &instance, asset).await?.is_none() => {
            Err(BastionError::NotFound(home.name()).into())
        }
        _ => Ok(()),
    }
}

/// Whether a bastion host may be changed by who calls; what is in one was looked at before.
async fn check_itself<T: Kept>(conn: &impl ConnectionTrait, call: &Call, resource: &T) -> Result<(), Error> {
    match resource.as_instance() {
        Some(instance) => check_caller(conn, call, instance).await,
        None => Ok(()),
    }
}

/// Whether what is named is there.
async fn check_references(
    conn: &impl ConnectionTrait,
    instance: &Home,
    references: &[(&'static str, Reference)],
) -> Result<(), Error> {
    let mut by_kind: BTreeMap<ResourceKind, BTreeSet<&str>> = BTreeMap::new();
    for (_, named) in references {
        by_kind.entry(named.kind).or_default().insert(&named.id);
    }
    for (kind, ids) in by_kind {
        let there = match kind {
            ResourceKind::Asset => store::assets_existing(conn, instance, &ids).await?,
            ResourceKind::AssetAccount => accounts_existing(conn, instance, &ids).await?,
            _ => store::existing(conn, instance, kind, &ids).await?,
        };
        let missing = |(_, named): &&(_, Reference)| named.kind == kind && !there.contains(&named.id);
        if let Some((field, named)) = references.iter().find(missing) {
            let reference = format!("{}/{}", instance.name(), within_instance(named));
            return Err(BastionError::UnknownReference { field, reference }.into());
        }
    }
    Ok(())
}

/// Those of some accounts of assets, `{asset}/{id}`, that are there.
async fn accounts_existing(
    conn: &impl ConnectionTrait,
    instance: &Home,
    ids: &BTreeSet<&str>,
) -> Result<BTreeSet<String>, Error> {
    let mut of_assets: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (asset, id) in ids.iter().filter_map(|id| id.split_once('/')) {
        of_assets.entry(asset).or_default().insert(id);
    }
    let mut there = BTreeSet::new();
    for (asset, ids) in of_assets {
        let inside = Home::of_asset(instance.directory, &instance.place, asset);
        let found = store::existing(conn, &inside, ResourceKind::AssetAccount, &ids).await?;
        there.extend(found.into_iter().map(|id| format!("{asset}/{id}")));
    }
    Ok(there)
}

/// The name of what is named, within its bastion host.
fn within_instance(named: &Reference) -> String {
    let collection = named.kind.collection();
    match named.id.split_once('/') {
        Some((asset, id)) => format!("{}/{asset}/{collection}/{id}", ResourceKind::Asset.collection()),
        None => format!("{collection}/{}", named.id),
    }
}

/// A resource.
///
/// # Errors
/// [`BastionError::NotFound`].
pub(super) async fn found<T: Resource>(conn: &impl ConnectionTrait, home: &Home, id: &str) -> Result<T, Error> {
    let found = store::find(conn, home, id).await?;
    Ok(found.ok_or_else(|| BastionError::NotFound(T::KIND.name(home, id)))?)
}
