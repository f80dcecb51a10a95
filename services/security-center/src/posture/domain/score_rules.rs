//! What open risks cost, by rules that a directory can adjust (E-SC-08, E-SC-10).

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::AccountId;
use serde::{Deserialize, Serialize};

use super::{Category, Severity};

/// Most points of all categories together.
pub(crate) const POINTS: i64 = 100;
const RULES_MAX: usize = 100;
const WEIGHTS_MAX: usize = 1_000;
const WEIGHT_MAX: i64 = 100;
const AGE_MAX: i64 = 3_650;
const CENTIPOINTS_MAX: i64 = 10_000;

/// The rules of a directory, sound: thresholds sum up to 100, and all is within its bounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Plain", into = "Plain")]
pub(crate) struct ScoreRules {
    pub(crate) thresholds: Thresholds,
    pub(crate) rules: RuleList,
    pub(crate) weights: Weights,
}

/// Most points that each category can lose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Thresholds(BTreeMap<Category, i64>);

/// 1 to 100 rules, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RuleList(Vec<Rule>);

/// What open risks of a category and severity cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) category: Category,
    pub(crate) severity: Severity,
    /// Only risks that have been open for so many days.
    pub(crate) min_age_days: i64,
    /// Points for each risk, in hundredths.
    pub(crate) centipoints: i64,
    /// Most points that the rule takes.
    pub(crate) max_points: i64,
}

/// Accounts that count more than once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weights(BTreeMap<AccountId, i64>);

/// What a caller changes; the rest stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RulesChange {
    pub(crate) thresholds: Option<Thresholds>,
    pub(crate) rules: Option<RuleList>,
    pub(crate) weights: Option<Weights>,
}

/// What is wrong, and with which field of it: `points`, or `[2].centipoints`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RulesError {
    /// After the name of the list; empty for the list as a whole.
    pub(crate) field: String,
    pub(crate) problem: String,
}

/// A vulnerability and a setting are what scanners find most of, so that these two have half of the points and more; a
/// secret in the open or an attack is rare and worse, and a few of them are enough for all that the category has.
const THRESHOLDS: [(Category, i64); 4] = [
    (Category::Vulnerability, 30),
    (Category::Baseline, 25),
    (Category::ExposedCredential, 25),
    (Category::Attack, 20),
];

/// Category, severity, days, hundredths of a point for each risk, most points.
const RULES: [(Category, Severity, i64, i64, i64); 20] = {
    use Category::{Attack, Baseline, ExposedCredential, Vulnerability};
    use Severity::{Critical, High, Low, Medium};
    [
        // One critical risk costs the best band, which begins at 95; many small ones cost less than it together.
        (Vulnerability, Critical, 0, 600, 24),
        (Vulnerability, High, 0, 200, 16),
        (Vulnerability, Medium, 0, 50, 8),
        (Vulnerability, Low, 0, 10, 3),
        // What is known and stays open for a month will be found by others: it costs the same once more.
        (Vulnerability, Critical, 30, 600, 12),
        (Vulnerability, High, 30, 100, 8),
        // Settings are many and each is easily put right; a month open means that nobody does.
        (Baseline, Critical, 0, 600, 18),
        (Baseline, High, 0, 200, 14),
        (Baseline, Medium, 0, 50, 8),
        (Baseline, Low, 0, 10, 3),
        (Baseline, Critical, 30, 300, 9),
        (Baseline, High, 30, 100, 6),
        // Whoever reads a secret can use it at once: age makes it no worse than it is on its first day.
        (ExposedCredential, Critical, 0, 1_000, 25),
        (ExposedCredential, High, 0, 500, 20),
        (ExposedCredential, Medium, 0, 200, 10),
        (ExposedCredential, Low, 0, 50, 5),
        // So it is with an attack that goes on.
        (Attack, Critical, 0, 1_000, 20),
        (Attack, High, 0, 500, 15),
        (Attack, Medium, 0, 200, 8),
        (Attack, Low, 0, 50, 4),
    ]
};

// === impl ScoreRules ===

impl Default for ScoreRules {
    /// Those that bailiwick comes with.
    fn default() -> Self {
        let rule = |(category, severity, min_age_days, centipoints, max_points)| Rule {
            category,
            severity,
            min_age_days,
            centipoints,
            max_points,
        };
        Self {
            thresholds: Thresholds(THRESHOLDS.into_iter().collect()),
            rules: RuleList(RULES.into_iter().map(rule).collect()),
            weights: Weights::default(),
        }
    }
}

