//! Root users as risks: what is known of them follows the log of `delegation`, and so do the risks (R-DIR-36).

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bailiwick_api::{
    audit::v1::Change,
    r#type::v1::{AccessFactChange, LogPosition, RootUserFact, access_fact::Kind},
};
use bailiwick_changelog::{Apply, HeldFact};
use bailiwick_core::{AccountId, DirectoryId, Timestamp, authz::Tenant};
use bailiwick_db::{Db, DbError, Tx};
use futures::future::BoxFuture;

use super::risk_write;
use crate::posture::{
    domain::{Changed, Finding, OWN_SOURCE, Risk, RiskId, RootUser, RootUserRule},
    store,
};

/// The method of these changes.
const METHOD: &str = "assess-root-user";
/// Accounts that are looked at together.
const BATCH: usize = 500;

/// Keeps the risks of root users: to be applied after what keeps the memberships.
pub(crate) struct RootUsers {
    db: Db,
}

impl RootUsers {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    async fn follow(&self, tx: &Tx, facts: &[AccessFactChange]) -> Result<(), DbError> {
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
        self.assess(tx, touched).await
    }

    /// Makes what is known what the facts say, and the risks what follows from that.
    async fn replace_all(&self, tx: &Tx, facts: &[HeldFact]) -> Result<(), DbError> {
        let mut accounts = store::root_user_accounts(tx.conn()).await?;
        for known in &accounts {
            store::root_user_remove(tx.conn(), *known).await?;
        }
        for held in facts {
            if let Some(Kind::RootUser(fact)) = held.fact.kind.as_ref() {
                let of = root_user(fact)?;
                store::root_user_save(tx.conn(), &of).await?;
                accounts.insert(of.account);
            }
        }
        self.assess(tx, accounts).await
    }

    /// Opens the risks that there are now, and fixes the others. A risk that stands as it stood is not written.
    async fn assess(&self, tx: &Tx, accounts: BTreeSet<AccountId>) -> Result<(), DbError> {
        let accounts: Vec<_> = accounts.into_iter().collect();
        for batch in accounts.chunks(BATCH) {
            let exposed = store::root_users_of_members(tx.conn(), batch).await?;
            let exposed: BTreeMap<_, _> = exposed.into_iter().map(|(of, place)| (of.account, (of, place))).collect();
            let ids = batch.iter().flat_map(|account| ids(*account)).collect();
            let mut known = BTreeMap::<_, Vec<Risk>>::new();
            for risk in store::risks(tx.conn(), &ids).await? {
                known.entry(risk.account).or_default().push(risk);
            }
            for account in batch {
                let (of, directory) = exposed.get(account).copied().unzip();
                let known = known.remove(account).unwrap_or_default();
                self.assess_one(tx, *account, (of, directory), known).await?;
            }
        }
        Ok(())
    }

    async fn assess_one(
        &self,
        tx: &Tx,
        account: AccountId,
        (of, directory): (Option<RootUser>, Option<DirectoryId>),
        known: Vec<Risk>,
    ) -> Result<(), DbError> {
        let findings = of.map(|of| of.findings()).unwrap_or_default();
        if changes(account, &findings, &known, self.db.clock().now()).is_empty() {
            return Ok(());
        }
        // Whoever else writes risks of the account waits here; what was read before may be otherwise by now.
        let mut row = store::risk_account_lock(tx.conn(), account).await?;
        let known = store::risks_lock(tx.conn(), &ids(account).collect()).await?;
        let now = self.db.clock().now();
        let changed = changes(account, &findings, &known, now);
        let saved = risk_write::save_scanned((tx, now), &mut row, changed).await?;
        risk_write::record(tx, &saved, directory.map(Tenant::Directory), METHOD, now);
        Ok(())
    }
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
        Box::pin(async move { self.follow(&tx, &change.facts).await })
    }

    fn replace<'a>(&'a self, tx: Tx, _at: LogPosition, facts: &'a [HeldFact]) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(async move { self.replace_all(&tx, facts).await })
    }
}
