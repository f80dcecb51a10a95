//! Resources: what is the same for all of them. Whoever writes one locks the head of the directory, so that what it names
//! stays until it is written.

use std::collections::BTreeSet;

use bailiwick_core::DirectoryId;
use bailiwick_db::{Committed, IdempotencyKey, PageQuery, Tx};
use bailiwick_rpc::Call;
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use super::{Error, Sase};
use crate::access::{
    domain::{
        AccessBlock, AccessPolicy, Application, Device, EnforcementPoint, IdentityProvider, Meta, Reference, Referring,
        ResourceKind, SaseError, UserGroup,
    },
    store,
};

/// A part of a list.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// Continues the list; empty at its end.
    pub(crate) next: String,
}

/// A resource with rules of its own about what else there is.
pub(crate) trait Kept: Referring {
    /// Whether it can be beside what there is.
    fn check(&self, _conn: &DatabaseTransaction) -> impl Future<Output = Result<(), Error>> + Send {
        async { Ok(()) }
    }

    /// What else is written with it.
    fn saved(&self, _conn: &DatabaseTransaction, _operator: &str) -> impl Future<Output = Result<(), Error>> + Send {
        async { Ok(()) }
    }
}

impl Kept for Application {}
impl Kept for Device {}
impl Kept for AccessBlock {}
impl Kept for EnforcementPoint {}

impl Sase {
    /// Creates a resource.
    ///
    /// # Errors
    /// [`SaseError::Exists`], [`SaseError::Quota`], [`SaseError::SetupIncomplete`], [`SaseError::UnknownReference`].
    pub(crate) async fn create<T: Kept>(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        id: &str,
        make: impl Fn(Meta) -> T + Send + Sync,
    ) -> Result<Committed<T>, Error> {
        let (directory, make) = (call.permit.tenant_directory()?, &make);
        self.db()
            .write_once("sase_create", key, |tx: Tx| async move {
                self.begin::<T>(&tx, directory).await?;
                let made = make(Meta::new(directory, id, &call.operator.principal, self.now()));
                self.insert(&tx, (call, key), &made).await?;
                self.record(&tx, (call, key), directory, vec![made.name()], made.owner()).await?;
                Ok(made)
            })
            .await
    }

    /// Locks the directory for a resource to be created.
    pub(super) async fn begin<T: Kept>(&self, tx: &Tx, directory: DirectoryId) -> Result<(), Error> {
        store::head_lock(tx.conn(), directory).await?;
        T::allowed_by(store::set_up(tx.conn(), directory).await?)?;
        Ok(())
    }

    /// Inserts a resource; the transaction holds the head.
    pub(super) async fn insert<T: Kept>(&self, tx: &Tx, by: (&Call, &IdempotencyKey), made: &T) -> Result<(), Error> {
        let Meta { directory, id, .. } = made.meta();
        if store::find::<T>(tx.conn(), *directory, id).await?.is_some() {
            return Err(SaseError::Exists(made.name()).into());
        }
        if store::count(tx.conn(), *directory, T::KIND).await? >= T::KIND.limit() {
            return Err(SaseError::Quota(T::KIND).into());
        }
        self.put(tx, by, made, None).await
    }

    /// Saves a resource; the transaction holds the head. What it names anew must be there.
    pub(super) async fn put<T: Kept>(
        &self,
        tx: &Tx,
        by: (&Call, &IdempotencyKey),
        after: &T,
        before: Option<&T>,
    ) -> Result<(), Error> {
        let known: BTreeSet<_> = before.map(Referring::references).unwrap_or_default().into_iter().collect();
        let new = after.references().into_iter().filter(|reference| !known.contains(reference));
        check_references(tx.conn(), after.meta().directory, new.collect()).await?;
        after.check(tx.conn()).await?;
        store::save(tx.conn(), after).await?;
        self.note(tx, by, before, Some(after)).await?;
        after.saved(tx.conn(), &by.0.operator.principal).await
    }

