//! Rows and queries. It knows no rule.

mod eligible;
mod entity;
mod entries;
mod folders;
mod listed;
mod memberships;
mod migration;

pub(crate) use eligible::eligible;
pub(crate) use entries::{
    entries_after, entries_all, entries_of_accounts, entries_page, entries_remove, entries_save, entry, entry_count,
    entry_place, lock_entries,
};
pub(crate) use folders::{folders_of_directory, folders_remove, folders_remove_all, folders_remove_of, folders_save};
pub use listed::{ListPlace, Listed, folder_of, places_all, places_of};
pub(crate) use memberships::{memberships_all, memberships_of, memberships_remove, memberships_save};
pub use migration::migrations;

/// Parameters of one statement stay well below what both engines take.
const CHUNK: usize = 500;
