//! Policies and their versions.

use bailiwick_core::AccountId;
use bailiwick_db::{Snapshot, Tx};
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;

use super::{App, Done, Error, Made, Mutation, Page, PageRequest, list, own_account, standing::lock_for};
use crate::{
    domain::{
        self,
        policy::{NewPolicy, Policy, PolicyId, PolicyVersion, PolicyView, VersionId, system_page},
    },
    events, store,
};

/// Which version of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionName {
    /// The account.
    pub account: AccountId,
    /// The policy.
    pub policy: PolicyId,
    /// Number of the version.
    pub number: u32,
}

/// A version that is to be made. The document is a permission policy that was read without mistakes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVersion {
    /// The document.
    pub document: String,
    /// Whether it counts from now on.
    pub set_default: bool,
}

impl App {
    /// Creates a custom policy with its first version.
    pub async fn policy_create(
        &self,
        call: &Call,
        change: &Mutation,
        named: AccountId,
        new: NewPolicy,
    ) -> Result<Done<PolicyView>, Error> {
        let id = own_account(&call.permit, named)?;
        let new = &new;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let tenant = lock_for(conn, call, id).await?.tenant();
            let now = self.now();
            let exists = store::policy::get(conn, id, &new.id).await?.is_some();
            let policies = store::policy::count_all(conn, id).await?;
            let limit = self.limits.identities.policies_max;
            let (policy, first) = Policy::create(id, new.clone(), exists, policies, limit, now)?;
            store::policy::insert(conn, &policy).await?;
            store::policy::insert_version(conn, &first).await?;
            let facts = vec![events::policy(&policy, &first.document)];
            self.record(&tx, call, change, now, Made { resource: policy.name(), tenant, accounts: vec![id], facts });
            Ok(view(policy, first.document, 0))
        };
        self.mutate("policy_create", change, work).await
    }

    /// Reads a policy, with the document of the version that counts.
    pub async fn policy_get(&self, call: &Call, named: AccountId, policy: &PolicyId) -> Result<PolicyView, Error> {
        let id = own_account(&call.permit, named)?;
        let read = move |snapshot: Snapshot| async move { shown(snapshot.conn(), id, policy).await };
        Ok(self.db.snapshot("policy_get", read).await?.value)
    }

    /// Lists the policies that can be attached in an account, system policies first.
    pub async fn policy_list(
        &self,
        call: &Call,
        named: AccountId,
        asked: &PageRequest,
    ) -> Result<Page<PolicyView>, Error> {
        let id = own_account(&call.permit, named)?;
        let window = self.window(call, asked, "").await?.at_most(list::DOCUMENTS_MAX);
        let (after, limit) = (window.after.as_deref().map(PolicyId::from), window.limit());
        let after = &after;
        let read = move |snapshot: Snapshot| async move { page(snapshot.conn(), id, after.as_ref(), limit).await };
        let items = self.db.snapshot("policy_list", read).await?.value;
        self.page(call, &window, items, |view| view.id.id().to_owned())
    }

    /// Deletes a custom policy that nobody has, with its versions.
    pub async fn policy_delete(
        &self,
        call: &Call,
        change: &Mutation,
        named: AccountId,
        policy: &PolicyId,
        etag: &str,
    ) -> Result<Done<()>, Error> {
        let id = own_account(&call.permit, named)?;
        let custom = policy.custom(id)?;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let tenant = lock_for(conn, call, id).await?.tenant();
            let found = find(conn, id, custom).await?;
            found.delete(store::attachment::count_of(conn, id, policy).await?, etag)?;
            store::policy::delete(conn, id, custom).await?;
            let facts = vec![events::policy_gone(&found)];
            let made = Made { resource: found.name(), tenant, accounts: vec![id], facts };
            self.record(&tx, call, change, self.now(), made);
            Ok(())
        };
        self.mutate("policy_delete", change, work).await
    }

    /// Adds a version to a custom policy. Answers the version, and whether it counts.
    pub async fn policy_version_create(
        &self,
        call: &Call,
        change: &Mutation,
        named: (AccountId, &PolicyId),
        new: NewVersion,
    ) -> Result<Done<(PolicyVersion, bool)>, Error> {
        let (named, policy) = named;
        let id = own_account(&call.permit, named)?;
        let (policy, new) = (policy.custom(id)?, &new);
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let tenant = lock_for(conn, call, id).await?.tenant();
            let now = self.now();
            let found = find(conn, id, policy).await?;
            let versions = store::policy::count_versions(conn, id, policy).await?;
            let (changed, added) = found.add_version(new.document.clone(), new.set_default, versions, now)?;
            store::policy::insert_version(conn, &added).await?;
            store::policy::save(conn, &changed).await?;
            let facts = new.set_default.then(|| events::policy(&changed, &added.document));
            let facts = facts.into_iter().collect();
            self.record(&tx, call, change, now, Made { resource: added.name(), tenant, accounts: vec![id], facts });
            Ok((added, new.set_default))
        };
        self.mutate("policy_version_create", change, work).await
    }

    /// Lists the versions of a policy, newest first, each with whether it counts. System policies have none.
    pub async fn policy_version_list(
        &self,
        call: &Call,
        named: AccountId,
        policy: &PolicyId,
        asked: &PageRequest,
    ) -> Result<Page<(PolicyVersion, bool)>, Error> {
        let id = own_account(&call.permit, named)?;
        let window = self.window(call, asked, "").await?;
        let before = window.after::<u32>()?.unwrap_or(u32::MAX);
        let PolicyId::Custom(policy) = policy else { return self.page(call, &window, Vec::new(), version_key) };
        let read = move |snapshot: Snapshot| async move {
            let found = find(snapshot.conn(), id, policy).await?;
            let versions = store::policy::versions(snapshot.conn(), id, policy).await?;
            let older = versions.into_iter().filter(|version| version.number < before);
            Ok::<_, Error>(older.map(|version| (version.number == found.default_version, version)).collect::<Vec<_>>())
        };
        let versions = self.db.snapshot("policy_version_list", read).await?.value;
        let items = versions.into_iter().map(|(counts, version)| (version, counts)).collect();
        self.page(call, &window, items, version_key)
    }

    /// Makes another version of a policy count, at once for whoever has the policy.
    pub async fn policy_version_set_default(
        &self,
        call: &Call,
        change: &Mutation,
        named: &VersionName,
        etag: &str,
    ) -> Result<Done<PolicyView>, Error> {
        let id = own_account(&call.permit, named.account)?;
        let policy = named.policy.custom(id)?;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let tenant = lock_for(conn, call, id).await?.tenant();
            let now = self.now();
            let found = find(conn, id, policy).await?;
            let version = find_version(conn, &found, named.number).await?;
            let attachments = store::attachment::count_of(conn, id, &named.policy).await?;
            let Some(changed) = found.set_default(&version, etag, now)? else {
                return Ok(view(found, version.document, attachments));
            };
            store::policy::save(conn, &changed).await?;
            let facts = vec![events::policy(&changed, &version.document)];
            self.record(&tx, call, change, now, Made { resource: changed.name(), tenant, accounts: vec![id], facts });
            Ok(view(changed, version.document, attachments))
        };
        self.mutate("policy_version_set_default", change, work).await
    }

    /// Deletes a version that does not count.
    pub async fn policy_version_delete(
        &self,
        call: &Call,
        change: &Mutation,
        named: &VersionName,
    ) -> Result<Done<()>, Error> {
        let id = own_account(&call.permit, named.account)?;
        let policy = named.policy.custom(id)?;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let tenant = lock_for(conn, call, id).await?.tenant();
            let now = self.now();
            let found = find(conn, id, policy).await?;
            let version = find_version(conn, &found, named.number).await?;
            let changed = found.delete_version(&version, now)?;
            store::policy::delete_version(conn, &version).await?;
            store::policy::save(conn, &changed).await?;
            let made = Made { resource: version.name(), tenant, accounts: vec![id], facts: Vec::new() };
            self.record(&tx, call, change, now, made);
            Ok(())
        };
        self.mutate("policy_version_delete", change, work).await
    }
}

