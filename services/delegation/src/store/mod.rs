//! Rows to domain and back. No rules here, and nothing of the contract.

pub mod delegated_administrators;
pub mod directories;
pub mod enrolments;
mod entity;
pub mod facts;
pub mod folders;
pub mod members;
mod migration;
pub mod role_deletions;
pub mod trusted_access;

pub use migration::migrations;

use std::{collections::BTreeMap, fmt::Display, str::FromStr};

use bailiwick_core::{AccountId, DirectoryId, TrustedService};
use bailiwick_db::DbError;

/// Where a row is in the order of directories, accounts and services, as text.
pub type Place = (String, String, String);

/// Most rows of one statement with parameters for each.
const CHUNK: usize = 1_000;

/// A text of the database in its type: what is stored was canonical when it was written.
fn read<T: FromStr<Err: Display>>(text: &str) -> Result<T, DbError> {
    text.parse().map_err(|error: T::Err| DbError::Other(format!("`{text}` is stored: {error}").into()))
}

/// The accounts of each service in each directory, as text.
fn by_list(
    keys: impl Iterator<Item = (DirectoryId, TrustedService, AccountId)>,
) -> BTreeMap<(DirectoryId, TrustedService), Vec<String>> {
    let mut lists = BTreeMap::<_, Vec<_>>::new();
    for (directory, service, account) in keys {
        lists.entry((directory, service)).or_default().push(account.to_string());
    }
    lists
}
