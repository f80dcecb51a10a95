//! `grpc.health.v1` of a role: NOT_SERVING until it is ready, and again before it stops.

use std::collections::BTreeSet;

use bailiwick_core::Role;
use tokio::sync::watch;
use tonic_health::{
    ServingStatus,
    pb::health_server::{Health, HealthServer},
    server::{HealthReporter, health_reporter},
};

/// The service's path prefix, which the guard lets every known peer through to.
pub(crate) const PATH_PREFIX: &str = "/grpc.health.v1.Health/";

/// What health says of a role and each of its services.
pub(crate) struct RoleHealth {
    reporter: HealthReporter,
    services: BTreeSet<String>,
}

impl RoleHealth {
    /// NOT_SERVING, and the service that says so.
    pub(crate) async fn new(role: Role) -> (Self, HealthServer<impl Health>) {
        let (reporter, server) = health_reporter();
        let served = bailiwick_api::rules()
            .iter()
            .filter(|rule| rule.role.map_or_else(|| role.has_database(), |of| of == role))
            .filter_map(|rule| rule.method().split_once('/'))
            .map(|(service, _)| service.to_owned());
        // The empty name is the whole role; tonic-health starts it as SERVING.
        let services = served.chain([String::new()]).collect();
        let health = Self { reporter, services };
        health.set(false).await;
        (health, server)
    }

    pub(crate) async fn set(&self, ready: bool) {
        let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        for service in &self.services {
            self.reporter.set_service_status(service, status).await;
        }
    }

    /// Follows the readiness of the role, for as long as somebody can change it.
    pub(crate) async fn follow(&self, mut ready: watch::Receiver<bool>) {
        loop {
            let now = *ready.borrow_and_update();
            self.set(now).await;
            if ready.changed().await.is_err() {
                return;
            }
        }
    }
}
