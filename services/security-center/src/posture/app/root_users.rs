//! Root users as risks: what is known of them follows the log of `delegation`, and the risks follow from that (R-DIR-36).

use std::{collections::BTreeSet, time::Duration};

use bailiwick_api::{
    audit::v1::Change,
    r#type::v1::{AccessFactChange, LogPosition, RootUserFact, access_fact::Kind},
};
use bailiwick_changelog::{Apply, HeldFact};
use bailiwick_core::{AccountId, Timestamp, authz::Tenant};
use bailiwick_db::{DbError, Tx};
use futures::future::BoxFuture;

use super::risk_write;
use crate::posture::{
    domain::{Changed, Finding, OWN_SOURCE, Risk, RiskId, RootUser, RootUserRule},
    store::{self, RiskAccount},
};

/// The method of these changes.
const METHOD: &str = "assess-root-user";
/// Keeps what is known of root users, and notes whose risks follow from it.
pub(crate) struct RootUsers;

impl RootUsers {
    async fn follow(tx: &Tx, facts: &[AccessFactChange]) -> Result<(), DbError> {
        let mut touched = BTreeSet::new();
        for change in facts {
            match change.fact.as_ref().and_then(|fact| fact.kind.as_ref()) {
                Some(Kind::RootUser(fact)) => {
                    let of = root_user(fact)?;
                    touched.insert(of.account);
                    match change.removed {
                        true => store::root_user_remove(tx.conn(), of.account).await?,
                        false => store::root_user_save(tx.conn(), &of).await?,
                    }
                }
                Some(Kind::Account(fact)) => drop(touched.insert(account(&fact.account)?)),
                _ => {}
            }
        }
        store::work_add(tx.conn(), &touched).await
    }

    /// Makes what is known what the facts say.
    async fn replace_all(tx: &Tx, facts: &[HeldFact]) -> Result<(), DbError> {
        let mut accounts = store::root_user_accounts(tx.conn()).await?;
        let all = facts.iter().filter_map(|held| match held.fact.kind.as_ref() {
            Some(Kind::RootUser(fact)) => Some(root_user(fact)),
            _ => None,
        });
        let all = all.collect::<Result<Vec<_>, _>>()?;
        accounts.extend(all.iter().map(|of| of.account));
        store::root_users_replace(tx.conn(), &all).await?;
        store::work_add(tx.conn(), &accounts).await
    }
}

/// Opens the risks that an account's root user is now, and fixes the others. A risk that stands as it stood is not written.
/// The transaction has locked the account's row.
pub(super) async fn assess(tx: &Tx, now: Timestamp, row: &mut RiskAccount) -> Result<(), DbError> {
    let (of, directory) = store::root_user_of_member(tx.conn(), row.account).await?.unzip();
    let findings = of.map(|of| of.findings()).unwrap_or_default();
    let known = store::risks_lock(tx.conn(), &ids(row.account).collect()).await?;
    let known: Vec<_> = known.into_iter().filter(|risk| risk.account == row.account).collect();
    let changed = changes(row.account, &findings, &known, now);
    let saved = risk_write::save_scanned((tx, now), row, changed).await?;
    risk_write::record(tx, &saved, directory.map(Tenant::Directory), METHOD, now);
    Ok(())
}

/// The risks that are new or otherwise with these findings.
fn changes(account: AccountId, findings: &[Finding], known: &[Risk], now: Timestamp) -> Vec<Changed> {
    let mut changed = Vec::new();
    for rule in RootUserRule::ALL {
        let finding = findings.iter().find(|finding| finding.rule == rule.id());
        let before = known.iter().find(|risk| risk.finding.rule == rule.id()).cloned();
        let risk = match (finding, before.clone()) {
            (Some(finding), None) => Some(Risk::begin(account, finding.clone(), "", now)),
            (Some(finding), Some(mut risk)) if risk.fix_time.is_some() || risk.finding != *finding => {
                risk.seen(finding.clone(), "", later(&risk, now), now);
                Some(risk)
            }
            (None, Some(mut risk)) => risk.missed(later(&risk, now), now).then_some(risk),
            _ => None,
        };
        changed.extend(risk.map(|risk| Changed { before, risk }));
    }
    changed
}

/// The time of a scan that counts: the log says what is so now, also within a microsecond, and when the clock went back.
fn later(than: &Risk, now: Timestamp) -> Timestamp {
    let said = than.fix_time.map_or(than.last_seen, |fixed| fixed.max(than.last_seen));
    now.max(said.after(Duration::from_micros(1)))
}

fn ids(account: AccountId) -> impl Iterator<Item = RiskId> {
    RootUserRule::ALL.into_iter().map(move |rule| RiskId::of(account, OWN_SOURCE, rule.id()))
}

fn root_user(fact: &RootUserFact) -> Result<RootUser, DbError> {
    Ok(RootUser {
        account: account(&fact.account)?,
        enabled: fact.enabled,
        access_keys: fact.access_keys.into(),
        security_info: fact.security_info,
    })
}

/// A fact that cannot be read stops the follower.
fn account(name: &str) -> Result<AccountId, DbError> {
    let id = name.strip_prefix("accounts/").and_then(|id| id.parse().ok());
    id.ok_or_else(|| DbError::Other(format!("`{name}` is no account").into()))
}

impl Apply for RootUsers {
    fn apply(&self, tx: Tx, _at: LogPosition, change: Change) -> BoxFuture<'_, Result<(), DbError>> {
        Box::pin(async move { Self::follow(&tx, &change.facts).await })
    }

    fn replace<'a>(&'a self, tx: Tx, _at: LogPosition, facts: &'a [HeldFact]) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(async move { Self::replace_all(&tx, facts).await })
    }
}
