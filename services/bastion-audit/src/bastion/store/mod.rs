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
    assets_among, assets_existing, assets_of_kind, assets_page, assets_save, has_assets_of_others, imported_as,
    owners_in, owners_in_domain, owners_in_groups, owners_of,
};
pub(crate) use head::head_lock;
pub(crate) use inventory::{
    DiscoveredPlace, Inventory, discovered, discovered_after, discovered_place, discovered_remove, discovered_save,
    inventories_from, inventories_waiting, inventory_lock, inventory_place, inventory_remove, inventory_save,
    inventory_settling, named_since, not_named_since, read_place,
};
pub(crate) use member::{
    OWN, administrator_remove, administrator_save, administrators_remove_all, departure, departure_remove,
    departure_save, departures_among, departures_ended, enrolment, enrolments_among, membership, rank,
};
pub(crate) use membership::{
    groups_of, member_count, member_remove, member_save, members_after, memberships_among, memberships_remove,
    memberships_remove_of,
};
pub(crate) use migration::migrations;
pub(crate) use ram_user::{ram_user_remove, ram_user_save, ram_users_among, ram_users_remove_all};
pub(crate) use reference::{all_referring, references_remove, references_remove_in, references_save, referring};
pub(crate) use resource::{
    all, all_in, any_in, called, count, existing, find, find_all, page, page_in, remove, remove_in, save,
};
pub(crate) use secret::{secret_remove, secret_save, secrets_remove, secrets_remove_in};

use bailiwick_core::AccountId;
use bailiwick_db::DbError;
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};

/// Rows of one statement stay well below what both engines take.
const CHUNK: usize = 200;

fn statement(conn: &impl ConnectionTrait, sql: impl Into<String>, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(conn.get_database_backend(), sql, values)
}

/// Behind a text that is compared: other collations than this one pass over hyphens.
fn by_bytes(conn: &impl ConnectionTrait) -> &'static str {
    if conn.get_database_backend() == DbBackend::Postgres { " COLLATE \"C\"" } else { "" }
}

fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> DbError {
    DbError::Other(error.into())
}

/// The number by which rows have an account: an id has 16 digits, which fit.
pub(crate) fn number(account: AccountId) -> Result<i64, DbError> {
    i64::try_from(account.get()).map_err(broken)
}

fn account(number: i64) -> Result<AccountId, DbError> {
    AccountId::try_from(u64::try_from(number).map_err(broken)?).map_err(broken)
}
