//! What should be looked at in an account.

use std::{collections::BTreeSet, time::Duration};

use bailiwick_core::{
    AccountId, Owner, PrincipalKind, ResourceName, Timestamp,
    authz::{Document, Environment, Verdict},
};
use serde_json::Value;

use super::access_key::AccessKey;

/// How long keys and identities may go unused, and how old keys may become, before a review says so: 90 days.
pub const UNUSED_DEFAULT: Duration = Duration::from_hours(90 * 24);
/// The shortest time that keys can be looked for by: a day.
pub const UNUSED_MIN: Duration = Duration::from_hours(24);
/// The longest: ten years.
pub const UNUSED_MAX: Duration = Duration::from_hours(3_650 * 24);

/// What should be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// A key that can be used has not been for 90 days.
    UnusedAccessKey,
    /// A key that can be used is over 90 days old.
    OldAccessKey,
    /// The identity has not been used for 90 days.
    UnusedIdentity,
    /// The root user has a key that can be used.
    RootAccessKey,
    /// A policy allows everything.
    FullAdministrator,
    /// The identity may do nothing.
    NoPolicy,
    /// Identities of an account outside the directory can assume the role.
    TrustsAnotherAccount,
}

/// A policy of an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// The resource name of the policy.
    pub policy: String,
    /// The resource name of the group that it comes by; empty if it is attached directly.
    pub group: String,
    /// Whether it allows everything.
    pub allows_everything: bool,
}

/// An identity and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reviewed {
    /// Its resource name.
    pub identity: String,
    /// Its kind.
    pub kind: PrincipalKind,
    /// Whether it may act.
    pub enabled: bool,
    /// What it may do.
    pub policies: Vec<Attached>,
    /// Its access keys.
    pub keys: Vec<AccessKey>,
    /// How many single-purpose credentials it has that have not expired.
    pub credentials: u32,
    /// When it was created.
    pub create_time: Timestamp,
    /// When it was last used; none if never.
    pub last_use_time: Option<Timestamp>,
    /// Whether an account outside the directory is trusted.
    pub trusts_another_account: bool,
}

impl Reviewed {
    /// Its keys that can be used.
    pub fn usable_keys(&self, now: Timestamp) -> impl Iterator<Item = &AccessKey> {
        self.keys.iter().filter(move |key| key.is_usable(now))
    }

    /// What should be looked at, in the order of the contract. A service-linked role is its service's matter; a root user
    /// that is not used is as it should be.
    pub fn findings(&self, now: Timestamp) -> Vec<Finding> {
        let before = earlier(now, UNUSED_DEFAULT);
        let root = self.kind == PrincipalKind::Root;
        let own = matches!(self.kind, PrincipalKind::User | PrincipalKind::Role);
        let unused = |key: &AccessKey| key.last_use.as_ref().map_or(key.create_time, |last| last.time) <= before;
        let holding = [
            (Finding::UnusedAccessKey, self.usable_keys(now).any(unused)),
            (Finding::OldAccessKey, self.usable_keys(now).any(|key| key.create_time < before)),
            (Finding::UnusedIdentity, own && self.last_use_time.unwrap_or(self.create_time) <= before),
            (Finding::RootAccessKey, root && self.usable_keys(now).next().is_some()),
            (Finding::FullAdministrator, self.policies.iter().any(|policy| policy.allows_everything)),
            (Finding::NoPolicy, own && self.policies.is_empty()),
            (Finding::TrustsAnotherAccount, self.trusts_another_account),
        ];
        holding.into_iter().filter(|(_, holds)| *holds).map(|(finding, _)| finding).collect()
    }
}

/// The moment `duration` before another.
pub fn earlier(time: Timestamp, duration: Duration) -> Timestamp {
    let us = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(time.as_micros().saturating_sub(us))
}

/// Whether a permission policy allows everything: also an action and a resource that nothing is named like, and that only
/// a pattern for all matches. What depends on conditions is held against no address and no time of note.
pub fn allows_everything(document: &Document) -> bool {
    let circumstances = Environment::at(Timestamp::default()).with_mfa(false);
    let verdict = document.matching("-:-", "-", &circumstances).verdict();
    matches!(verdict, Verdict::Allow(_))
}

/// The accounts whose identities, or identity providers, a trust policy lets assume its role. The text is one that was
/// read without mistakes; of any other, nothing is trusted.
pub fn trusted_accounts(trust_policy: &str) -> BTreeSet<AccountId> {
    let document: Value = serde_json::from_str(trust_policy).unwrap_or_default();
    let allowing = |statement: &&Value| statement.get("Effect").and_then(Value::as_str) == Some("Allow");
    listed(document.get("Statement"))
        .filter(allowing)
        .filter_map(|statement| statement.get("Principal"))
        .flat_map(|principal| listed(principal.get("RAM")).chain(listed(principal.get("Federated"))))
        .filter_map(|name| match ResourceName::parse(name.as_str()?).ok()?.owner() {
            Owner::Account(account) => Some(account),
            Owner::Directory(_) => None,
        })
        .collect()
}

/// A list, or the one that stands for a list of one.
fn listed(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let items = match value {
        Some(Value::Array(items)) => items.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    items.iter()
}

#[cfg(test)]
mod tests;
