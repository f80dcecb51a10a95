//! What the log of `delegation` means for the risks of accounts: which directory finds them, which rules suppress them, and
//! how well their root users are kept.
//!
//! The follower of the log only notes the accounts: it serves all tenants, and must not wait for whoever writes the risks of
//! one. Here it is done for one account after the other, at most 1,000 risks in a transaction.

use std::collections::BTreeSet;

use bailiwick_core::{authz::Tenant, filter::Filter};
use bailiwick_db::{DbError, Tx};
use bailiwick_roster::places_of;

use super::{Risks, risk_write::BATCH, root_users, suppression};
use crate::posture::{
    MONITORED_ACCOUNTS,
    domain::{Rules, risk_filter},
    store::{self, View, Work},
};

/// Accounts that are looked at in one step.
const ACCOUNTS: u64 = 50;

impl Risks {
    /// Whether there is something to do.
    pub(super) async fn work_pending(&self) -> Result<bool, DbError> {
        Ok(!store::work_pending(self.db.reader(), 1).await?.is_empty())
    }

    /// Goes on by one batch with each of some accounts. One that fails keeps no other waiting. Tells whether none failed.
    pub(super) async fn work_step(&self) -> Result<bool, DbError> {
        let mut well = true;
        for work in &store::work_pending(self.db.reader(), ACCOUNTS).await? {
            if let Err(error) = self.db.write("risk_work", |tx| self.work_batch(tx, work)).await {
                well = false;
                tracing::warn!(account = %work.account, %error, "risks of an account stand still; it is tried again");
                let now = self.db.clock().now();
                self.db
                    .write("risk_work_later", |tx| async move { store::work_later(tx.conn(), work, now).await })
                    .await?;
            }
        }
        Ok(well)
    }

    async fn work_batch(&self, tx: Tx, work: &Work) -> Result<(), DbError> {
        let (account, now, conn) = (work.account, self.db.clock().now(), tx.conn());
        let mut row = store::risk_account_lock(conn, account).await?;
        if work.place.is_none() {
            root_users::assess(&tx, now, &mut row).await?;
            store::risk_account_save(conn, &row).await?;
            if row.has_score() {
                // Other rules of scores may hold for it.
                store::score_due_add(conn, &BTreeSet::from([account])).await?;
            }
        }
        let list = places_of(conn, MONITORED_ACCOUNTS.service, &BTreeSet::from([account])).await?.remove(&account);
        let rules = match &list {
            Some(list) => {
                store::head_share(conn, list.directory).await?;
                Rules::of(store::rules(conn, list.directory).await?, now)
            }
            None => Rules::default(),
        };
        let elsewhere = match &list {
            Some(list) => store::has_elsewhere(conn, account, list.directory).await?,
            None => false,
        };
        if rules.is_empty() && !elsewhere && !store::has_suppressed(conn, account).await? {
            return store::work_remove(conn, work).await.map(drop);
        }
        let listing = risk_filter::listing(Filter::default(), None);
        let mut page = store::risks_page(conn, &View::Account(account), &listing, work.place.as_ref(), BATCH).await?;
        let full = u64::try_from(page.len()).unwrap_or(BATCH) == BATCH;
        let same = match page.last().filter(|_| full) {
            Some(last) => store::work_save(conn, work, &store::risk_place(last, &listing), now).await?,
            None => store::work_remove(conn, work).await?,
        };
        if !same {
            return Ok(());
        }
        if let Some(list) = &list {
            store::risks_relist(conn, list.directory, &mut page).await?;
        }
        let tenant = list.map_or(Tenant::Account(account), |list| Tenant::Directory(list.directory));
        suppression::write(&tx, page, |risk| rules.first(risk).to_owned(), tenant, now).await
    }
}
