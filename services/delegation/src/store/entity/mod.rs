//! The tables.

pub mod delegated_administrator;
pub mod directory;
pub mod enrolment;
pub mod fact;
pub mod member;
pub mod trusted_access;
