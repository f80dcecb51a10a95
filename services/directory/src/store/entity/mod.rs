//! The tables as sea-orm sees them. Times are microseconds since 1970-01-01 UTC, accounts their numbers.

pub(super) mod access_keys;
pub(super) mod accounts;
pub(super) mod claims;
pub(super) mod directories;
pub(super) mod identity_providers;
pub(super) mod invitations;
pub(super) mod members;
pub(super) mod operators;
pub(super) mod outbox;
pub(super) mod service_linked_roles;
pub(super) mod sign_ins;
pub(super) mod user_policies;
pub(super) mod users;
pub(super) mod verifications;
