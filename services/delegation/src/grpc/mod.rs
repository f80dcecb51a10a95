//! The contract's services: parse, call, convert. Proto types stop here.

pub mod claims;
mod convert;
mod delegated_administrator;
mod enrolment;
mod error;
mod fact;
pub mod linked_roles;
mod service_linked_role;
mod trusted_service;

use bailiwick_api::delegation::v1::{
    delegated_administrator_service_server::DelegatedAdministratorServiceServer,
    enrolment_service_server::EnrolmentServiceServer, fact_service_server::FactServiceServer,
    service_linked_role_service_server::ServiceLinkedRoleServiceServer,
    trusted_access_service_server::TrustedAccessServiceServer,
    trusted_service_service_server::TrustedServiceServiceServer,
};
use bailiwick_api::{audit::v1::change_log_service_server::ChangeLogServiceServer, r#type::v1::LogPosition};
use bailiwick_changelog::{ChangeLogServer, UpstreamLevel, log_position};
use bailiwick_core::Role;
use bailiwick_db::Position;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::app::App;

/// All handlers.
#[derive(Clone)]
pub struct Api {
    app: App,
    upstream: UpstreamLevel,
    shutdown: CancellationToken,
}

/// The services of the role, over `app`, whose mirror of directory's log is as fresh as `upstream` says.
pub fn routes(app: App, upstream: UpstreamLevel, shutdown: CancellationToken) -> Routes {
    let log = ChangeLogServer::new(Role::Delegation, app.db.clone(), Some(upstream.clone()), shutdown.clone());
    let api = Api { app, upstream, shutdown };
    Routes::new(ChangeLogServiceServer::new(log))
        .add_service(FactServiceServer::new(api.clone()))
        .add_service(TrustedServiceServiceServer::new(api.clone()))
        .add_service(ServiceLinkedRoleServiceServer::new(api.clone()))
        .add_service(DelegatedAdministratorServiceServer::new(api.clone()))
        .add_service(TrustedAccessServiceServer::new(api.clone()))
        .add_service(EnrolmentServiceServer::new(api))
}

/// A position of the own log.
fn position(position: &Position) -> LogPosition {
    log_position(Role::Delegation, position)
}
