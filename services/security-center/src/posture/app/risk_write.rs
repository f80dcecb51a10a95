//! Writing risks that are new or have changed, with their numbers and what the log says of them.

use std::collections::BTreeMap;

use bailiwick_changelog::Recorded;
use bailiwick_core::{Role, Timestamp, authz::Tenant};
use bailiwick_db::{DbError, Tx};

use super::suppression;
use crate::posture::{
    domain::{Changed, Risk, Tally},
    store::{self, RiskAccount},
};

/// Most risks of one transaction, and so of one row of the log.
pub(super) const BATCH: u64 = 1_000;

/// Saves risks as they are after a change, in the order of those before. The transaction holds their accounts.
pub(super) async fn save(tx: &Tx, before: &[Risk], after: &[Risk]) -> Result<(), DbError> {
    let mut tally = Tally::default();
    for (before, after) in before.iter().zip(after) {
        tally.change(Some(before), after);
    }
    store::risks_save(tx.conn(), after).await?;
    store::tally_add(tx.conn(), tally).await
}

/// Saves what scans made of the risks of one account, whose row the transaction has locked, under the suppression rules
/// that hold for it. Returns the risks that changed by it, as they were saved.
pub(super) async fn save_scanned(
    (tx, now): (&Tx, Timestamp),
    of: &mut RiskAccount,
    changed: Vec<Changed>,
) -> Result<Vec<Risk>, DbError> {
    let (before, mut risks): (Vec<_>, Vec<Risk>) = changed.into_iter().map(|c| (c.before, c.risk)).unzip();
    for risk in &mut risks {
        risk.directory = of.directory;
    }
    if let Some(directory) = of.directory {
        suppression::apply(tx, now, directory, &mut risks).await?;
    }
    let mut tally = Tally::default();
    for (before, risk) in before.iter().zip(&risks) {
        of.risks += i64::from(before.is_none());
        tally.change(before.as_ref(), risk);
    }
    let (still, changed): (Vec<_>, Vec<_>) = risks
        .into_iter()
        .zip(before)
        .partition(|(risk, before)| before.as_ref().is_some_and(|before| risk.merely_absent_still(before)));
    if let Some(at) = still.first().and_then(|(risk, _)| risk.absent) {
        // One scan said so of all of them.
        store::risks_absent(tx.conn(), still.iter().map(|(risk, _)| risk.id), at).await?;
    }
    let (risks, before): (Vec<_>, Vec<_>) = changed.into_iter().unzip();
    let seen_again =
        |(risk, before): &(&Risk, &Option<Risk>)| before.as_ref().is_some_and(|b| risk.merely_seen_again(b));
    let (seen, others): (Vec<_>, Vec<_>) = risks.iter().zip(&before).partition(seen_again);
    if let Some((first, _)) = seen.first() {
        // What was found again was found by one scan.
        let ids = seen.iter().map(|(risk, _)| risk.id);
        store::risks_seen(tx.conn(), ids, first.last_seen).await?;
    }
    store::risks_save(tx.conn(), others.into_iter().map(|(risk, _)| risk)).await?;
    store::tally_add(tx.conn(), tally).await?;
    store::risk_account_save(tx.conn(), of).await?;
    Ok(risks)
}

/// The rows of the log for risks that the service changed of itself: one for each account, in whose trail it is unless a
/// directory's rule is what changed it.
pub(super) fn record(tx: &Tx, risks: &[Risk], tenant: Option<Tenant>, method: &str, now: Timestamp) {
    let mut accounts = BTreeMap::<_, Vec<_>>::new();
    for risk in risks {
        accounts.entry(risk.account).or_default().push(risk.id.to_string());
    }
    for (account, items) in accounts {
        let recorded = Recorded {
            resource: account.name(),
            tenant: tenant.unwrap_or(Tenant::Account(account)),
            accounts: vec![account.name()],
            request_id: String::new(),
            facts: Vec::new(),
        };
        tx.record(recorded.of_items_by_service(items, Role::SecurityCenter, method, now));
    }
}
