//! Scores between the domain and the contract.

use std::{collections::BTreeSet, time::Duration};

use bailiwick_api::securitycenter::v1 as pb;
use bailiwick_core::{
    AccountId, Timestamp,
    filter::{Filter, Relation},
};
use bailiwick_rpc::InvalidFields;

use crate::posture::{
    app::{AccountScore, RulesOf},
    domain::{
        Band, BySeverity, Category, Deduction, DirectoryScore, Rule, RuleList, RulesChange, RulesError, ScoreRules,
        Severity, Thresholds, Weights, day,
    },
    store::ScoreDay,
};

const DAY: Duration = Duration::from_hours(24);

pub(super) fn score(name: String, of: &AccountScore) -> pb::SecurityScore {
    let category = |(category, points, threshold): &(Category, i64, i64)| pb::CategoryDeduction {
        category: category.code(),
        points: small(*points),
        threshold: small(*threshold),
    };
    pb::SecurityScore {
        name,
        score: small(of.score.points),
        band: band(of.score.points).into(),
        category_deductions: of.score.categories.iter().map(category).collect(),
        open_risks: Some(severity_counts(of.score.open)),
        last_scan_time: of.last_scan.map(timestamp),
    }
}

pub(super) fn deduction(of: &Deduction, now: Timestamp) -> pb::ScoreDeduction {
    pb::ScoreDeduction {
        rule_index: i32::try_from(of.index).unwrap_or(i32::MAX),
        category: of.rule.category.code(),
        severity: of.rule.severity.code(),
        min_age_days: small(of.rule.min_age_days),
        risk_count: of.risks,
        points: small(of.points),
        risk_filter: risk_filter(&of.rule, now),
    }
}

/// Selects exactly the risks that a rule counts, as [`store::open_risks`](crate::posture::store::open_risks) does: by the
/// day on which they began.
fn risk_filter(rule: &Rule, now: Timestamp) -> String {
    let category = pb::RiskCategory::try_from(rule.category.code()).unwrap_or_default().as_str_name();
    let severity = pb::Severity::try_from(rule.severity.code()).unwrap_or_default().as_str_name();
    let mut all = vec![
        Filter::Enum("state", pb::RiskState::Open.as_str_name()),
        Filter::Enum("category", category),
        Filter::Enum("severity", severity),
    ];
    if rule.min_age_days > 0 {
        all.push(Filter::Time("open_time", Relation::Before, day_begin(day(now) - rule.min_age_days + 1)));
    }
    Filter::All(all).to_string()
}

pub(super) fn daily(of: &ScoreDay) -> pb::DailyScore {
    let date = timestamp(day_begin(of.day)).to_string();
    pb::DailyScore {
        date: date.split('T').next().unwrap_or_default().to_owned(),
        score: small(of.score),
        band: band(of.score).into(),
        open_risks: Some(severity_counts(of.open)),
    }
}

pub(super) fn directory(name: String, of: &DirectoryScore) -> pb::DirectorySecurityScore {
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let bands = of.bands.iter();
    let account = |(account, score, weight): &(AccountId, i64, i64)| pb::AccountScore {
        account: account.name(),
        score: small(*score),
        weight: small(*weight),
    };
    pb::DirectorySecurityScore {
        name,
        score: small(of.points),
        band: band(of.points).into(),
        account_count: count(of.accounts),
        band_counts: bands
            .map(|(band, accounts)| pb::BandCount { band: band_code(*band).into(), account_count: count(*accounts) })
            .collect(),
        open_risks: Some(severity_counts(of.open)),
        lowest: of.lowest.iter().map(account).collect(),
    }
}

pub(super) fn rules(of: &RulesOf) -> pb::ScoreRules {
    let threshold = |category: Category| pb::CategoryThreshold {
        category: category.code(),
        points: small(of.rules.thresholds.of(category)),
    };
    let rule = |rule: &Rule| pb::ScoreRule {
        category: rule.category.code(),
        severity: rule.severity.code(),
        min_age_days: small(rule.min_age_days),
        centipoints: small(rule.centipoints),
        max_points: small(rule.max_points),
    };
    let weights = of.rules.weights.iter();
    pb::ScoreRules {
        name: of.name(),
        thresholds: Category::ALL.into_iter().map(threshold).collect(),
        rules: of.rules.rules.iter().map(rule).collect(),
        account_weights: weights
            .map(|(account, weight)| pb::AccountWeight { account: account.name(), weight: small(weight) })
            .collect(),
        customized: of.rules != ScoreRules::default(),
        etag: of.etag(),
    }
}

