//! What may be designated, enabled and enrolled: pure decisions over what was loaded.

pub mod delegated_administrator;
pub mod enrolment;
pub mod error;
pub mod folder;
pub mod membership;
pub mod service_linked_role;
pub mod trusted_service;

pub use delegated_administrator::{Candidate, Designating, Designation, Impact};
pub use enrolment::Enrolment;
pub use error::Error;
pub use folder::Folder;
pub use membership::Membership;
pub use service_linked_role::{Deletion, LinkedRole};

#[cfg(test)]
mod tests;
