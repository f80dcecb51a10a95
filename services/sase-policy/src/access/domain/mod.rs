//! What policies are and how they decide. Pure: what is known, and the moment, are arguments.

mod access_block;
mod access_policy;
mod application;
mod audit_entry;
pub(crate) mod cedar;
mod decider;
mod decision;
mod device;
mod dry_run;
mod enforcement_point;
mod error;
mod identity_provider;
mod reference;
mod resource;
mod sase_instance;
mod user;
mod world;

#[cfg(test)]
mod tests;

pub(crate) use access_block::{AccessBlock, Blocked};
pub(crate) use access_policy::{
    AccessPolicy, Action, Conditions, DeviceCondition, Members, PolicyVersion, Selection, Strength, Subjects, Targets,
    VERSIONS_KEPT,
};
pub(crate) use application::{Application, Ports, Protocol, Target};
pub(crate) use audit_entry::{AuditEntry, INSTANCE, Snapshot};
pub(crate) use decider::{Decider, UserPolicy};
pub(crate) use decision::{AccessQuery, Alike, Decision, DecisionReason, Wanted};
pub(crate) use device::{Device, Os, OsVersion, Posture};
pub(crate) use dry_run::{DryRun, DryRunChange, PastDecisions, dry_run};
pub(crate) use enforcement_point::{Credential, EnforcementPoint};
pub(crate) use error::SaseError;
pub(crate) use identity_provider::{Asserted, IdentityProvider, IdentitySettings, Named};
pub(crate) use reference::{Reference, Referring};
pub(crate) use resource::{Meta, Resource, ResourceKind};
pub(crate) use sase_instance::{SaseInstance, SetUp, SetupStep};
pub(crate) use user::{SaseUser, UserGroup, cycle_from};
pub(crate) use world::World;
