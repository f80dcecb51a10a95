//! The tables.

pub(super) mod audit_entry;
pub(super) mod audit_viewer;