/// What a request changes. What is wrong with it is noted.
pub(super) fn change(fields: &mut InvalidFields, of: &pb::ScoreRules, mask: &[String]) -> RulesChange {
    let known = ["thresholds", "rules", "account_weights"];
    for path in mask.iter().filter(|path| !known.contains(&path.as_str())) {
        fields.violation("update_mask", format!("`{path}` cannot be updated"));
    }
    let mask: BTreeSet<_> = mask.iter().map(String::as_str).collect();
    let named = |path: &str| mask.is_empty() || mask.contains(path);
    let thresholds = named("thresholds").then(|| thresholds(fields, &of.thresholds)).flatten();
    let rules = named("rules").then(|| rule_list(fields, &of.rules)).flatten();
    let weights = named("account_weights").then(|| weights(fields, &of.account_weights)).flatten();
    RulesChange { thresholds, rules, weights }
}

fn thresholds(fields: &mut InvalidFields, of: &[pb::CategoryThreshold]) -> Option<Thresholds> {
    const FIELD: &str = "score_rules.thresholds";
    let mut read = Vec::with_capacity(of.len());
    for (i, threshold) in of.iter().enumerate() {
        read.push(category(fields, format!("{FIELD}[{i}].category"), threshold.category).zip(Some(threshold.points)));
    }
    let read: Option<Vec<_>> = read.into_iter().map(|read| read.map(|(of, most)| (of, most.into()))).collect();
    read.and_then(|read| noted(fields, FIELD, Thresholds::new(&read)))
}

fn rule_list(fields: &mut InvalidFields, of: &[pb::ScoreRule]) -> Option<RuleList> {
    const FIELD: &str = "score_rules.rules";
    let mut read = Vec::with_capacity(of.len());
    for (i, rule) in of.iter().enumerate() {
        let category = category(fields, format!("{FIELD}[{i}].category"), rule.category);
        let severity = fields.enumeration::<pb::Severity>(format!("{FIELD}[{i}].severity"), rule.severity);
        let severity = severity.and_then(|severity| Severity::of(severity.into()));
        read.push(category.zip(severity).map(|(category, severity)| Rule {
            category,
            severity,
            min_age_days: rule.min_age_days.into(),
            centipoints: rule.centipoints.into(),
            max_points: rule.max_points.into(),
        }));
    }
    let read: Option<Vec<_>> = read.into_iter().collect();
    read.and_then(|read| noted(fields, FIELD, RuleList::new(read)))
}

fn weights(fields: &mut InvalidFields, of: &[pb::AccountWeight]) -> Option<Weights> {
    const FIELD: &str = "score_rules.account_weights";
    let mut read = Vec::with_capacity(of.len());
    for (i, of) in of.iter().enumerate() {
        let account = fields.account(format!("{FIELD}[{i}].account"), &of.account);
        read.push(account.map(|account| (account, of.weight.into())));
    }
    let read: Option<Vec<_>> = read.into_iter().collect();
    read.and_then(|read| noted(fields, FIELD, Weights::new(&read)))
}

fn category(fields: &mut InvalidFields, field: String, code: i32) -> Option<Category> {
    let read = fields.enumeration::<pb::RiskCategory>(field, code);
    read.and_then(|category| Category::of(category.into()))
}

fn noted<T>(fields: &mut InvalidFields, list: &str, result: Result<T, RulesError>) -> Option<T> {
    result.map_err(|error| fields.violation(format!("{list}{}", error.field), error.problem)).ok()
}

pub(super) fn severity_counts(of: BySeverity) -> pb::SeverityCounts {
    let BySeverity { critical, high, medium, low, informational } = of;
    pb::SeverityCounts { critical, high, medium, low, informational }
}

/// The band of a score.
pub(super) fn band(points: i64) -> pb::ScoreBand {
    band_code(Band::of(points))
}

fn band_code(band: Band) -> pb::ScoreBand {
    match band {
        Band::Excellent => pb::ScoreBand::Excellent,
        Band::Good => pb::ScoreBand::Good,
        Band::Fair => pb::ScoreBand::Fair,
        Band::Poor => pb::ScoreBand::Poor,
    }
}

/// Points, days and weights are small.
pub(super) fn small(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn day_begin(day: i64) -> Timestamp {
    Timestamp::from_micros(day.saturating_mul(i64::try_from(DAY.as_micros()).unwrap_or(i64::MAX)))
}

fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let nanos = time.as_micros().rem_euclid(1_000_000) * 1_000;
    prost_types::Timestamp { seconds: time.as_seconds(), nanos: i32::try_from(nanos).unwrap_or_default() }
}
