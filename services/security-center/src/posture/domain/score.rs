//! The security score: 100 minus what open risks cost (R-SC-16).

use std::collections::BTreeMap;

use bailiwick_core::AccountId;

use super::{Category, Rule, ScoreRules, Severity, score_rules::POINTS};

/// How many accounts with the lowest scores are named.
const LOWEST: usize = 10;

/// How many risks of an account are open, by category and severity, and how many of them at least so many days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OpenRisks(BTreeMap<(Category, Severity, i64), i64>);

/// How many risks are open, by severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BySeverity {
    pub(crate) critical: i64,
    pub(crate) high: i64,
    pub(crate) medium: i64,
    pub(crate) low: i64,
    pub(crate) informational: i64,
}

/// A score, and what it lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Score {
    /// 0 to 100.
    pub(crate) points: i64,
    /// All categories, in their order: points lost and most points.
    pub(crate) categories: Vec<(Category, i64, i64)>,
    /// Rules that took something or count something, the most costly first.
    pub(crate) deductions: Vec<Deduction>,
    pub(crate) open: BySeverity,
}

/// What a rule took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deduction {
    /// Its place in the list of rules.
    pub(crate) index: usize,
    pub(crate) rule: Rule,
    pub(crate) risks: i64,
    pub(crate) points: i64,
}

/// Bands of scores (E-SC-08).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Band {
    Excellent,
    Good,
    Fair,
    Poor,
}

/// The score of all accounts of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DirectoryScore {
    /// The mean by weight, rounded down.
    pub(crate) points: i64,
    pub(crate) accounts: usize,
    /// All bands, in their order.
    pub(crate) bands: Vec<(Band, usize)>,
    pub(crate) open: BySeverity,
    /// Account, score and weight, the lowest first.
    pub(crate) lowest: Vec<(AccountId, i64, i64)>,
}

// === impl OpenRisks ===

impl OpenRisks {
    /// Adds risks that have been open for at least so many days.
    pub(crate) fn add(&mut self, category: Category, severity: Severity, min_age_days: i64, risks: i64) {
        *self.0.entry((category, severity, min_age_days)).or_default() += risks;
    }

    /// Those of a rule.
    fn of(&self, rule: &Rule) -> i64 {
        self.0.get(&(rule.category, rule.severity, rule.min_age_days)).copied().unwrap_or_default()
    }

    /// All of them.
    pub(crate) fn by_severity(&self) -> BySeverity {
        let mut sum = BySeverity::default();
        for ((_, severity, age), risks) in &self.0 {
            if *age == 0 {
                *sum.of(*severity) += risks;
            }
        }
        sum
    }
}

// === impl BySeverity ===

impl BySeverity {
    fn of(&mut self, severity: Severity) -> &mut i64 {
        match severity {
            Severity::Critical => &mut self.critical,
            Severity::High => &mut self.high,
            Severity::Medium => &mut self.medium,
            Severity::Low => &mut self.low,
            Severity::Informational => &mut self.informational,
        }
    }

    fn add(&mut self, other: Self) {
        self.critical += other.critical;
        self.high += other.high;
        self.medium += other.medium;
        self.low += other.low;
        self.informational += other.informational;
    }
}

// === impl ScoreRules ===

impl ScoreRules {
    /// The score of an account with these open risks.
    pub(crate) fn score(&self, open: &OpenRisks) -> Score {
        let (mut lost, mut deductions) = (BTreeMap::<Category, i64>::new(), Vec::new());
        for (index, rule) in self.rules.iter().enumerate() {
            let risks = open.of(rule);
            let points = rule.points(risks);
            *lost.entry(rule.category).or_default() += points;
            if points > 0 {
                deductions.push(Deduction { index, rule: *rule, risks, points });
            }
        }
        deductions.sort_by_key(|deduction| (-deduction.points, deduction.index));
        let category = |of: Category| {
            let threshold = self.thresholds.of(of);
            (of, lost.get(&of).copied().unwrap_or_default().min(threshold), threshold)
        };
        let categories: Vec<_> = Category::ALL.into_iter().map(category).collect();
        let points = POINTS - categories.iter().map(|(_, lost, _)| lost).sum::<i64>();
        Score { points, categories, deductions, open: open.by_severity() }
    }

    /// The score of these accounts together.
    pub(crate) fn directory_score<'a>(
        &self,
        accounts: impl IntoIterator<Item = (AccountId, &'a OpenRisks)>,
    ) -> DirectoryScore {
        let (mut scores, mut open) = (Vec::new(), BySeverity::default());
        let mut bands: BTreeMap<_, _> = Band::ALL.into_iter().map(|band| (band, 0)).collect();
        let (mut sum, mut weights) = (0, 0);
        for (account, risks) in accounts {
            let (score, weight) = (self.score(risks), self.weights.of(account));
            open.add(score.open);
            *bands.entry(Band::of(score.points)).or_default() += 1;
            sum += score.points * weight;
            weights += weight;
            scores.push((account, score.points, weight));
        }
        let accounts = scores.len();
        scores.sort_by_key(|(account, points, weight)| (*points, -weight, *account));
        scores.truncate(LOWEST);
        let points = if weights == 0 { POINTS } else { sum / weights };
        DirectoryScore { points, accounts, bands: bands.into_iter().collect(), open, lowest: scores }
    }
}

// === impl Band ===

impl Band {
    pub(crate) const ALL: [Self; 4] = [Self::Excellent, Self::Good, Self::Fair, Self::Poor];

    /// The band of a score.
    pub(crate) const fn of(points: i64) -> Self {
        match points {
            95.. => Self::Excellent,
            85..=94 => Self::Good,
            70..=84 => Self::Fair,
            _ => Self::Poor,
        }
    }
}

#[cfg(test)]
mod tests;
