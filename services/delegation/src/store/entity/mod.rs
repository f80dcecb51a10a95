//! The tables.

pub mod delegated_administrator;
pub mod directory;
pub mod enrolment;
pub mod fact;
pub mod folder;
pub mod member;
pub mod role_deletion;
pub mod trusted_access;
