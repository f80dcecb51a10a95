//! Policies: beyond what all resources have, their versions, their order, and what they select.

use std::collections::BTreeMap;

use bailiwick_db::{Committed, IdempotencyKey, Tx};
use bailiwick_rpc::Call;
use sea_orm::DatabaseTransaction;

use super::{
    Error, Page, Sase,
    resource::{Kept, visible},
};
use crate::access::{
    domain::{AccessPolicy, PolicyVersion, Resource, ResourceKind, SaseError, Selection, VERSIONS_KEPT},
    store,
};

impl Kept for AccessPolicy {
    async fn check(&self, _: &DatabaseTransaction) -> Result<(), Error> {
        Ok(AccessPolicy::check(self)?)
    }

    async fn saved(&self, conn: &DatabaseTransaction, operator: &str) -> Result<(), Error> {
        let time = self.meta.update_time;
        let version = PolicyVersion { policy: self.clone(), operator: operator.to_owned(), time };
        Ok(store::version_save(conn, &version, VERSIONS_KEPT).await?)
    }
}

impl Sase {
    /// A page of the policies, in the order in which they decide.
    ///
    /// # Errors
    /// [`Error::Token`].
    pub(crate) async fn policy_list(&self, call: &Call, size: u32, token: &str) -> Result<Page<AccessPolicy>, Error> {
        let directory = call.permit.tenant_directory()?;
        let policies = store::all::<AccessPolicy>(self.db().reader(), directory).await?;
        let mut policies: Vec<_> = policies.into_values().collect();
        policies.sort_by(|a, b| (a.priority, &a.meta.id).cmp(&(b.priority, &b.meta.id)));
        self.cut(call, &[], (size, token), (policies, |policy: &AccessPolicy| policy.meta.id.clone())).await
    }

    /// Deletes policies, all or nothing.
    ///
    /// # Errors
    /// [`SaseError::NotFound`].
    pub(crate) async fn policies_delete(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        ids: &[String],
    ) -> Result<Committed<()>, Error> {
        let directory = call.permit.tenant_directory()?;
        let work = |tx: Tx| async move {
            store::head_lock(tx.conn(), directory).await?;
            let mut names = Vec::new();
            for id in ids {
                let gone: AccessPolicy = visible(tx.conn(), directory, id).await?;
                self.note(&tx, (call, key), Some(&gone), None).await?;
                names.push(gone.name());
                store::remove(tx.conn(), directory, ResourceKind::AccessPolicy, id).await?;
                store::versions_remove(tx.conn(), directory, id).await?;
            }
            self.record(&tx, (call, key), directory, names, None).await
        };
        self.db().write_once("sase_policies_delete", key, work).await
    }

    /// Gives policies other priorities, all or nothing.
    ///
    /// # Errors
    /// [`SaseError::NotFound`].
    pub(crate) async fn policies_reorder(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        priorities: &[(String, u16)],
    ) -> Result<Committed<Vec<AccessPolicy>>, Error> {
        let directory = call.permit.tenant_directory()?;
        let now = self.now();
        let work = |tx: Tx| async move {
            store::head_lock(tx.conn(), directory).await?;
            let known: BTreeMap<String, AccessPolicy> = store::all(tx.conn(), directory).await?;
            let (mut policies, mut changed) = (Vec::new(), Vec::new());
            for (id, priority) in priorities {
                let missing = || SaseError::NotFound(ResourceKind::AccessPolicy.name(directory, id));
                let before = known.get(id).ok_or_else(missing)?;
                let mut after = AccessPolicy { priority: *priority, ..before.clone() };
                if after.changed_from(before, now) {
                    self.put(&tx, (call, key), &after, Some(before)).await?;
                    changed.push(after.name());
                }
                policies.push(after);
            }
            if !changed.is_empty() {
                self.record(&tx, (call, key), directory, changed, None).await?;
            }
            Ok::<_, Error>(policies)
        };
        self.db().write_once("sase_policies_reorder", key, work).await
    }

    /// Replaces what a policy selects, or adds to it (E-SASE-04).
    ///
    /// # Errors
    /// [`SaseError::NotFound`], [`SaseError::EtagMismatch`], [`SaseError::Selection`], [`SaseError::UnknownReference`].
    pub(crate) async fn policy_select(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        named: (&str, &str),
        (selection, extend): (&Selection, bool),
    ) -> Result<Committed<AccessPolicy>, Error> {
        let change = |policy: &mut AccessPolicy| match extend {
            true => policy.extend(selection.clone()),
            false => {
                policy.replace(selection.clone());
                Ok(())
            }
        };
        self.update(call, key, named, change).await
    }

    /// Makes a policy what it was in a version.
    ///
    /// # Errors
    /// [`SaseError::NotFound`], [`SaseError::EtagMismatch`], [`SaseError::UnknownReference`].
    pub(crate) async fn policy_rollback(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        (id, etag): (&str, &str),
        version: i64,
    ) -> Result<Committed<AccessPolicy>, Error> {
        let directory = call.permit.tenant_directory()?;
        let work = |tx: Tx| async move {
            store::head_lock(tx.conn(), directory).await?;
            let before: AccessPolicy = visible(tx.conn(), directory, id).await?;
            before.check_etag(etag)?;
            let missing = || SaseError::NotFound(format!("{}/versions/{version}", before.name()));
            let found = store::version(tx.conn(), (directory, id), version).await?.ok_or_else(missing)?;
            let mut after = AccessPolicy { meta: before.meta.clone(), ..found.policy };
            if after.changed_from(&before, self.now()) {
                self.put(&tx, (call, key), &after, Some(&before)).await?;
                self.record(&tx, (call, key), directory, vec![after.name()], None).await?;
            }
            Ok::<_, Error>(after)
        };
        self.db().write_once("sase_policy_rollback", key, work).await
    }

    /// A page of the versions of a policy, the newest first.
    ///
    /// # Errors
    /// [`SaseError::NotFound`], [`Error::Token`].
    pub(crate) async fn policy_versions(
        &self,
        call: &Call,
        id: &str,
        (size, token): (u32, &str),
    ) -> Result<Page<PolicyVersion>, Error> {
        let (directory, reader) = (call.permit.tenant_directory()?, self.db().reader());
        visible::<AccessPolicy>(reader, directory, id).await?;
        let before = self.after(call, id.as_bytes(), token).await?.parse().unwrap_or(i64::MAX);
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let limit = u64::try_from(size).unwrap_or(u64::MAX).saturating_add(1);
        let mut items = store::versions(reader, (directory, id), before, limit).await?;
        let more = items.len() > size;
        items.truncate(size);
        let next = match items.last() {
            Some(last) if more => self.next(call, id.as_bytes(), &last.policy.meta.version.to_string()).await?,
            _ => String::new(),
        };
        Ok(Page { items, next })
    }
}
