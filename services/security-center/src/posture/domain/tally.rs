//! How many risks there are of a kind, kept beside them: scores and summaries are made of these numbers and of nothing else.

use std::collections::BTreeMap;

use bailiwick_core::{AccountId, Timestamp};

use super::{Category, Risk, Severity, State};

const DAY_US: i64 = 86_400_000_000;

/// What is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TallyKey {
    pub(crate) account: AccountId,
    pub(crate) category: Category,
    pub(crate) severity: Severity,
    pub(crate) state: State,
    /// The day since which they are open: days since 1970-01-01 UTC.
    pub(crate) day: i64,
}

/// By how much the numbers change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally(BTreeMap<TallyKey, i64>);

/// The day of a time: days since 1970-01-01 UTC.
pub(crate) fn day(time: Timestamp) -> i64 {
    time.as_micros().div_euclid(DAY_US)
}

impl Tally {
    /// A risk became another; none before it was known.
    pub(crate) fn change(&mut self, before: Option<&Risk>, after: &Risk) {
        let (before, after) = (before.map(key), key(after));
        if before == Some(after) {
            return;
        }
        if let Some(before) = before {
            self.add(before, -1);
        }
        self.add(after, 1);
    }

    /// A risk is there no more.
    pub(crate) fn remove(&mut self, risk: &Risk) {
        self.add(key(risk), -1);
    }

    /// The changes that are any.
    pub(crate) fn into_changes(self) -> impl Iterator<Item = (TallyKey, i64)> {
        self.0.into_iter().filter(|(_, by)| *by != 0)
    }

    fn add(&mut self, key: TallyKey, by: i64) {
        *self.0.entry(key).or_default() += by;
    }
}

fn key(risk: &Risk) -> TallyKey {
    TallyKey {
        account: risk.account,
        category: risk.finding.category,
        severity: risk.finding.severity,
        state: risk.state,
        day: day(risk.open_time),
    }
}
