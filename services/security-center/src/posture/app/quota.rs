//! Quota of administrators' subscriptions that members have (E-SC-11).

use std::collections::BTreeMap;

use bailiwick_changelog::Recorded;
use bailiwick_core::{AccountId, DirectoryId, authz::Tenant};
use bailiwick_db::{ChangeRow, Committed, DbError, IdempotencyKey, PageQuery, PageTokenError, Tx};
use bailiwick_roster::folders_of;
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;
use serde::{Deserialize, Serialize};

use super::{
    Error, Subscriptions,
    edition::{holdings, multi_account},
    once::key,
};
use crate::posture::{
    domain::{BuyType, Edition, Life, QuotaAssignment, Subscription, SubscriptionError, may_assign},
    store,
};

/// An assignment, and the edition that the member has by it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct QuotaView {
    pub(crate) quota: QuotaAssignment,
    pub(crate) edition: Edition,
}

impl Subscriptions {
    /// Assigns servers of the caller's own subscription to a member.
    ///
    /// # Errors
    /// [`SubscriptionError::Required`], `Exists`, `QuotaExceeded`; `NotFound` where the member is not in the list.
    pub(crate) async fn assign(
        &self,
        call: &Call,
        (account, servers): (AccountId, i64),
        request_id: Option<String>,
    ) -> Result<Committed<QuotaView>, Error> {
        multi_account(&self.db, call).await?;
        let directory = call.permit.tenant_directory()?;
        let payer = caller(call)?;
        let key = &key(call, request_id, &(directory, account, servers))?;
        let work = |tx: Tx| async move {
            let (conn, now) = (tx.conn(), self.db.clock().now());
            let locked = lock(conn, &[payer, account]).await?;
            let standing = |of: AccountId| locked.get(&of).map(|found| found.at(now));
            if standing(account).is_some_and(|own| own.runs()) {
                return Err(SubscriptionError::Exists { account, buy_type: BuyType::Own }.into());
            }
            let had = holdings(conn, &[account], now).await?;
            if had.get(&account).is_some_and(|had| had.buy_type == BuyType::Allocated) {
                return Err(SubscriptionError::Exists { account, buy_type: BuyType::Allocated }.into());
            }
            let paying = locked.get(&payer).cloned().unwrap_or_else(|| Subscription::none(payer));
            let edition = running(&paying, now)?;
            may_assign(payer, paying.assignable(now), store::assigned_of(conn, payer).await?, (0, servers))?;
            let entry = store::entry_uid(conn, directory, account).await?;
            let uid = entry.ok_or_else(|| missing(directory, account))?;
            let payer_incarnation = store::incarnation(conn, directory, payer).await?;
            let payer_incarnation = payer_incarnation.ok_or_else(|| missing(directory, payer))?;
            let create_time = now;
            let quota =
                QuotaAssignment { directory, account, uid, payer, payer_incarnation, servers, create_time, version: 1 };
            store::quota_save(conn, &quota).await?;
            tx.record(self.quota_change(call, &quota, key));
            Ok::<_, Error>(QuotaView { quota, edition })
        };
        self.db.write_once("quota_assign", key, work).await
    }

    /// A page of the assignments within the call's scope, by account, and the token of the next.
    pub(crate) async fn assignments(
        &self,
        call: &Call,
        (size, token): (u32, &str),
    ) -> Result<(Vec<QuotaView>, String), Error> {
        multi_account(&self.db, call).await?;
        let directory = call.permit.tenant_directory()?;
        let (conn, epoch, now) = (self.db.reader(), self.db.epoch().await?, self.db.clock().now());
        let (tenant, method) = (directory.name(), call.permit.path());
        let query = PageQuery { epoch: &epoch, tenant: &tenant, method, fingerprint: b"" };
        let after = match token {
            "" => 0,
            token => self.pages.open(&query, token, now)?.parse().map_err(|_| PageTokenError::Invalid)?,
        };
        let folders = folders_of(conn, directory, call.permit.scope()).await?;
        let mut page =
            store::quotas_page(conn, directory, folders.as_ref(), after, u64::from(size).saturating_add(1)).await?;
        let next = if page.len() > usize::try_from(size).unwrap_or(usize::MAX) {
            page.pop();
            let last = page.last().map(|last| last.account.get().to_string()).unwrap_or_default();
            self.pages.seal(&query, &last, now)?
        } else {
            String::new()
        };
        let payers: Vec<_> = page.iter().map(|quota| quota.payer).collect();
        let paying = store::subscriptions(conn, &payers).await?;
        let paying: BTreeMap<_, _> = paying.into_iter().map(|of| (of.account, of.at(now).edition)).collect();
        let shown = |quota: QuotaAssignment| {
            let edition = paying.get(&quota.payer).copied().unwrap_or(Edition::Basic);
            QuotaView { quota, edition }
        };
        Ok((page.into_iter().map(shown).collect(), next))
    }

