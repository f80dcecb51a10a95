//! Reading risks, and accepting them.

use std::{collections::BTreeSet, sync::Arc};

use bailiwick_changelog::Recorded;
use bailiwick_core::{Timestamp, authz::Tenant, filter::Listing};
use bailiwick_db::{Committed, Db, IdempotencyKey, PageQuery, PageTokens, Place, Tx};
use bailiwick_roster::{Listed, places_of};
use bailiwick_rpc::Call;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{RisksError, Settling, edition, risk_write};
use crate::posture::{
    MONITORED_ACCOUNTS,
    domain::{Acknowledgement, Risk, RiskError, RiskId},
    store::{self, View, Whose},
};

/// The risks, for calls.
#[derive(Clone)]
pub(crate) struct Risks {
    pub(super) db: Db,
    pub(super) pages: PageTokens,
    pub(super) shutdown: CancellationToken,
    pub(super) settling: Settling,
    /// Wakes what applies suppression rules.
    pub(super) rules_changed: Arc<Notify>,
}

/// A risk, and where its account is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RiskView {
    pub(crate) risk: Risk,
    /// `directories/{directory}/folders/{folder}`; empty outside a control list.
    pub(crate) folder: String,
}

/// What of a list is asked for.
pub(crate) struct RisksAsked {
    pub(crate) listing: Listing,
    /// Most of them.
    pub(crate) size: u32,
    /// Ended the page before; empty for the first.
    pub(crate) token: String,
}

/// A part of a list.
pub(crate) struct RisksPage {
    /// In the order asked for.
    pub(crate) risks: Vec<RiskView>,
    /// Continues the list; empty at its end.
    pub(crate) next: String,
}

impl Risks {
    pub(crate) fn new(db: Db, settling: Settling, pages: PageTokens, shutdown: CancellationToken) -> Self {
        Self { db, pages, shutdown, settling, rules_changed: Arc::default() }
    }

    /// Now.
    pub(crate) fn now(&self) -> Timestamp {
        self.db.clock().now()
    }

    /// What opens again what was accepted until now.
    pub(crate) fn settling(&self) -> Settling {
        self.settling.clone()
    }

    /// Ends streams when the role shuts down.
    pub(crate) fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// Reads a risk of the account that the call is about.
    ///
    /// # Errors
    /// [`RiskError::NotFound`].
    pub(crate) async fn risk_get(&self, call: &Call, id: RiskId) -> Result<RiskView, RisksError> {
        let account = edition::account_of(&self.db, call).await?;
        self.settling.settle(&Whose::Account(account)).await?;
        let found = store::risk(self.db.reader(), id).await?.filter(|risk| risk.account == account);
        let risk = found.ok_or_else(|| not_found(call))?;
        self.seen(risk).await
    }

    /// A page of the risks of the account that the call is about (E-SC-06).
    ///
    /// # Errors
    /// [`RisksError::Token`].
    pub(crate) async fn risk_list(&self, call: &Call, asked: &RisksAsked) -> Result<RisksPage, RisksError> {
        let account = edition::account_of(&self.db, call).await?;
        self.settling.settle(&Whose::Account(account)).await?;
        self.page(call, &View::Account(account), asked).await
    }

    /// A page of the risks of all controlled accounts that the call reaches (R-SC-18).
    ///
    /// # Errors
    /// [`RisksError::Token`].
    pub(crate) async fn risk_search(&self, call: &Call, asked: &RisksAsked) -> Result<RisksPage, RisksError> {
        let list = self.list(call).await?;
        self.settling.settle(&Whose::List(list.clone())).await?;
        let view = self.view(list).await?;
        self.page(call, &view, asked).await
    }

    async fn page(&self, call: &Call, view: &View, asked: &RisksAsked) -> Result<RisksPage, RisksError> {
        let (epoch, now) = (self.db.epoch().await?, self.db.clock().now());
        let fingerprint = asked.listing.fingerprint().into_bytes();
        let (tenant, method) = (call.permit.resource(), call.permit.path());
        let query = PageQuery { epoch: &epoch, tenant, method, fingerprint: &fingerprint };
        let after = match asked.token.as_str() {
            "" => None,
            token => Some(self.pages.open(&query, token, now)?.parse::<Place>()?),
        };
        let (listing, limit) = (&asked.listing, u64::from(asked.size) + 1);
        let mut risks = store::risks_page(self.db.reader(), view, listing, after.as_ref(), limit).await?;
        let mut next = String::new();
        if u64::try_from(risks.len()).unwrap_or(limit) == limit {
            risks.pop();
            if let Some(last) = risks.last() {
                next = self.pages.seal(&query, &store::risk_place(last, listing).to_string(), now)?;
            }
        }
        Ok(RisksPage { risks: self.placed(risks).await?, next })
    }

