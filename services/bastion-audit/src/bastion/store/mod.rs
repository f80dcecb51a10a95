//! Rows and queries. It knows no rule.

mod asset;
mod entity;
mod head;
mod inventory;
mod member;
mod membership;
mod migration;
mod ram_user;
mod reference;
mod resource;
mod secret;

pub(crate) use asset::{
    Part, asset, asset_called, asset_count, asset_in, asset_in_domain, asset_of, asset_place, asset_remove,
    assets_among, assets_existing, assets_page, assets_save, has_assets_of_others, imported_as, owners_in,
};
pub(crate) use head::head_lock;
pub(crate) use inventory::{
    DiscoveredFilter, Inventory, discovered, discovered_page, discovered_place, discovered_remove, discovered_save,
    inventory_lock, inventory_save, inventory_settling, not_named_since, read_place,
};
pub(crate) use member::{
    OWN, administrator_remove, administrator_save, administrators_remove_all, departure, departure_remove,
    departure_save, departures_among, enrolment, enrolments_among, membership, rank,
};
pub(crate) use membership::{
    groups_of, member_count, member_remove, member_save, members_of, memberships_remove, memberships_remove_of,
};
pub(crate) use migration::migrations;
pub(crate) use ram_user::{ram_user_remove, ram_user_save, ram_users_among, ram_users_remove_all};
pub(crate) use reference::{all_referring, references_remove, references_remove_in, references_save, referring};
pub(crate) use resource::{all, any_in, called, count, existing, find, page, page_in, remove, remove_in, save};
pub(crate) use secret::{secret_remove, secret_save, secrets_remove, secrets_remove_in};

use bailiwick_core::AccountId;
use bailiwick_db::DbError;
use sea_orm::{ConnectionTrait, Statement, Value};

/// Rows of one statement stay well below what both engines take.
const CHUNK: usize = 200;

fn statement(conn: &impl ConnectionTrait, sql: impl Into<String>, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(conn.get_database_backend(), sql, values)
}

fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> DbError {
    DbError::Other(error.into())
}

/// An account id has 16 digits, which fit.
fn number(account: AccountId) -> Result<i64, DbError> {
    i64::try_from(account.get()).map_err(broken)
}

fn account(number: i64) -> Result<AccountId, DbError> {
    AccountId::try_from(u64::try_from(number).map_err(broken)?).map_err(broken)
}
