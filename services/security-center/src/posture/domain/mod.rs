//! What Security Center means, without IO.

mod acknowledgement;
mod edition;
mod error;
mod finding;
mod finding_import;
mod multi_account;
mod place;
mod quota;
mod reading;
mod risk;
mod risk_error;
pub(crate) mod risk_filter;
mod risk_summary;
mod root_user;
mod scan;
mod score;
mod score_rules;
mod subscription;
mod suppression_rule;
mod tally;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use edition::{BuyType, Edition, Holding};
pub(crate) use error::SubscriptionError;
pub(crate) use finding::Finding;
pub(crate) use finding_import::{
    ATOMIC_BYTES_MAX, ATOMIC_MAX, BATCH, FindingImport, Format, ImportOptions, ImportRefusal, ImportState, OnError,
    PIECE_MAX, RISKS_MAX, Reader, SARIF_BYTES_MAX,
};
pub(crate) use multi_account::{AutoAdd, Member, Settings, SettingsChange};
pub(crate) use place::{Administrator, Place};
pub(crate) use quota::{QuotaAssignment, may_assign};
pub(crate) use reading::{Elements, Problem, RESOURCES_MAX, Sarif, ocsf_findings};
pub(crate) use risk::{Acknowledgement, Category, Risk, RiskId, Seen, Severity, State};
pub(crate) use risk_error::RiskError;
pub(crate) use risk_summary::{Dimension, RiskCounts, RiskGroup, RiskSummary};
pub(crate) use root_user::{RootUser, RootUserRule, SOURCE as OWN_SOURCE};
pub(crate) use scan::{Changed, Counts, Scan};
pub(crate) use score::{Band, BySeverity, Deduction, DirectoryScore, OpenRisks, Score};
pub(crate) use score_rules::{Rule, RuleList, RulesChange, RulesError, ScoreRules, Thresholds, Weights};
pub(crate) use subscription::{Life, Pending, Standing, Subscription, Wanted};
pub(crate) use suppression_rule::{RULES_MAX, RuleChange, Rules, SuppressionRule, rule_filter};
#[cfg(test)]
pub(crate) use tally::TallyKey;
pub(crate) use tally::{Tally, day};
