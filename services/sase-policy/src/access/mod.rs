//! Zero-trust policies, and what they decide (document 002).
//!
//! Invariants: what decides is what was committed last, all of it at one version; whatever is not allowed by a policy is
//! blocked; applications of accounts that SASE does not manage are reached by nobody and by no policy.

mod app;
mod domain;
mod grpc;
#[cfg(feature = "measuring")]
pub mod measuring;
mod store;

use std::sync::Arc;

use bailiwick_changelog::Apply;
use bailiwick_db::PageTokens;
use bailiwick_openid::Reach;
use bailiwick_roster::Deps;
use bailiwick_rpc::BackgroundTask;
use tonic::service::Routes;

pub(crate) use app::{Admitted, Decided, DecisionWriter, Enforcement, Fresh, Passing, Sase, Turned, Unanswered};
pub(crate) use domain::{Decision, EnforcementPoint, Protocol, Target, Wanted};
pub(crate) use store::migrations;

/// What policies are made of, what decides, and what writes down the decisions.
pub(crate) fn sase(deps: &Deps) -> (Sase, DecisionWriter) {
    Sase::new(deps.db.clone(), PageTokens::new(deps.sealer.clone()), deps.entropy.clone())
}

/// The services.
pub(crate) fn routes(routes: Routes, sase: &Sase, reach: Reach) -> Routes {
    grpc::routes(routes, sase, reach)
}

/// What follows the log of `delegation`, before the list does.
pub(crate) fn follower() -> Arc<dyn Apply> {
    Arc::new(app::AccessFacts)
}

/// What runs beside the calls.
pub(crate) fn background(deps: &Deps, writer: DecisionWriter) -> Vec<BackgroundTask> {
    vec![app::sweeper(deps.db.clone(), deps.shutdown.clone()), writer.task(deps.shutdown.clone())]
}

#[cfg(test)]
mod tests;
