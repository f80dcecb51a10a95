//! Rules by which risks do not count.

use bailiwick_core::{DirectoryId, Timestamp, filter::Filter};
use serde::{Deserialize, Serialize};

use super::{
    Risk, RiskError,
    risk_filter::{SUPPRESSIBLE, rule_name},
};

/// Most rules of a directory.
pub(crate) const RULES_MAX: usize = 100;

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SuppressionRule {
    pub(crate) directory: DirectoryId,
    pub(crate) id: String,
    /// Which risks, as whoever wrote it put it: a filter over [`SUPPRESSIBLE`] that says something.
    pub(crate) filter: String,
    pub(crate) reason: String,
    /// Until when; for ever if none.
    pub(crate) expire: Option<Timestamp>,
    pub(crate) disabled: bool,
    /// Name of the identity.
    pub(crate) operator: String,
    pub(crate) create_time: Timestamp,
    pub(crate) version: i64,
    /// The number of changes of the directory's rules when it was last changed.
    pub(crate) generation: i64,
}

/// What of a rule is to be another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RuleChange {
    pub(crate) filter: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) expire: Option<Option<Timestamp>>,
    pub(crate) disabled: Option<bool>,
}

/// The rules of a directory that hold, by id: the first that matches a risk suppresses it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules(Vec<(String, Filter)>);

/// The filter of a rule.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn rule_filter(text: &str) -> Result<Filter, String> {
    match SUPPRESSIBLE.filter(text) {
        Ok(Filter::All(parts)) if parts.is_empty() => Err("must say which risks".to_owned()),
        Ok(filter) => Ok(filter),
        Err(error) => Err(error.to_string()),
    }
}

// === impl SuppressionRule ===

impl SuppressionRule {
    /// `directories/{directory}/suppressionRules/{suppression_rule}`.
    pub(crate) fn name(&self) -> String {
        rule_name(self.directory, &self.id)
    }

    /// Changes with each change.
    pub(crate) fn etag(&self) -> String {
        format!("{}.{}", self.create_time.as_micros(), self.version)
    }

    /// Whether it is as the caller read it.
    ///
    /// # Errors
    /// [`RiskError::EtagMismatch`].
    pub(crate) fn check_etag(&self, etag: &str) -> Result<(), RiskError> {
        if etag.is_empty() || self.etag() == etag { Ok(()) } else { Err(RiskError::EtagMismatch(self.name())) }
    }

    /// The rule with what is to be another. Tells whether it is another.
    pub(crate) fn change(&mut self, change: RuleChange) -> bool {
        let before = self.clone();
        let RuleChange { filter, reason, expire, disabled } = change;
        self.filter = filter.unwrap_or_else(|| before.filter.clone());
        self.reason = reason.unwrap_or_else(|| before.reason.clone());
        self.expire = expire.unwrap_or(before.expire);
        self.disabled = disabled.unwrap_or(before.disabled);
        let other = *self != before;
        self.version += i64::from(other);
        other
    }

    fn holds(&self, now: Timestamp) -> bool {
        !self.disabled && self.expire.is_none_or(|expire| now < expire)
    }
}

// === impl Rules ===

impl Rules {
    /// Those that hold now. A rule whose filter cannot be read, which was possible when it was written, matches nothing.
    pub(crate) fn of(mut rules: Vec<SuppressionRule>, now: Timestamp) -> Self {
        rules.retain(|rule| rule.holds(now));
        rules.sort_by(|a, b| a.id.cmp(&b.id));
        Self(rules.into_iter().filter_map(|rule| Some((rule.id, rule_filter(&rule.filter).ok()?))).collect())
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Id of the rule that suppresses a risk; empty if none does.
    pub(crate) fn first(&self, risk: &Risk) -> &str {
        let mut rules = self.0.iter();
        let first = rules.find(|(_, filter)| filter.matches(&SUPPRESSIBLE, &|field| risk.value(field)));
        first.map_or("", |(id, _)| id)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::posture::domain::{Category, Severity, testing};

    fn rule(id: &str, filter: &str) -> SuppressionRule {
        SuppressionRule {
            directory: "rd-0000000000001".parse().unwrap(),
            id: id.into(),
            filter: filter.into(),
            reason: "accepted".into(),
            expire: None,
            disabled: false,
            operator: "o".into(),
            create_time: Timestamp::default(),
            version: 1,
            generation: 1,
        }
    }

    #[test]
    fn the_first_rule_by_id_that_holds_and_matches_wins() {
        let risk = testing::risk(11, "uid-1", Category::Baseline, Severity::High);
        let now = Timestamp::from_micros(10);
        let expired = SuppressionRule { expire: Some(now), ..rule("a", "severity = SEVERITY_HIGH") };
        let disabled = SuppressionRule { disabled: true, ..rule("b", "severity = SEVERITY_HIGH") };
        let running = SuppressionRule { expire: Some(now.after(Duration::from_secs(1))), ..rule("d", "rule:*") };
        for (rules, first) in [
            (vec![], ""),
            (vec![expired.clone(), disabled.clone()], ""),
            (vec![running.clone(), rule("c", "severity = SEVERITY_HIGH"), expired, disabled], "c"),
            (vec![running.clone()], "d"),
            (vec![rule("c", "severity = SEVERITY_LOW OR source = other"), running], "d"),
            (vec![rule("e", "account = accounts/1000000000000011 AND title:UID-1")], "e"),
            (vec![rule("e", "account = accounts/1000000000000012")], ""),
            (vec![rule("e", "NOT category = RISK_CATEGORY_ATTACK")], "e"),
            (vec![rule("e", "no such field = 1")], ""),
        ] {
            assert_eq!(Rules::of(rules.clone(), now).first(&risk), first, "{rules:?}");
        }
    }

    #[test]
    fn a_rule_says_something() {
        for (filter, problem) in [
            ("", "must say which risks"),
            ("  ", "must say which risks"),
            ("state = RISK_STATE_OPEN", "expected one of the fields"),
            ("severity = HIGH", "`SEVERITY_HIGH`"),
        ] {
            assert!(rule_filter(filter).unwrap_err().contains(problem), "{filter}");
        }
        rule_filter("severity = SEVERITY_LOW").unwrap();
    }

    #[test]
    fn a_change_is_counted_if_it_is_one() {
        let mut changed = rule("a", "rule:x");
        assert!(!changed.change(RuleChange { reason: Some("accepted".into()), ..RuleChange::default() }));
        assert_eq!(changed.etag(), "0.1");
        assert!(changed.change(RuleChange { disabled: Some(true), ..RuleChange::default() }));
        assert_eq!((changed.etag().as_str(), changed.disabled, changed.filter.as_str()), ("0.2", true, "rule:x"));
        assert_eq!(changed.check_etag("0.1"), Err(RiskError::EtagMismatch(changed.name())));
    }
}
