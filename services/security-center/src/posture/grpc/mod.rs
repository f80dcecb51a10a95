//! Parse, call, convert.

mod error;
mod finding_imports;
mod import_error;
mod import_places;
mod monitored_accounts;
mod multi_accounts;
mod ocsf;
mod parse;
mod risk;
mod risk_export;
mod risks_error;
mod score_convert;
mod security_score;
mod subscriptions;
mod suppression_rule;
mod trusted_access;

pub(crate) use finding_imports::FindingImports;
pub(crate) use monitored_accounts::MonitoredAccounts;
pub(crate) use risk::RiskCalls;
pub(crate) use security_score::SecurityScores;
pub(crate) use suppression_rule::SuppressionRuleCalls;
pub(crate) use trusted_access::DelegationTrustedAccess;
