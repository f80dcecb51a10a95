//! Rows, and what they say. No rule is here: what may happen is decided in [`crate::domain`].
//!
//! Every query is bounded by an account or a directory that its caller has from a permit, but for those of the platform
//! itself, which say so.

pub mod access_key;
pub mod account;
pub mod attachment;
pub mod claim;
pub mod control_policy;
pub mod credential;
pub mod directory;
mod entity;
pub mod folder;
pub mod group;
pub mod group_member;
pub mod identity_provider;
pub mod invitation;
mod label;
pub mod linked_role;
pub mod member;
mod migration;
pub mod operator;
pub mod outbox;
pub mod policy;
pub mod review;
pub mod role;
pub mod security_info;
pub mod sign_in;
#[cfg(test)]
pub(crate) mod testing;
pub mod user;
pub mod verification;

pub use migration::migrations;

use std::{fmt::Display, str::FromStr};

use bailiwick_core::{AccountId, DirectoryId, Timestamp};
use bailiwick_db::DbError;
use sea_orm::DbErr;

type Result<T> = std::result::Result<T, DbError>;

/// Ids have 16 digits, which a signed column holds.
fn key(account: AccountId) -> i64 {
    i64::try_from(account.get()).unwrap_or(i64::MAX)
}

fn keys(accounts: &[AccountId]) -> impl Iterator<Item = i64> {
    accounts.iter().map(|account| key(*account))
}

fn account(value: i64) -> Result<AccountId> {
    let id = u64::try_from(value).ok().and_then(|value| AccountId::try_from(value).ok());
    id.ok_or_else(|| malformed("account id", value))
}

fn directory(text: &str) -> Result<DirectoryId> {
    parse("directory id", text)
}

fn parse<T: FromStr>(what: &str, text: &str) -> Result<T> {
    text.parse().map_err(|_| malformed(what, text))
}

fn time(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn malformed(what: &str, value: impl Display) -> DbError {
    DbErr::Custom(format!("a row has the malformed {what} `{value}`")).into()
}

/// A column of an enumeration: the text of each value.
fn coded<T: Copy>(what: &str, values: &[(T, &'static str)], text: &str) -> Result<T> {
    let value = values.iter().find(|(_, code)| *code == text).map(|(value, _)| *value);
    value.ok_or_else(|| malformed(what, text))
}

fn code<T: Copy + PartialEq>(values: &[(T, &'static str)], value: T) -> String {
    values.iter().find(|(known, _)| *known == value).map_or("", |(_, code)| code).to_owned()
}

/// Counts are of bounded things.
fn count(rows: u64) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}
