//! What may happen: pure decisions over loaded state. Each takes what is, what is asked and what time it is, and returns
//! the new state or an [`Error`].
//!
//! Nothing here does IO, reads a clock or knows a wire format. Types are serializable, because a mutation's result is
//! kept for repetitions of its request.

pub mod access_key;
pub mod access_role;
pub mod account;
pub mod attachment;
pub mod claim;
pub mod control_policy;
pub mod credential;
pub mod destination;
pub mod directory;
mod error;
pub mod folder;
pub mod group;
pub mod identity_provider;
pub mod invitation;
mod labels;
pub mod linked_role;
pub mod member;
pub mod message;
pub mod operator;
pub mod policy;
mod quota;
pub mod review;
pub mod role;
pub mod security_info;
pub mod session;
pub mod sign_in;
mod text;
pub mod user;
pub mod verification;

pub use error::{Blocker, Error};
pub use labels::{Labels, check_labels};
pub use quota::Quota;
pub use text::{InvalidText, Text, is_provider};

use bailiwick_core::Timestamp;

/// The etag of a resource: another one with each change, and another one for a resource made again under its name.
pub fn etag(created: Timestamp, version: i64) -> String {
    format!("{:x}-{version:x}", created.as_micros())
}

/// Refuses a change that was asked for with another etag than the present one. An empty one asks for none (E-GW-07).
fn check_etag(asked: &str, present: &str, resource: impl FnOnce() -> String) -> Result<(), Error> {
    if asked.is_empty() || asked == present { Ok(()) } else { Err(Error::EtagMismatch(resource())) }
}
