//! Bastion hosts, and what is in them (document 004): from one of them, one seat manages the assets of many members.
//!
//! Invariants: which account an asset belongs to is said by the suite, never by a caller; everything is in the bastion host
//! that its name says, and in that directory alone.

mod app;
mod domain;
mod grpc;
mod store;

use std::sync::Arc;

use bailiwick_changelog::Apply;
use bailiwick_roster::{Departure, Deps};
use bailiwick_rpc::BackgroundTask;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

pub(crate) use app::Bastion;
pub(crate) use store::migrations;

/// The bastion hosts.
pub(crate) fn bastion(deps: &Deps) -> Bastion {
    Bastion::new(deps)
}

/// The services.
pub(crate) fn routes(routes: Routes, bastion: &Bastion) -> Routes {
    grpc::routes(routes, bastion)
}

/// What looks after what no call comes back to.
pub(crate) fn upkeep(bastion: &Bastion, shutdown: CancellationToken) -> BackgroundTask {
    app::upkeep(bastion.clone(), shutdown)
}

/// What follows the log of `delegation`.
pub(crate) fn follower() -> Arc<dyn Apply> {
    Arc::new(app::BastionFacts)
}

/// What keeps members of which there are assets.
pub(crate) fn departure() -> Arc<dyn Departure> {
    Arc::new(app::AssetsFirst)
}

#[cfg(test)]
mod tests;