    /// Accepts a risk for a time.
    ///
    /// # Errors
    /// [`RiskError::NotFound`], and those of [`Risk::acknowledge`].
    pub(crate) async fn risk_acknowledge(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        id: RiskId,
        etag: &str,
        acknowledgement: &Acknowledgement,
    ) -> Result<Committed<RiskView>, RisksError> {
        let now = self.db.clock().now();
        let change = |risk: &mut Risk| risk.acknowledge(etag, acknowledgement.clone(), now);
        self.change(("risk_acknowledge", call, key), id, change).await
    }

    /// A risk is no longer accepted.
    ///
    /// # Errors
    /// [`RiskError::NotFound`], and those of [`Risk::withdraw`].
    pub(crate) async fn risk_withdraw(
        &self,
        call: &Call,
        key: &IdempotencyKey,
        id: RiskId,
        etag: &str,
    ) -> Result<Committed<RiskView>, RisksError> {
        let now = self.db.clock().now();
        self.change(("risk_withdraw", call, key), id, |risk: &mut Risk| risk.withdraw(etag, now)).await
    }

    async fn change(
        &self,
        (operation, call, key): (&'static str, &Call, &IdempotencyKey),
        id: RiskId,
        change: impl Fn(&mut Risk) -> Result<(), RiskError> + Send + Sync,
    ) -> Result<Committed<RiskView>, RisksError> {
        let (account, change) = (edition::account_of(&self.db, call).await?, &change);
        let done = self.db.write_once(operation, key, |tx: Tx| async move {
            store::accounts_lock(tx.conn(), &BTreeSet::from([account])).await?;
            let found = store::risks_lock(tx.conn(), &BTreeSet::from([id])).await?;
            let before = found.into_iter().find(|risk| risk.account == account).ok_or_else(|| not_found(call))?;
            let mut risk = before.clone();
            change(&mut risk)?;
            risk_write::save(&tx, std::slice::from_ref(&before), std::slice::from_ref(&risk)).await?;
            let recorded = Recorded {
                resource: risk.name(),
                tenant: Tenant::Account(account),
                accounts: vec![account.name()],
                request_id: key.request_id.clone().unwrap_or_default(),
                facts: Vec::new(),
            };
            tx.record(recorded.of_items_by_call(vec![id.to_string()], call, self.db.clock().now()));
            let folder = places_of(tx.conn(), MONITORED_ACCOUNTS.service, &BTreeSet::from([account])).await?;
            let folder = folder.into_values().next().map(|place| place.folder).unwrap_or_default();
            Ok::<_, RisksError>(RiskView { risk, folder })
        });
        done.await
    }

    /// The accounts in the control list that a call reaches.
    pub(super) async fn list(&self, call: &Call) -> Result<Listed, RisksError> {
        self.multi_account(call).await?;
        let (directory, scope) = (call.permit.tenant_directory()?, call.permit.scope());
        Ok(Listed::within(self.db.reader(), MONITORED_ACCOUNTS.service, directory, scope).await?)
    }

    /// The risks of a list.
    pub(super) async fn view(&self, list: Listed) -> Result<View, RisksError> {
        let relisting = store::relisting(self.db.reader(), list.directory()).await?;
        Ok(View::List { list, relisting })
    }

    /// Whether the caller's account has multi-account control (R-SC-05).
    pub(super) async fn multi_account(&self, call: &Call) -> Result<(), RisksError> {
        Ok(edition::multi_account(&self.db, call).await?)
    }

    /// Risks with the folders that their accounts are in.
    pub(super) async fn placed(&self, risks: Vec<Risk>) -> Result<Vec<RiskView>, RisksError> {
        let accounts = risks.iter().map(|risk| risk.account).collect();
        let places = places_of(self.db.reader(), MONITORED_ACCOUNTS.service, &accounts).await?;
        let folder = |risk: &Risk| places.get(&risk.account).map(|place| place.folder.clone()).unwrap_or_default();
        Ok(risks.into_iter().map(|risk| RiskView { folder: folder(&risk), risk }).collect())
    }

    async fn seen(&self, risk: Risk) -> Result<RiskView, RisksError> {
        let name = risk.name();
        Ok(self.placed(vec![risk]).await?.pop().ok_or(RiskError::NotFound(name))?)
    }
}

fn not_found(call: &Call) -> RiskError {
    RiskError::NotFound(call.permit.resource().to_owned())
}
