//! The role `bastion-audit`: bastion hosts and the members whose assets they manage (document 004), and the operation audit
//! trail of the whole suite (R-DIR-25, R-GW-09).
//!
//! The members are a [`bailiwick_roster::Roster`], whose layers and invariants are in that crate. Bastion hosts, and what is
//! in them, are in `bastion`. The trail is a projection of the change logs of all roles with a database, this one included.
//! There is nothing to configure.
//!
//! Invariants:
//! - Each change of each log is in the trail once: its entry is made in the transaction that moves the cursor of that log.
//!   A change that repeats another log's is left out. Of a log that was restored from a backup, what was lost stays in the
//!   trail, and what was in the backup is not in it twice.
//! - Entries are never changed or removed, whatever becomes of the resources, memberships and accounts they speak of.
//! - A directory sees the entries of its own trail; an account those of its own, those of what it did and, without what
//!   concerns others, of what was done to it.
//!
//! What it does not do: it decides no access, enrols nobody itself, and keeps no reads.

mod app;
mod bastion;
mod domain;
mod events;
mod grpc;
mod store;

use std::sync::Arc;

use bailiwick_api::{
    audit::v1::audit_service_server::AuditServiceServer,
    bastion::v1::bastion_member_service_server::BastionMemberServiceServer,
};
use bailiwick_changelog::{Chain, FollowedPositions};
use bailiwick_core::{Role, TrustedService};
use bailiwick_db::{Db, DbError, PageTokens};
use bailiwick_roster::{Lists, Spec};
use bailiwick_rpc::{BackgroundTask, Module, Positions};
use sea_orm_migration::MigrationTrait;
use tonic::service::Routes;

pub use bailiwick_roster::Deps;

const ROLE: Role = Role::BastionAudit;

/// The members of the bastion host.
const MEMBERS: Spec = Spec {
    service: TrustedService::Bastionhost,
    collection: "bastionMembers",
    pattern: "directories/{directory}/bastionMembers/{account}",
    marks: false,
};

/// The schema of the role's database.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    bailiwick_roster::migrations().into_iter().chain(store::migrations()).chain(bastion::migrations()).collect()
}

/// The positions that calls of the role can wait for.
pub fn positions(db: &Db) -> Arc<dyn Positions> {
    let followed = Role::ALL.into_iter().filter(|role| role.has_database() && *role != ROLE).collect();
    Arc::new(FollowedPositions::new(ROLE, db.clone(), followed))
}

/// The role, ready to be served.
///
/// # Errors
/// If the database is not migrated to this version, or cannot be reached.
pub async fn build(deps: Deps) -> Result<Module, DbError> {
    let Deps { db, sealer, shutdown, .. } = deps.clone();
    let bastion = bastion::bastion(&deps);
    let lists = Lists::new(ROLE, vec![MEMBERS], deps).await?;
    let arrivals = app::Arrivals::new(db.clone());
    let trail = app::Trail::new(db.clone(), PageTokens::new(sealer), arrivals.clone(), shutdown.clone());
    let members = grpc::BastionMembers::new(lists.roster_with(MEMBERS, bastion::departure()));
    let routes = Routes::new(BastionMemberServiceServer::new(members))
        .add_service(AuditServiceServer::new(grpc::AuditEntries::new(trail)));
    let routes = bastion::routes(routes, &bastion);
    let mut others: Vec<BackgroundTask> = vec![
        ("project-own-log", Box::pin(app::OwnLog::new(ROLE, db).run(shutdown.clone()))),
        ("watch-arrivals", Box::pin(arrivals.run(shutdown.clone()))),
        bastion::upkeep(&bastion, shutdown.clone()),
    ];
    for (role, name) in [
        (Role::Directory, "follow-directory"),
        (Role::SecurityCenter, "follow-security-center"),
        (Role::SasePolicy, "follow-sase-policy"),
    ] {
        let follower = lists.follower(role, Arc::new(app::Projection::new(role)));
        others.push((name, Box::pin(follower.run(shutdown.clone()))));
    }
    let projection = Arc::new(app::Projection::new(Role::Delegation));
    let delegation = Chain(vec![Arc::new(lists.keeper()), bastion::follower(), projection]);
    Ok(lists.module(routes, Arc::new(delegation), others))
}

#[cfg(test)]
mod tests;