fn view(policy: Policy, document: String, attachments: u32) -> PolicyView {
    let (account, id) = (policy.account, PolicyId::Custom(policy.id.clone()));
    PolicyView { account, id, custom: Some((policy, document)), attachments }
}

fn version_key((version, _): &(PolicyVersion, bool)) -> String {
    version.number.to_string()
}

/// A custom policy of an account.
async fn find(conn: &impl ConnectionTrait, of: AccountId, id: &str) -> Result<Policy, Error> {
    let found = store::policy::get(conn, of, id).await?;
    found.ok_or_else(|| domain::Error::NotFound(format!("{}/policies/{id}", of.name())).into())
}

async fn find_version(conn: &impl ConnectionTrait, of: &Policy, number: u32) -> Result<PolicyVersion, Error> {
    let found = store::policy::get_version(conn, of.account, &of.id, number).await?;
    let missing = || domain::Error::NotFound(format!("{}/versions/{}", of.name(), VersionId(number)));
    found.ok_or_else(|| missing().into())
}

async fn shown(conn: &impl ConnectionTrait, of: AccountId, policy: &PolicyId) -> Result<PolicyView, Error> {
    let attachments = store::attachment::count_of(conn, of, policy).await?;
    let PolicyId::Custom(id) = policy else {
        return Ok(PolicyView { account: of, id: policy.clone(), custom: None, attachments });
    };
    let found = find(conn, of, id).await?;
    let version = find_version(conn, &found, found.default_version).await?;
    Ok(view(found, version.document, attachments))
}

/// The policies after `after`: system policies, then custom ones, each by their ids.
async fn page(
    conn: &impl ConnectionTrait,
    of: AccountId,
    after: Option<&PolicyId>,
    limit: u64,
) -> Result<Vec<PolicyView>, Error> {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let (system, after) = match after {
        None => (system_page("", most), ""),
        Some(PolicyId::System(policy)) => (system_page(policy.name(), most), ""),
        Some(PolicyId::Custom(id)) => (Vec::new(), id.as_str()),
    };
    let left = limit.saturating_sub(u64::try_from(system.len()).unwrap_or(u64::MAX));
    let custom = if left > 0 { store::policy::page(conn, of, after, left).await? } else { Vec::new() };
    let mut documents = store::policy::documents(conn, &custom).await?;
    let system = system.into_iter().map(|policy| (PolicyId::System(policy), None));
    let custom = custom.into_iter().map(|policy| {
        let document = documents.remove(&policy.id).unwrap_or_default();
        (PolicyId::Custom(policy.id.clone()), Some((policy, document)))
    });
    let all: Vec<_> = system.chain(custom).collect();
    let ids: Vec<PolicyId> = all.iter().map(|(id, _)| id.clone()).collect();
    let counts = store::attachment::counts(conn, of, &ids).await?;
    let view = |(id, custom)| {
        let attachments = counts.get(&id).copied().unwrap_or_default();
        PolicyView { account: of, id, custom, attachments }
    };
    Ok(all.into_iter().map(view).collect())
}
