//! Rows and queries. It knows no rule.

mod access_policy;
mod audit_entry;
mod decision;
mod facts;
mod head;
mod migration;
mod resource;
mod world;

pub(crate) use access_policy::{version, version_save, versions, versions_remove};
pub(crate) use audit_entry::{AuditFilter, audit_entries, audit_overflow, audit_purge, audit_save};
pub(crate) use decision::{
    DecisionFilter, Logged, decision_count, decision_counts_purge, decisions, decisions_purge, decisions_save,
    past_decisions,
};
pub(crate) use facts::{
    account_known, administrator_remove, administrator_save, directory_of, facts_remove_all, folder_known, is_managed,
    managed, ram_user_known, ram_user_remove, ram_user_save, ram_users_known, set_up, set_up_of,
};
pub(crate) use head::{
    generation, generation_followed, generation_next, head_lock, instance, instance_save, instances,
};
pub(crate) use migration::migrations;
pub(crate) use resource::{all, count, exists, find, ids, page, remove, save};
pub(crate) use world::world;

use bailiwick_core::AccountId;
use bailiwick_db::DbError;
use sea_orm::{ConnectionTrait, Statement, Value};

/// Parameters of one statement stay well below what both engines take.
const CHUNK: usize = 500;

fn statement(conn: &impl ConnectionTrait, sql: impl Into<String>, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(conn.get_database_backend(), sql, values)
}

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
