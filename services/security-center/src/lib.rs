//! The role `security-center`: `posture` (document 000) is the multi-account control list, editions and their quota,
//! imports of what scanners found, risks with their life, and scores; `soc` (document 001) is the scope of the Agentic SOC.
//! They are two module trees whose load is of another kind.
//!
//! Both lists are a [`bailiwick_roster::Roster`], whose layers and invariants are in that crate: an entry is there exactly
//! while the member is enrolled in the trusted service `security-center` or `threat-analysis`. There is nothing to
//! configure. What an account may do with Security Center beyond access follows from its edition
//! (`posture/app/edition.rs`).
//!
//! What it does not do: it decides no access, and enrols nobody itself; `delegation` does, and creates the service-linked
//! roles that go with it.

mod posture;
mod soc;

use std::sync::Arc;

use bailiwick_changelog::{Apply, Chain, FollowedPositions};
use bailiwick_core::Role;
use bailiwick_db::{Db, DbError};
use bailiwick_roster::Lists;
use bailiwick_rpc::{Module, Positions};
use sea_orm_migration::MigrationTrait;

pub use bailiwick_roster::Deps;

/// The schema of the role's database.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    bailiwick_roster::migrations().into_iter().chain(posture::migrations()).collect()
}

/// The positions that calls of the role can wait for.
pub fn positions(db: &Db) -> Arc<dyn Positions> {
    Arc::new(FollowedPositions::new(Role::SecurityCenter, db.clone(), vec![Role::Delegation]))
}

/// The role, ready to be served.
///
/// # Errors
/// If the database is not migrated to this version, or cannot be reached.
pub async fn build(deps: Deps) -> Result<Module, DbError> {
    let lists = vec![posture::MONITORED_ACCOUNTS, soc::SCOPE];
    let lists = Lists::new(Role::SecurityCenter, lists, deps.clone()).await?;
    let risks = posture::risks(&deps);
    let routes = posture::routes(&lists, &deps, &risks).add_service(soc::service(&lists));
    let keeper: Arc<dyn Apply> = Arc::new(lists.keeper());
    let followers = std::iter::once(keeper).chain(posture::followers(&deps)).collect();
    Ok(lists.module(routes, Arc::new(Chain(followers)), posture::background(&deps, risks)))
}

#[cfg(test)]
mod tests;
