//! Rows and queries. It knows no rule.

mod auto_add;
mod bulk;
mod candidates;
mod entity;
mod facts;
mod finding_import;
mod full_scan;
mod membership;
mod migration;
mod quota;
mod risk;
mod risk_account;
mod risk_purge;
mod risk_summary;
mod risk_text;
mod risk_view;
mod risk_work;
mod root_user;
mod score;
mod score_rules;
mod subscription;
mod suppression;
mod tally;

pub(crate) use auto_add::{
    Addition, additions_clear, additions_close, additions_count, additions_due, additions_of, additions_postpone,
    additions_put, additions_remove, additions_tidy, problem_save, settings, settings_lock, settings_save,
};
pub(crate) use candidates::{
    Candidate, FolderCount, Selected, candidates, candidates_count, candidates_waiting, entry_uid, folder_counts,
    folders, incarnation,
};
pub(crate) use facts::{
    administrator_remove, administrator_save, administrators_of, administrators_remove_all, directories_remove_all,
    directory_remove, directory_save, management_account, places, places_save, places_settle, unverified,
};
pub(crate) use finding_import::{
    finding_import, finding_import_insert, finding_import_lock, finding_import_remove, finding_import_save,
    finding_imports_left, finding_imports_old, finding_imports_page, import_chunk, import_chunk_save,
    import_chunks_remove, imports_unfinished,
};
pub(crate) use full_scan::{full_scan_save, full_scans_after};
pub(crate) use membership::{
    Whose, accounts_known, accounts_lock, has_elsewhere, has_suppressed, risks_due, risks_relist,
};
pub(crate) use migration::migrations;
pub(crate) use quota::{assigned_of, quota_remove, quota_save, quotas_of, quotas_page, quotas_remove_of, quotas_tidy};
pub(crate) use risk::{risk, risks_absent, risks_known, risks_lock, risks_save, risks_seen, risks_unseen};
pub(crate) use risk_account::{RiskAccount, risk_account_lock, risk_account_save};
pub(crate) use risk_purge::{has_fixed, ids_taken, risk_accounts_after, risks_fixed_lock, risks_remove};
pub(crate) use risk_summary::{summary_of_risks, summary_of_tallies};
pub(crate) use risk_text::{texts_remove, texts_unused};
pub(crate) use risk_view::{View, risk_place, risks_among, risks_page};
pub(crate) use risk_work::{Work, relisting, work_add, work_later, work_pending, work_remove, work_save};
pub(crate) use root_user::{
    root_user_accounts, root_user_of_member, root_user_remove, root_user_save, root_users_replace,
};
pub(crate) use score::{
    Ages, ScoreDay, accounts_with_score, directories_of, last_scan, open_risks, open_risks_of_list, score_days_before,
    score_days_last, score_days_purge, score_days_save, score_due_add, score_due_list, score_due_take,
};
pub(crate) use score_rules::{score_rules, score_rules_lock, score_rules_of, score_rules_save};
pub(crate) use subscription::{subscription_save, subscriptions, subscriptions_lock};
pub(crate) use suppression::{
    Head, head, head_lock, head_save, head_share, heads_pending, rule_remove, rule_save, rules, rules_due,
    rules_expire, suppressed,
};
pub(crate) use tally::tally_add;

use bailiwick_core::AccountId;
use bailiwick_db::DbError;

/// Parameters of one statement stay well below what both engines take.
const CHUNK: usize = 500;

/// An account id has 16 digits, which fit.
fn number(account: AccountId) -> Result<i64, DbError> {
    i64::try_from(account.get()).map_err(broken)
}

fn account(number: i64) -> Result<AccountId, DbError> {
    AccountId::try_from(u64::try_from(number).map_err(broken)?).map_err(broken)
}

fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> DbError {
    DbError::Other(error.into())
}
