//! Rows and queries of the trail. It knows no rule.

mod audit_entries;
mod entity;
mod migration;

pub(crate) use audit_entries::{
    Place, audit_entries_arrived, audit_entries_before, audit_entries_between, audit_entry_insert, last_arrival,
};
pub(crate) use migration::migrations;
