//! Rows of tables that are filtered.

pub(super) mod asset;
