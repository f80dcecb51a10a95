//! A role with such lists, put together: what is the same for each of them.

use std::sync::Arc;

use bailiwick_api::audit::v1::change_log_service_server::ChangeLogServiceServer;
use bailiwick_changelog::{Apply, ChangeLogServer, Follower};
use bailiwick_core::{Entropy, Role};
use bailiwick_db::{Db, DbError, PageTokens, Sealer};
use bailiwick_rpc::{BackgroundTask, Module, Network};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::{
    Departure, Roster, RosterFollower, Spec,
    grpc::DelegationEnrolments,
    upkeep::{readiness, sweeper},
};

/// What a role is given from outside.
#[derive(Clone)]
pub struct Deps {
    /// Its database, migrated.
    pub db: Db,
    /// Leads to the other roles.
    pub network: Network,
    /// For page tokens.
    pub sealer: Sealer,
    /// For the pauses of followers.
    pub entropy: Arc<dyn Entropy>,
    /// Ends streams and background tasks.
    pub shutdown: CancellationToken,
}

/// The lists of a role.
pub struct Lists {
    role: Role,
    specs: Vec<Spec>,
    deps: Deps,
}

impl Lists {
    /// The lists of `specs`.
    ///
    /// # Errors
    /// If the database is not migrated to this version, or cannot be reached.
    pub async fn new(role: Role, specs: Vec<Spec>, deps: Deps) -> Result<Self, DbError> {
        deps.db.verify_migrated().await?;
        Ok(Self { role, specs, deps })
    }

    /// The calls of one list.
    pub fn roster(&self, spec: Spec) -> Arc<Roster> {
        Arc::new(self.calls(spec))
    }

    /// The calls of one list, from which a member is removed only if `departure` has nothing of it.
    pub fn roster_with(&self, spec: Spec, departure: Arc<dyn Departure>) -> Arc<Roster> {
        Arc::new(self.calls(spec).with_departure(departure))
    }

    fn calls(&self, spec: Spec) -> Roster {
        let channel = self.deps.network.channel(self.role, Role::Delegation);
        let pages = PageTokens::new(self.deps.sealer.clone());
        Roster::new(spec, self.deps.db.clone(), Arc::new(DelegationEnrolments::new(channel)), pages)
    }

    /// What keeps the lists, for the follower of `delegation`'s log.
    pub fn keeper(&self) -> RosterFollower {
        RosterFollower::new(self.deps.db.clone(), self.specs.clone())
    }

    /// A follower of the log of another role.
    pub fn follower(&self, upstream: Role, apply: Arc<dyn Apply>) -> Follower {
        let from = self.deps.network.channel(self.role, upstream);
        Follower::new(self.deps.db.clone(), from, upstream, apply, self.deps.entropy.clone())
    }

    /// The role: its services, its change log, and beside them the follower that applies `delegation`'s log with
    /// `apply`, and other tasks. It is ready when its database answers and the log of `delegation` has been followed to
    /// its end once.
    pub fn module(self, routes: Routes, apply: Arc<dyn Apply>, others: Vec<BackgroundTask>) -> Module {
        let follower = self.follower(Role::Delegation, apply);
        self.module_following(routes, follower, others)
    }

    /// The same with a follower of `delegation`'s log that is there already.
    pub fn module_following(self, routes: Routes, follower: Follower, others: Vec<BackgroundTask>) -> Module {
        let Self { role, deps: Deps { db, shutdown, .. }, .. } = self;
        let change_log = ChangeLogServer::new(role, db.clone(), Some(follower.upstream_level()), shutdown.clone());
        let (ready, probe) = readiness(db.clone(), vec![follower.level()], shutdown.clone());
        let following: BackgroundTask = ("follow-delegation", Box::pin(follower.run(shutdown.clone())));
        let background = [following, probe, sweeper(db, shutdown)].into_iter().chain(others).collect();
        Module { role, routes: routes.add_service(ChangeLogServiceServer::new(change_log)), background, ready }
    }
}
