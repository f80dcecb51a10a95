//! Applying suppression rules: to risks as they come, and to those that there are.
//!
//! Whoever writes risks locks their accounts first, then shares the head of the directory's rules; whoever changes rules
//! locks the head. So a risk is either written by the rules as they are, or seen by the pass that follows their change.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::{AccountId, DirectoryId, Timestamp, authz::Tenant, filter::Filter};
use bailiwick_db::{DbError, Tx};
use bailiwick_roster::{ListPlace, places_of};
use sea_orm::ConnectionTrait;

use super::{
    Risks,
    risk_write::{self, BATCH},
};
use crate::posture::{
    MONITORED_ACCOUNTS,
    domain::{Risk, RiskId, Rules, risk_filter},
    store::{self, Head, View},
};

/// The method of changes by rules.
const METHOD: &str = "suppress";
/// Directories that are looked at in one step.
const DIRECTORIES: u64 = 100;

/// Applies the rules of a directory to risks that are about to be saved, whose accounts the transaction holds. Those of
/// accounts that are not in its control list are suppressed by none.
pub(crate) async fn apply(tx: &Tx, now: Timestamp, directory: DirectoryId, risks: &mut [Risk]) -> Result<(), DbError> {
    store::head_share(tx.conn(), directory).await?;
    let rules = Rules::of(store::rules(tx.conn(), directory).await?, now);
    if rules.is_empty() && risks.iter().all(|risk| risk.suppression_rule.is_empty()) {
        return Ok(());
    }
    let places = places(tx.conn(), risks).await?;
    for risk in risks {
        let rule = rule_for(&rules, directory, &places, risk);
        risk.suppress(rule, now);
    }
    Ok(())
}

impl Risks {
    /// Goes on with applying rules to what there is, by one batch of each of some directories. One that fails keeps no
    /// other waiting. Tells whether none failed.
    pub(super) async fn suppression_step(&self) -> Result<bool, DbError> {
        let mut well = true;
        let due = store::rules_due(self.db.reader(), self.db.clock().now(), BATCH).await?;
        for directory in &due {
            self.db.write("rules_expire", |tx| self.expire(tx, *directory)).await?;
        }
        for head in &store::heads_pending(self.db.reader(), DIRECTORIES).await? {
            if let Err(error) = self.directory_batch(head).await {
                well = false;
                tracing::warn!(directory = %head.directory, %error, "suppression rules stand still; it is tried again");
                let later = &Head { done: self.db.clock().now(), ..head.clone() };
                self.db.write("risks_suppress_later", |tx| Self::later(tx, head, later)).await?;
            }
        }
        Ok(well)
    }

    /// Others come first.
    async fn later(tx: Tx, head: &Head, later: &Head) -> Result<(), DbError> {
        match store::head_lock(tx.conn(), head.directory).await? == *head {
            true => store::head_save(tx.conn(), later).await,
            false => Ok(()),
        }
    }

    /// Whether there is something to do.
    pub(super) async fn suppression_pending(&self) -> Result<bool, DbError> {
        let (reader, now) = (self.db.reader(), self.db.clock().now());
        Ok(!store::rules_due(reader, now, 1).await?.is_empty() || !store::heads_pending(reader, 1).await?.is_empty())
    }

    async fn expire(&self, tx: Tx, directory: DirectoryId) -> Result<(), DbError> {
        let mut head = store::head_lock(tx.conn(), directory).await?;
        if store::rules_expire(tx.conn(), directory, self.db.clock().now()).await? {
            head.begin();
            store::head_save(tx.conn(), &head).await?;
        }
        Ok(())
    }

    /// The next risks of a directory whose rules have changed.
    async fn directory_batch(&self, head: &Head) -> Result<(), DbError> {
        let (directory, now, reader) = (head.directory, self.db.clock().now(), self.db.reader());
        let rules = &Rules::of(store::rules(reader, directory).await?, now);
        let listing = risk_filter::listing(Filter::default(), None);
        let page = store::risks_page(reader, &View::Last(directory), &listing, head.place.as_ref(), BATCH).await?;
        let full = u64::try_from(page.len()).unwrap_or(BATCH) == BATCH;
        let place = page.last().filter(|_| full).map(|last| store::risk_place(last, &listing));
        let places = places(reader, &page).await?;
        let others = page.iter().filter(|risk| rule_for(rules, directory, &places, risk) != risk.suppression_rule);
        let (accounts, ids): (BTreeSet<_>, BTreeSet<_>) = others.map(|risk| (risk.account, risk.id)).unzip();
        let applied = if place.is_none() { head.generation } else { head.applied };
        let next = &Head { applied, place, done: now, ..head.clone() };
        let (accounts, ids) = (&accounts, &ids);
        let work = |tx: Tx| async move {
            store::accounts_lock(tx.conn(), accounts).await?;
            // Changed rules begin anew, and another replica may have been here.
            if store::head_lock(tx.conn(), directory).await? != *head {
                return Ok::<_, DbError>(());
            }
            self.suppress(&tx, rules, directory, ids, now).await?;
            store::head_save(tx.conn(), next).await
        };
        self.db.write("risks_suppress", work).await.map(drop)
    }

    async fn suppress(
        &self,
        tx: &Tx,
        rules: &Rules,
        directory: DirectoryId,
        ids: &BTreeSet<RiskId>,
        now: Timestamp,
    ) -> Result<(), DbError> {
        let risks = store::risks_lock(tx.conn(), ids).await?;
        let places = places(tx.conn(), &risks).await?;
        let rule = |risk: &Risk| rule_for(rules, directory, &places, risk).to_owned();
        write(tx, risks, rule, Tenant::Directory(directory), now).await
    }
}

/// Writes those of some risks that another rule suppresses than before.
pub(super) async fn write(
    tx: &Tx,
    risks: Vec<Risk>,
    rule: impl Fn(&Risk) -> String,
    tenant: Tenant,
    now: Timestamp,
) -> Result<(), DbError> {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for risk in risks {
        let mut changed = risk.clone();
        if changed.suppress(&rule(&risk), now) {
            before.push(risk);
            after.push(changed);
        }
    }
    risk_write::save(tx, &before, &after).await?;
    risk_write::record(tx, &after, Some(tenant), METHOD, now);
    Ok(())
}

async fn places(conn: &impl ConnectionTrait, risks: &[Risk]) -> Result<BTreeMap<AccountId, ListPlace>, DbError> {
    let accounts = risks.iter().map(|risk| risk.account).collect();
    places_of(conn, MONITORED_ACCOUNTS.service, &accounts).await
}

/// The rule of a directory that suppresses a risk; empty if none does, or its account is not in the directory's list.
fn rule_for<'r>(
    rules: &'r Rules,
    directory: DirectoryId,
    places: &BTreeMap<AccountId, ListPlace>,
    risk: &Risk,
) -> &'r str {
    let listed = places.get(&risk.account).is_some_and(|place| place.directory == directory);
    if listed { rules.first(risk) } else { "" }
}
