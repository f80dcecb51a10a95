//! The role, served as it is in production, between a small fake directory and callers with permits.

mod designations;
mod enrolments;
mod facts;
mod fake_directory;
mod folders;
mod large_changes;
mod linked_roles;
mod races;
mod reconciling;
mod resync;
mod trusted_services;
mod world;
