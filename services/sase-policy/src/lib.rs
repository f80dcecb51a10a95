//! The role `sase-policy`: the members that SASE manages, and the zero-trust policies that hold for them (document 002).
//!
//! The list is a [`bailiwick_roster::Roster`], whose layers and invariants are in that crate: an entry is there exactly
//! while the member is enrolled in the trusted service `sase`. Policies, what they are made of and what they decide are in
//! `access`. Enforcement points ask at the listener of `enforcement`.
//!
//! What it does not do: it decides no access to bailiwick itself, and enrols nobody; `delegation` does.

mod access;
mod config;
mod enforcement;
mod grpc;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bailiwick_api::sase::v1::sase_member_service_server::SaseMemberServiceServer;
use bailiwick_changelog::{Apply, Chain, FollowedPositions};
use bailiwick_core::{Role, TrustedService};
use bailiwick_db::{Db, DbError};
use bailiwick_openid::{OpenId, OpenIdSetupError};
use bailiwick_roster::{Lists, Spec};
use bailiwick_rpc::{Module, Positions};
use sea_orm_migration::MigrationTrait;
use tonic::service::Routes;

use crate::{
    access::{Enforcement, Fresh},
    enforcement::Listener,
};

#[cfg(feature = "measuring")]
pub mod measuring {
    //! What benchmarks run.

    pub use crate::{access::measuring::*, enforcement::measuring::*};
}
pub use bailiwick_openid::OpenIdConfig as IdentityConfig;
pub use bailiwick_roster::Deps;
pub use config::Config;
pub use enforcement::{EnforcementConfig, ListenError};

/// The members of SASE.
const MEMBERS: Spec = Spec {
    service: TrustedService::Sase,
    collection: "saseMembers",
    pattern: "directories/{directory}/saseMembers/{account}",
    marks: false,
};

/// The schema of the role's database.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    bailiwick_roster::migrations().into_iter().chain(access::migrations()).collect()
}

/// The positions that calls of the role can wait for.
pub fn positions(db: &Db) -> Arc<dyn Positions> {
    Arc::new(FollowedPositions::new(Role::SasePolicy, db.clone(), vec![Role::Delegation]))
}

/// The role, with where its enforcement points ask.
pub struct Built {
    /// To be served.
    pub module: Module,
    /// Where the listener is; none if nothing is configured.
    pub enforcement: Option<SocketAddr>,
}

/// Why the role cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Issuers of ID tokens cannot be reached as configured.
    #[error("`sase_policy.identity.{}` {}", .0.setting, .0.problem)]
    Identity(#[from] OpenIdSetupError),
    /// Enforcement points cannot be listened to.
    #[error("sase_policy: {0}")]
    Listen(#[from] ListenError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// The role, ready to be served.
///
/// # Errors
/// If the database is not migrated to this version, or cannot be reached, or something that is configured cannot be.
pub async fn build(deps: Deps, config: &Config) -> Result<Built, BuildError> {
    let openid = OpenId::open(&config.identity, deps.db.clock().clone())?;
    let listener = Listener::bind(&config.enforcement).await?;
    let lists = Lists::new(Role::SasePolicy, vec![MEMBERS], deps.clone()).await?;
    let (sase, writer) = access::sase(&deps);
    let members = grpc::SaseMembers::new(lists.roster(MEMBERS), sase.clone());
    let routes = access::routes(Routes::new(SaseMemberServiceServer::new(members)), &sase, openid.reach());
    let keeper: Arc<dyn Apply> = Arc::new(lists.keeper());
    let follower = lists.follower(Role::Delegation, Arc::new(Chain(vec![access::follower(), keeper])));
    let mut background = access::background(&deps, writer);
    let enforcement = listener.as_ref().map(|listener| listener.address);
    if let Some(listener) = listener {
        let within = Duration::from_millis(config.enforcement.freshness_ms);
        let fresh = Fresh { level: follower.level(), within };
        let enforcement = Enforcement::new(sase, openid, fresh);
        background.push(listener.serve(enforcement, deps.shutdown.clone()));
    }
    Ok(Built { module: lists.module_following(routes, follower, background), enforcement })
}

#[cfg(test)]
mod tests;
