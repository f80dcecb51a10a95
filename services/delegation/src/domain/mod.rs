//! What may be designated, enabled and enrolled: pure decisions over what was loaded.

pub mod delegated_administrator;
pub mod enrolment;
pub mod error;
pub mod membership;
pub mod trusted_service;

pub use delegated_administrator::{Designating, Designation, Impact};
pub use enrolment::Enrolment;
pub use error::Error;
pub use membership::Membership;

#[cfg(test)]
mod tests;
