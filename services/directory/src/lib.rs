//! The role `directory`: accounts, the directories that enterprises make of them, identities, and their tokens.
//!
//! It owns accounts and their verified enterprises, directories with members and invitations, users with access keys and
//! policies, groups, roles and service-linked roles, usage claims, and the operators of the platform.
//!
//! Invariants:
//! - An account belongs to one directory at most, and all accounts of a directory are of one enterprise.
//! - A directory has one management account, for good, which is none of its members.
//! - Members and pending invitations together never exceed the quota, whatever happens at the same time.
//! - A member with a blocking claim does not leave; placing a claim proves membership in the same transaction.
//! - The generation of an identity never goes back, not even for a user made again under an old id: a token that was
//!   revoked stays revoked. A restore from a backup takes it back; tokens name the epoch that they are of.
//! - What a custom policy says is known wherever an identity is that has it, and a policy that anything has is not deleted.
//! - The facts of a user name the policies of its groups: whatever changes those changes the facts of the user with them.
//! - Secrets are shown once and stored as hashes.
//! - Every change is in the change log with its operator and its facts, in the transaction that makes it.
//!
//! What it does not do: it decides no access (the gateway and the guard in front of the handlers do), it does not know
//! what a trusted service does with a member, and it calls no other role.
//!
//! - [`domain`]: what may happen, without IO;
//! - `app`: one function for each RPC, with its transaction;
//! - `store`: rows;
//! - `delivery`: how messages reach people;
//! - `grpc`: the contract;
//! - `events`: facts for the change log.

mod app;
mod build;
mod config;
mod delivery;
pub mod domain;
mod events;
mod grpc;
mod store;

pub use app::SigningKeyError;
pub use build::{BuildError, Deps, build};
pub use config::{Config, DeliveryConfig, IdentityLimits, Limits, SignInConfig};
pub use delivery::DeliverySetupError;
pub use domain::operator::Configured as ConfiguredOperator;
pub use store::migrations;
