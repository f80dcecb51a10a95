//! What an entry of the trail is, and who sees what of it. Pure.

mod audit_entry;

pub(crate) use audit_entry::{AuditEntry, EntryId, SCHEMA};
