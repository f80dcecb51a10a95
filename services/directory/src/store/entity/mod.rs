//! The tables as sea-orm sees them. Times are microseconds since 1970-01-01 UTC, accounts their numbers.

pub(super) mod access_keys;
pub(super) mod accounts;
pub(super) mod claims;
pub(super) mod control_policies;
pub(super) mod control_policy_attachments;
pub(super) mod credentials;
pub(super) mod deleted_directories;
pub(super) mod directories;
pub(super) mod folders;
pub(super) mod group_members;
pub(super) mod groups;
pub(super) mod identity_providers;
pub(super) mod invitations;
pub(super) mod member_labels;
pub(super) mod members;
pub(super) mod operators;
pub(super) mod outbox;
pub(super) mod policies;
pub(super) mod policy_attachments;
pub(super) mod policy_versions;
pub(super) mod roles;
pub(super) mod security_contacts;
pub(super) mod service_linked_roles;
pub(super) mod sign_ins;
pub(super) mod users;
pub(super) mod verifications;
