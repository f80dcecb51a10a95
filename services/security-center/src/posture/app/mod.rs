//! The calls and what follows the logs: one transaction each.

mod auto_add;
pub(crate) mod edition;
mod error;
mod finding_import;
mod follow;
mod import_change;
mod import_error;
mod import_stream;
mod import_sweep;
mod multi_account;
mod once;
mod quota;
mod relisting;
mod risk;
mod risk_export;
mod risk_purge;
mod risk_settle;
mod risk_summary;
mod risk_upkeep;
mod risk_watch;
mod risk_work;
mod risk_write;
mod risks_error;
mod root_users;
mod score_history;
mod score_rules;
mod security_score;
mod subscription;
pub(crate) mod suppression;
mod suppression_rule;
#[cfg(test)]
mod tests;
mod trusted_access;
mod whole_files;

pub(crate) use auto_add::AutoAdder;
pub(crate) use error::Error;
#[cfg(test)]
pub(crate) use finding_import::ImportPage;
pub(crate) use finding_import::Imports;
pub(crate) use follow::Places;
pub(crate) use import_error::ImportError;
pub(crate) use import_stream::{ImportStream, Step};
#[cfg(test)]
pub(crate) use import_sweep::sweep;
pub(crate) use import_sweep::sweeper;
pub(crate) use multi_account::{Changed, Eligible, FolderView, MultiAccountView, MultiAccounts};
pub(crate) use quota::QuotaView;
pub(crate) use relisting::Relisting;
pub(crate) use risk::{RiskView, Risks, RisksAsked};
pub(crate) use risk_export::Export;
#[cfg(test)]
pub(crate) use risk_purge::purge;
pub(crate) use risk_settle::Settling;
pub(crate) use risk_watch::WatchBatch;
pub(crate) use risks_error::RisksError;
pub(crate) use root_users::RootUsers;
#[cfg(test)]
pub(crate) use score_history::pass as score_history_pass;
pub(crate) use score_history::task as score_history;
pub(crate) use score_rules::{RulesOf, RulesRequest};
pub(crate) use security_score::{AccountScore, ScoreError, Scores};
pub(crate) use subscription::{Change, SubscriptionView, Subscriptions};
pub(crate) use suppression_rule::{NewRule, RuleView};
pub(crate) use trusted_access::TrustedAccess;