impl ScoreRules {
    /// The rules with a change.
    pub(crate) fn with(&self, change: RulesChange) -> Self {
        Self {
            thresholds: change.thresholds.unwrap_or_else(|| self.thresholds.clone()),
            rules: change.rules.unwrap_or_else(|| self.rules.clone()),
            weights: change.weights.unwrap_or_else(|| self.weights.clone()),
        }
    }

    /// The ages that its rules ask for, in days, and 0.
    pub(crate) fn ages(&self) -> BTreeSet<i64> {
        self.rules.0.iter().map(|rule| rule.min_age_days).chain([0]).collect()
    }
}

// === impl Thresholds ===

impl Thresholds {
    /// Each category once, 0 to 100 points, 100 together.
    ///
    /// # Errors
    /// What is wrong.
    pub(crate) fn new(of: &[(Category, i64)]) -> Result<Self, RulesError> {
        let mut points = BTreeMap::new();
        for (i, (category, most)) in of.iter().enumerate() {
            within(i, "points", *most, 0, POINTS)?;
            if points.insert(*category, *most).is_some() {
                return Err(RulesError::at(i, "category", "is there twice"));
            }
        }
        if points.len() != Category::ALL.len() || points.values().sum::<i64>() != POINTS {
            return Err(RulesError::whole(format!("must have each category once, with {POINTS} points together")));
        }
        Ok(Self(points))
    }

    /// Most points of a category.
    pub(crate) fn of(&self, category: Category) -> i64 {
        self.0.get(&category).copied().unwrap_or_default()
    }
}

// === impl RuleList ===

impl RuleList {
    /// 1 to 100 rules within their bounds.
    ///
    /// # Errors
    /// What is wrong.
    pub(crate) fn new(rules: Vec<Rule>) -> Result<Self, RulesError> {
        if rules.is_empty() || rules.len() > RULES_MAX {
            return Err(RulesError::whole(format!("must have 1 to {RULES_MAX} rules")));
        }
        for (i, rule) in rules.iter().enumerate() {
            within(i, "min_age_days", rule.min_age_days, 0, AGE_MAX)?;
            within(i, "centipoints", rule.centipoints, 0, CENTIPOINTS_MAX)?;
            within(i, "max_points", rule.max_points, 0, POINTS)?;
        }
        Ok(Self(rules))
    }

    /// In their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter()
    }
}

// === impl Rule ===

impl Rule {
    /// Points for a number of risks: never more with fewer of them, and never more than the rule takes.
    pub(crate) fn points(&self, risks: i64) -> i64 {
        (self.centipoints.saturating_mul(risks.max(0)) / 100).min(self.max_points)
    }
}

// === impl Weights ===

impl Weights {
    /// At most 1,000 accounts, each once, with 1 to 100.
    ///
    /// # Errors
    /// What is wrong.
    pub(crate) fn new(of: &[(AccountId, i64)]) -> Result<Self, RulesError> {
        if of.len() > WEIGHTS_MAX {
            return Err(RulesError::whole(format!("must have at most {WEIGHTS_MAX} accounts")));
        }
        let mut weights = BTreeMap::new();
        for (i, (account, weight)) in of.iter().enumerate() {
            within(i, "weight", *weight, 1, WEIGHT_MAX)?;
            if weights.insert(*account, *weight).is_some() {
                return Err(RulesError::at(i, "account", "is there twice"));
            }
        }
        Ok(Self(weights))
    }

    /// How often an account counts.
    pub(crate) fn of(&self, account: AccountId) -> i64 {
        self.0.get(&account).copied().unwrap_or(1)
    }

    /// The accounts that count more than once or are named.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (AccountId, i64)> {
        self.0.iter().map(|(account, weight)| (*account, *weight))
    }
}

// === impl RulesError ===

impl RulesError {
    fn whole(problem: String) -> Self {
        Self { field: String::new(), problem }
    }

    fn at(index: usize, field: &str, problem: impl Into<String>) -> Self {
        Self { field: format!("[{index}].{field}"), problem: problem.into() }
    }
}

fn within(index: usize, field: &str, value: i64, least: i64, most: i64) -> Result<(), RulesError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(RulesError::at(index, field, format!("must be {least} to {most}")))
}

/// As they are stored: numbers alone.
#[derive(Serialize, Deserialize)]
struct Plain {
    thresholds: Vec<(i32, i64)>,
    rules: Vec<(i32, i32, i64, i64, i64)>,
    weights: Vec<(u64, i64)>,
}

