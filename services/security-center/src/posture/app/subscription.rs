//! Subscriptions (R-SC-06).

use bailiwick_changelog::Recorded;
use bailiwick_core::{AccountId, Timestamp, authz::Tenant};
use bailiwick_db::{Committed, Db, DbError, IdempotencyKey, PageQuery, PageTokens, Tx};
use bailiwick_rpc::Call;
use serde::{Deserialize, Serialize};

use super::{
    Error,
    edition::{holding, multi_account_of},
    once::key,
};
use crate::posture::{
    domain::{Edition, Holding, Subscription, SubscriptionError, Wanted},
    store,
};

/// The subscriptions, for calls.
#[derive(Clone)]
pub(crate) struct Subscriptions {
    pub(super) db: Db,
    pub(super) pages: PageTokens,
}

/// What an account has bought, and what it has.
#[derive(Clone, Debug)]
pub(crate) struct SubscriptionView {
    pub(crate) own: Subscription,
    pub(crate) holding: Holding,
    pub(crate) assigned: i64,
    /// Whether the multi-account feature is open to it.
    pub(crate) multi_account: bool,
    /// When this was so.
    pub(crate) now: Timestamp,
}

/// A call that changes a subscription.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) enum Change<'a> {
    Purchase { wanted: Wanted, months: u32 },
    Upgrade { wanted: Wanted, etag: &'a str },
    Downgrade { wanted: Wanted, immediately: bool, etag: &'a str },
    Renew { months: u32, etag: &'a str },
    Cancel { etag: &'a str },
}

/// What is stored with a request id.
#[derive(Serialize, Deserialize)]
struct Changed {
    own: Subscription,
    assigned: i64,
    unverified: bool,
    now: Timestamp,
}

// === impl Subscriptions ===

impl Subscriptions {
    pub(crate) fn new(db: Db, pages: PageTokens) -> Self {
        Self { db, pages }
    }

    /// A page of the editions, and the token of the next.
    pub(crate) async fn editions(
        &self,
        call: &Call,
        (size, token): (u32, &str),
    ) -> Result<(Vec<Edition>, String), Error> {
        let (epoch, now) = (self.db.epoch().await?, self.db.clock().now());
        let query = PageQuery { epoch: &epoch, tenant: "", method: call.permit.path(), fingerprint: b"" };
        let after = match token {
            "" => 0,
            token => self.pages.open(&query, token, now)?.parse().map_err(|_| bailiwick_db::PageTokenError::Invalid)?,
        };
        let mut rest = Edition::ALL.into_iter().filter(|edition| edition.code() > after);
        let page: Vec<_> = rest.by_ref().take(usize::try_from(size).unwrap_or(usize::MAX)).collect();
        let next = match (rest.next(), page.last()) {
            (Some(_), Some(last)) => self.pages.seal(&query, &last.code().to_string(), now)?,
            _ => String::new(),
        };
        Ok((page, next))
    }

    /// What an account has, whoever paid for it.
    pub(crate) async fn get(&self, account: AccountId) -> Result<SubscriptionView, Error> {
        let (conn, now) = (self.db.reader(), self.db.clock().now());
        let own = store::subscriptions(conn, &[account]).await?.pop();
        let own = own.unwrap_or_else(|| Subscription::none(account));
        let (holding, assigned) = (holding(conn, account, now).await?, store::assigned_of(conn, account).await?);
        let multi_account = match multi_account_of(conn, account, now).await {
            Ok(()) => true,
            Err(super::edition::Closed::Db(error)) => return Err(error.into()),
            Err(_) => false,
        };
        Ok(SubscriptionView { own, holding, assigned, multi_account, now })
    }

    /// Changes the subscription of the call's own account.
    ///
    /// # Errors
    /// Those of the change; [`SubscriptionError::EtagMismatch`]; [`SubscriptionError::Exists`] for an account that has
    /// quota of an administrator.
    pub(crate) async fn change(
        &self,
        call: &Call,
        change: Change<'_>,
        request_id: Option<String>,
    ) -> Result<Committed<SubscriptionView>, Error> {
        let account = call.permit.tenant_account()?;
        let key = &key(call, request_id, &(account, change))?;
        let work = |tx: Tx| async move { self.apply(&tx, call, (account, change), key).await };
        let done = self.db.write_once("subscription_change", key, work).await?;
        let Changed { own, assigned, unverified, now } = done.value;
        let holding = Holding::of(own.at(now), None);
        let multi_account = !unverified && holding.edition.multi_account();
        let value = SubscriptionView { own, holding, assigned, multi_account, now };
        Ok(Committed { value, position: done.position, replayed: done.replayed })
    }

    async fn apply(
        &self,
        tx: &Tx,
        call: &Call,
        (account, change): (AccountId, Change<'_>),
        key: &IdempotencyKey,
    ) -> Result<Changed, Error> {
        let (conn, now) = (tx.conn(), self.db.clock().now());
        let own = store::subscriptions_lock(conn, &[account]).await?.pop();
        let own = own.ok_or_else(|| DbError::Other("the row of a subscription vanished".into()))?;
        let assigned = store::assigned_of(conn, account).await?;
        let own = match change {
            Change::Purchase { wanted, months } => {
                let holding = holding(conn, account, now).await?;
                if holding.edition != Edition::Basic {
                    return Err(SubscriptionError::Exists { account, buy_type: holding.buy_type }.into());
                }
                // What was assigned of an earlier subscription ended with it.
                store::quotas_remove_of(conn, account).await?;
                own.purchase(wanted, months, now)?
            }
            Change::Upgrade { wanted, etag } => own.check_etag(etag).and_then(|()| own.upgrade(wanted, now))?,
            Change::Downgrade { wanted, immediately, etag } => {
                own.check_etag(etag)?;
                own.downgrade(wanted, immediately, assigned, now)?
            }
            Change::Renew { months, etag } => own.check_etag(etag).and_then(|()| own.renew(months, now))?,
            Change::Cancel { etag } => own.check_etag(etag).and_then(|()| own.cancel_change(now))?,
        };
        store::subscription_save(conn, &own).await?;
        let unverified = store::unverified(conn, account).await?;
        let assigned = store::assigned_of(conn, account).await?;
        let recorded = Recorded {
            resource: own.name(),
            tenant: Tenant::Account(account),
            accounts: vec![account.name()],
            request_id: key.request_id.clone().unwrap_or_default(),
            facts: Vec::new(),
        };
        tx.record(recorded.by_call(call, now));
        Ok(Changed { own, assigned, unverified, now })
    }
}
