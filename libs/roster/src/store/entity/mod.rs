//! The tables.

pub(super) mod account;
pub(super) mod entry;
pub(super) mod folder;
