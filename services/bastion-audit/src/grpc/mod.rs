//! Parse, call, convert.

mod audit_entries;
mod bastion_members;
mod error;

pub(crate) use audit_entries::AuditEntries;
pub(crate) use bastion_members::BastionMembers;
