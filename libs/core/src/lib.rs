//! The pure heart of bailiwick: identifiers, resource names, identities, time as an argument, and the decision whether
//! a call is allowed.
//!
//! Nothing here does IO, reads a global or knows the contract's wire format: the crate cannot, by its dependencies. The
//! one text that it reads as JSON is a policy document, whose language that is. Whatever decides
//! access is in [`authz`] and nowhere else.

pub mod authz;
mod clock;
pub mod filter;
mod id;
mod identity;
mod name;
mod rfc3339;
mod role;
mod text;
mod trusted_service;

pub use clock::{Clock, Entropy, SystemClock, SystemEntropy, Timestamp};
pub use id::{AccountId, DirectoryId, IdError, random_token};
pub use identity::{IdentityName, Operator, PrincipalKind};
pub use name::{NameError, Owner, ResourceName};
pub use role::Role;
pub use text::is_unseen;
pub use trusted_service::{ServiceLinkedRole, TrustedService};