    /// Changes a resource.
    ///
    /// # Errors
    /// [`SaseError::NotFound`], [`SaseError::EtagMismatch`], [`SaseError::UnknownReference`], those of `change`.
    pub(crate) async fn update<T: Kept>(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        (id, etag): (&str, &str),
        change: impl Fn(&mut T) -> Result<(), SaseError> + Send + Sync,
    ) -> Result<Committed<T>, Error> {
        let (directory, change) = (call.permit.tenant_directory()?, &change);
        self.db()
            .write_once("sase_update", key, |tx: Tx| async move {
                store::head_lock(tx.conn(), directory).await?;
                let before: T = visible(tx.conn(), directory, id).await?;
                before.check_etag(etag)?;
                let mut after = before.clone();
                change(&mut after)?;
                if after.changed_from(&before, self.now()) {
                    self.put(&tx, (call, key), &after, Some(&before)).await?;
                    self.record(&tx, (call, key), directory, vec![after.name()], after.owner()).await?;
                }
                Ok(after)
            })
            .await
    }

    /// Deletes a resource that nothing names.
    ///
    /// # Errors
    /// [`SaseError::NotFound`], [`SaseError::EtagMismatch`], [`SaseError::InUse`].
    pub(crate) async fn delete<T: Kept>(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        (id, etag): (&str, &str),
    ) -> Result<Committed<()>, Error> {
        let directory = call.permit.tenant_directory()?;
        self.db()
            .write_once("sase_delete", key, |tx: Tx| async move {
                store::head_lock(tx.conn(), directory).await?;
                let gone: T = visible(tx.conn(), directory, id).await?;
                gone.check_etag(etag)?;
                if let Some(used_by) = used_by(tx.conn(), directory, T::KIND, id).await? {
                    return Err(SaseError::InUse { resource: gone.name(), used_by }.into());
                }
                store::remove(tx.conn(), directory, T::KIND, id).await?;
                if T::KIND == ResourceKind::AccessPolicy {
                    store::versions_remove(tx.conn(), directory, id).await?;
                }
                self.note(&tx, (call, key), Some(&gone), None).await?;
                self.record(&tx, (call, key), directory, vec![gone.name()], gone.owner()).await
            })
            .await
    }

    /// Reads a resource.
    ///
    /// # Errors
    /// [`SaseError::NotFound`].
    pub(crate) async fn get<T: Kept>(&self, call: &Call, id: &str) -> Result<T, Error> {
        visible(self.db().reader(), call.permit.tenant_directory()?, id).await
    }

    /// A page of the resources of a kind, by id; it may be shorter than asked for before the end.
    ///
    /// # Errors
    /// [`Error::Token`].
    pub(crate) async fn list<T: Kept>(&self, call: &Call, size: u32, token: &str) -> Result<Page<T>, Error> {
        let (directory, reader) = (call.permit.tenant_directory()?, self.db().reader());
        let after = self.after(call, &[], token).await?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let limit = u64::try_from(size).unwrap_or(u64::MAX).saturating_add(1);
        let mut items = store::page::<T>(reader, directory, &after, limit).await?;
        let more = items.len() > size;
        items.truncate(size);
        let next = match items.last() {
            Some(last) if more => self.next(call, &[], &last.meta().id).await?,
            _ => String::new(),
        };
        let managed = store::managed(reader, directory).await?;
        items.retain(|item| item.owner().is_none_or(|owner| managed.contains_key(&owner)));
        Ok(Page { items, next })
    }

    /// The key after which a list goes on; empty for its beginning.
    pub(super) async fn after(&self, call: &Call, fingerprint: &[u8], token: &str) -> Result<String, Error> {
        if token.is_empty() {
            return Ok(String::new());
        }
        let (epoch, tenant) = (self.db().epoch().await?, call.permit.tenant_directory()?.name());
        let query = PageQuery { epoch: &epoch, tenant: &tenant, method: call.permit.path(), fingerprint };
        Ok(self.0.pages.open(&query, token, self.now())?)
    }

    /// The token of a list that goes on after a key.
    pub(super) async fn next(&self, call: &Call, fingerprint: &[u8], last: &str) -> Result<String, Error> {
        let (epoch, tenant) = (self.db().epoch().await?, call.permit.tenant_directory()?.name());
        let query = PageQuery { epoch: &epoch, tenant: &tenant, method: call.permit.path(), fingerprint };
        Ok(self.0.pages.seal(&query, last, self.now())?)
    }

