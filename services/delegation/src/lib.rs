//! The role `delegation`: trusted access, delegated administrators, enrolments, and the one ordered log of the facts that
//! decide access.
//!
//! Invariants:
//! - One log with gapless revisions holds directory's facts and the own ones. A follower of it can never see two moments
//!   at once: what a leaving member had ends in the very revision in which it leaves.
//! - A designation or enrolment stands on one incarnation of a membership, which directory proved by a claim; a member
//!   that joins again has nothing.
//! - The facts table is what the log amounts to; both are written in one transaction.
//! - After a restore of directory's database, its facts are mirrored anew in one transaction, as changes of the own log:
//!   those who follow see nothing else, and learn of directory's new epoch with them.
//!
//! What it does not do: it decides no access and keeps no account.
//!
//! `domain` decides, `app` has the transactions, `store` the tables, `grpc` the contract; `events` turns state into
//! facts.

mod app;
mod config;
mod domain;
mod events;
mod grpc;
mod store;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use bailiwick_changelog::{FollowedPositions, Follower, Level};
use bailiwick_core::{Clock, Entropy, Role};
use bailiwick_db::{Db, PageTokens, Sealer};
use bailiwick_rpc::{Module, Network};
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

pub use config::{Config, Limits};
pub use store::migrations;

const PROBE: Duration = Duration::from_secs(1);

/// What the role is given from outside.
#[derive(Clone)]
pub struct Deps {
    /// Its database, opened with [`migrations`], and migrated.
    pub db: Db,
    /// The network that leads to directory.
    pub network: Network,
    /// Now.
    pub clock: Arc<dyn Clock>,
    /// For uids, etags and pauses.
    pub entropy: Arc<dyn Entropy>,
    /// Seals page tokens; the same key on each replica.
    pub sealer: Sealer,
    /// Ends streams and background tasks.
    pub shutdown: CancellationToken,
}

/// The role, ready to be served, and the positions that its guard waits for.
pub struct Built {
    /// What is served.
    pub module: Module,
    /// For `bailiwick_rpc::Guard`.
    pub positions: Arc<FollowedPositions>,
}

/// Puts the role together. Nothing runs before it is served.
pub fn build(deps: Deps, config: &Config) -> Built {
    let Deps { db, network, clock, entropy, sealer, shutdown } = deps;
    let directory = network.channel(Role::Delegation, Role::Directory);
    let mirror = Arc::new(app::Mirror::new(clock.clone()));
    let follower = Follower::new(db.clone(), directory.clone(), Role::Directory, mirror, entropy.clone());
    let upstream = follower.upstream_level();
    let (ready, is_ready) = watch::channel(false);
    let app = app::App {
        db: db.clone(),
        claims: Arc::new(grpc::claims::DirectoryClaims::new(directory.clone())),
        linked_roles: Arc::new(grpc::linked_roles::DirectoryLinkedRoles::new(directory)),
        limits: config.limits,
        deletions: Arc::default(),
        clock,
        entropy,
        pages: PageTokens::new(sealer),
    };
    let reconciling = app.clone().reconcile_forever(config.reconcile_interval(), shutdown.clone());
    let deleting = app.clone().delete_roles_forever(shutdown.clone());
    let readiness = watch_readiness(db.clone(), upstream.level.clone(), ready, shutdown.clone());
    let positions = Arc::new(FollowedPositions::new(Role::Delegation, db, vec![Role::Directory]));
    let module = Module {
        role: Role::Delegation,
        routes: grpc::routes(app, upstream, shutdown.clone()),
        background: vec![
            ("follow-directory", Box::pin(follower.run(shutdown))),
            ("reconcile-claims", Box::pin(reconciling)),
            ("delete-service-linked-roles", Box::pin(deleting)),
            ("readiness", Box::pin(readiness)),
        ],
        ready: is_ready,
    };
    Built { module, positions }
}

/// Ready while the database answers, once the mirror has been level.
async fn watch_readiness(db: Db, level: Level, ready: watch::Sender<bool>, shutdown: CancellationToken) {
    let probing = async {
        level.reached().await;
        loop {
            let answers = matches!(timeout(PROBE, db.head()).await, Ok(Ok(_)));
            ready.send_if_modified(|known| std::mem::replace(known, answers) != answers);
            tokio::time::sleep(PROBE).await;
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = probing => {}
    }
}