    /// Changes how many servers a member has of the caller's own subscription.
    ///
    /// # Errors
    /// [`SubscriptionError::NotFound`], `EtagMismatch`, `NotPayer`, `Required`, `QuotaExceeded`.
    pub(crate) async fn reassign(
        &self,
        call: &Call,
        (account, servers): (AccountId, i64),
        etag: &str,
        request_id: Option<String>,
    ) -> Result<Committed<QuotaView>, Error> {
        multi_account(&self.db, call).await?;
        let directory = call.permit.tenant_directory()?;
        let payer = caller(call)?;
        let key = &key(call, request_id, &(directory, account, servers, etag))?;
        let work = |tx: Tx| async move {
            let (conn, now) = (tx.conn(), self.db.clock().now());
            let locked = lock(conn, &[payer]).await?;
            let quota = found(conn, directory, account).await?;
            quota.check_etag(etag)?;
            if quota.payer != payer {
                return Err(SubscriptionError::NotPayer { name: quota.name(), payer: quota.payer }.into());
            }
            let paying = locked.get(&payer).cloned().unwrap_or_else(|| Subscription::none(payer));
            let edition = running(&paying, now)?;
            let assigned = store::assigned_of(conn, payer).await?;
            may_assign(payer, paying.assignable(now), assigned, (quota.servers, servers))?;
            let quota = QuotaAssignment { servers, version: quota.version + 1, ..quota };
            store::quota_save(conn, &quota).await?;
            tx.record(self.quota_change(call, &quota, key));
            Ok::<_, Error>(QuotaView { quota, edition })
        };
        self.db.write_once("quota_reassign", key, work).await
    }

    /// Takes the quota of a member back, whoever gave it.
    ///
    /// # Errors
    /// [`SubscriptionError::NotFound`], `EtagMismatch`.
    pub(crate) async fn unassign(
        &self,
        call: &Call,
        account: AccountId,
        etag: &str,
        request_id: Option<String>,
    ) -> Result<Committed<()>, Error> {
        multi_account(&self.db, call).await?;
        let directory = call.permit.tenant_directory()?;
        let key = &key(call, request_id, &(directory, account, etag))?;
        let work = |tx: Tx| async move {
            let payer = found(tx.conn(), directory, account).await?.payer;
            lock(tx.conn(), &[payer]).await?;
            let quota = found(tx.conn(), directory, account).await?;
            quota.check_etag(etag)?;
            store::quota_remove(tx.conn(), &quota).await?;
            tx.record(self.quota_change(call, &quota, key));
            Ok::<_, Error>(())
        };
        self.db.write_once("quota_unassign", key, work).await
    }

    fn quota_change(&self, call: &Call, quota: &QuotaAssignment, key: &IdempotencyKey) -> ChangeRow {
        let recorded = Recorded {
            resource: quota.name(),
            tenant: Tenant::Directory(quota.directory),
            accounts: vec![quota.account.name()],
            request_id: key.request_id.clone().unwrap_or_default(),
            facts: Vec::new(),
        };
        recorded.by_call(call, self.db.clock().now())
    }
}

/// Locks the subscriptions of accounts; all writers do in the order of the accounts.
async fn lock(
    conn: &impl ConnectionTrait,
    accounts: &[AccountId],
) -> Result<BTreeMap<AccountId, Subscription>, DbError> {
    let mut accounts = accounts.to_vec();
    accounts.sort_unstable();
    accounts.dedup();
    let locked = store::subscriptions_lock(conn, &accounts).await?;
    Ok(locked.into_iter().map(|of| (of.account, of)).collect())
}

async fn found(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    account: AccountId,
) -> Result<QuotaAssignment, Error> {
    let found = store::quotas_of(conn, &[account]).await?.into_iter().find(|quota| quota.directory == directory);
    Ok(found.ok_or_else(|| SubscriptionError::NotFound(QuotaAssignment::name_of(directory, account)))?)
}

/// The edition of a subscription that runs.
fn running(of: &Subscription, now: bailiwick_core::Timestamp) -> Result<Edition, SubscriptionError> {
    let standing = of.at(now);
    if standing.runs() {
        return Ok(standing.edition);
    }
    let life: Life = standing.life;
    Err(SubscriptionError::Required { account: of.account, life })
}

fn caller(call: &Call) -> Result<AccountId, Error> {
    call.permit.account().ok_or_else(|| super::edition::Closed::NoAccount.into())
}

fn missing(directory: DirectoryId, account: AccountId) -> SubscriptionError {
    SubscriptionError::NotFound(crate::posture::MONITORED_ACCOUNTS.name(directory, account))
}