    /// A page of a list that is in memory, after the item of a key.
    pub(super) async fn cut<T>(
        &self,
        call: &Call,
        fingerprint: &[u8],
        (size, token): (u32, &str),
        (mut items, key): (Vec<T>, impl Fn(&T) -> String),
    ) -> Result<Page<T>, Error> {
        let after = self.after(call, fingerprint, token).await?;
        if !after.is_empty() {
            // What it went on after is gone: from the beginning is better than to leave something out.
            let at = items.iter().position(|item| key(item) == after).map_or(0, |at| at + 1);
            items.drain(..at);
        }
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

/// A resource, if it is there and SASE manages whom it belongs to (R-SASE-13).
pub(super) async fn visible<T: Kept>(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    id: &str,
) -> Result<T, Error> {
    let missing = || SaseError::NotFound(T::KIND.name(directory, id));
    let found: T = store::find(conn, directory, id).await?.ok_or_else(missing)?;
    match found.owner() {
        Some(owner) if !store::is_managed(conn, directory, owner).await? => Err(missing().into()),
        _ => Ok(found),
    }
}

/// Whether what is named is there.
pub(super) async fn check_references(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    references: Vec<(&'static str, Reference)>,
) -> Result<(), Error> {
    // Users may be thousands: their ids are read once.
    let many = references.len() > 8;
    let (mut users, mut groups) = (None, None);
    if many {
        users = Some(store::ids(conn, directory, ResourceKind::SaseUser).await?);
        groups = Some(store::ids(conn, directory, ResourceKind::UserGroup).await?);
    }
    for (field, reference) in references {
        let (known, name) = match reference {
            Reference::Resource(kind, id) => {
                let name = kind.name(directory, &id);
                let known = match (kind, &users, &groups) {
                    (ResourceKind::SaseUser, Some(ids), _) | (ResourceKind::UserGroup, _, Some(ids)) => {
                        ids.contains(&id)
                    }
                    (ResourceKind::Application, ..) => is_visible(conn, directory, &id).await?,
                    _ => store::exists(conn, directory, kind, &id).await?,
                };
                (known, name)
            }
            Reference::Folder(id) => {
                (store::folder_known(conn, directory, &id).await?, format!("{}/folders/{id}", directory.name()))
            }
            Reference::Member(account) => (store::account_known(conn, directory, account).await?, account.name()),
            Reference::RamUser(name) => (store::ram_user_known(conn, directory, &name).await?, name),
        };
        if !known {
            return Err(SaseError::UnknownReference { field, reference: name }.into());
        }
    }
    Ok(())
}

async fn is_visible(conn: &impl ConnectionTrait, directory: DirectoryId, id: &str) -> Result<bool, Error> {
    match visible::<Application>(conn, directory, id).await {
        Ok(_) => Ok(true),
        Err(Error::Domain(SaseError::NotFound(_))) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The name of something that names a resource.
async fn used_by(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    kind: ResourceKind,
    id: &str,
) -> Result<Option<String>, Error> {
    let users: &[ResourceKind] = match kind {
        ResourceKind::SaseUser => {
            &[ResourceKind::UserGroup, ResourceKind::Device, ResourceKind::AccessPolicy, ResourceKind::AccessBlock]
        }
        ResourceKind::UserGroup => {
            &[ResourceKind::UserGroup, ResourceKind::AccessPolicy, ResourceKind::IdentityProvider]
        }
        ResourceKind::Application => &[ResourceKind::AccessPolicy, ResourceKind::AccessBlock],
        ResourceKind::Device => &[ResourceKind::AccessBlock],
        ResourceKind::AccessPolicy
        | ResourceKind::AccessBlock
        | ResourceKind::IdentityProvider
        | ResourceKind::EnforcementPoint => &[],
    };
    let wanted = Reference::Resource(kind, id.to_owned());
    for user in users {
        let found = match user {
            ResourceKind::UserGroup => naming::<UserGroup>(conn, directory, &wanted).await?,
            ResourceKind::Device => naming::<Device>(conn, directory, &wanted).await?,
            ResourceKind::AccessPolicy => naming::<AccessPolicy>(conn, directory, &wanted).await?,
            ResourceKind::IdentityProvider => naming::<IdentityProvider>(conn, directory, &wanted).await?,
            _ => naming::<AccessBlock>(conn, directory, &wanted).await?,
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

async fn naming<T: Referring>(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    wanted: &Reference,
) -> Result<Option<String>, Error> {
    let all = store::all::<T>(conn, directory).await?;
    let names = |one: &&T| one.references().iter().any(|(_, reference)| reference == wanted);
    Ok(all.values().find(names).map(|one| one.name()))
}