impl From<ScoreRules> for Plain {
    fn from(of: ScoreRules) -> Self {
        let rule = |rule: &Rule| {
            let (category, severity) = (rule.category.code(), rule.severity.code());
            (category, severity, rule.min_age_days, rule.centipoints, rule.max_points)
        };
        Self {
            thresholds: of.thresholds.0.into_iter().map(|(category, points)| (category.code(), points)).collect(),
            rules: of.rules.iter().map(rule).collect(),
            weights: of.weights.iter().map(|(account, weight)| (account.get(), weight)).collect(),
        }
    }
}

impl TryFrom<Plain> for ScoreRules {
    type Error = String;

    fn try_from(plain: Plain) -> Result<Self, String> {
        let category = |code| Category::of(code).ok_or_else(|| format!("no category {code}"));
        let severity = |code| Severity::of(code).ok_or_else(|| format!("no severity {code}"));
        let mut thresholds = BTreeMap::new();
        for (code, points) in plain.thresholds {
            thresholds.insert(category(code)?, points);
        }
        let mut rules = Vec::with_capacity(plain.rules.len());
        for (kind, degree, min_age_days, centipoints, max_points) in plain.rules {
            let (category, severity) = (category(kind)?, severity(degree)?);
            rules.push(Rule { category, severity, min_age_days, centipoints, max_points });
        }
        let mut weights = BTreeMap::new();
        for (account, weight) in plain.weights {
            weights.insert(AccountId::try_from(account).map_err(|error| error.to_string())?, weight);
        }
        Ok(Self { thresholds: Thresholds(thresholds), rules: RuleList(rules), weights: Weights(weights) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(n: u64) -> AccountId {
        AccountId::try_from(1_000_000_000_000_000 + n).unwrap()
    }

    const RULE: Rule =
        Rule { category: Category::Attack, severity: Severity::Low, min_age_days: 0, centipoints: 50, max_points: 4 };

    #[test]
    fn what_bailiwick_comes_with_is_sound_and_is_stored_whole() {
        let rules = ScoreRules::default();
        assert_eq!(Thresholds::new(&THRESHOLDS), Ok(rules.thresholds.clone()));
        assert_eq!(RuleList::new(rules.rules.0.clone()), Ok(rules.rules.clone()));
        let all = ScoreRules { weights: Weights::new(&[(account(1), 3)]).unwrap(), ..rules };
        let stored = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<ScoreRules>(&stored).unwrap(), all);
        assert_eq!(all.ages(), BTreeSet::from([0, 30]));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let with = |change: fn(&mut Rule)| {
            let mut rule = RULE;
            change(&mut rule);
            RuleList::new(vec![RULE, rule]).unwrap_err().field
        };
        assert_eq!(with(|rule| rule.min_age_days = 3_651), "[1].min_age_days");
        assert_eq!(with(|rule| rule.min_age_days = -1), "[1].min_age_days");
        assert_eq!(with(|rule| rule.centipoints = 10_001), "[1].centipoints");
        assert_eq!(with(|rule| rule.max_points = 101), "[1].max_points");
        assert_eq!(RuleList::new(Vec::new()).unwrap_err().field, "");
        assert!(RuleList::new(vec![RULE; 100]).is_ok() && RuleList::new(vec![RULE; 101]).is_err());

        let mut points = THRESHOLDS;
        points[0].1 = 31;
        assert_eq!(Thresholds::new(&points).unwrap_err().field, "", "they sum up to 101");
        points[0].1 = -1;
        assert_eq!(Thresholds::new(&points).unwrap_err().field, "[0].points");
        points[1].0 = Category::Vulnerability;
        points[0].1 = 30;
        assert_eq!(Thresholds::new(&points).unwrap_err().field, "[1].category");
        assert_eq!(Thresholds::new(&THRESHOLDS[..3]).unwrap_err().field, "", "one is missing");

        assert_eq!(Weights::new(&[(account(1), 0)]).unwrap_err().field, "[0].weight");
        assert_eq!(Weights::new(&[(account(1), 1), (account(1), 2)]).unwrap_err().field, "[1].account");
        let many: Vec<_> = (0..1_001).map(|n| (account(n), 1)).collect();
        assert!(Weights::new(&many[..1_000]).is_ok() && Weights::new(&many).is_err());
    }

    #[test]
    fn a_change_changes_what_it_names() {
        let (before, weights) = (ScoreRules::default(), Weights::new(&[(account(1), 5)]).unwrap());
        let after = before.with(RulesChange { weights: Some(weights.clone()), ..RulesChange::default() });
        assert_eq!(after, ScoreRules { weights, ..before.clone() });
        assert_eq!(before.with(RulesChange::default()), before);
    }
}
