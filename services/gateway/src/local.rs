//! What the gateway serves itself: explanations of access, health, and reflection of the whole contract.

use bailiwick_api::{DESCRIPTORS, gateway::v1::access_service_server::AccessServiceServer};
use tonic::service::Routes;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_reflection::server::Builder;

use crate::{StartError, access::Access, routing::Routing};

/// The gateway's own services.
///
/// # Errors
/// If the descriptors cannot be read: a fault of the build.
pub fn routes(routing: Routing, health: HealthServer<impl Health>) -> Result<Routes, StartError> {
    let fault = |error: tonic_reflection::server::Error| StartError::Contract(error.to_string());
    // Both versions of reflection know all services, each other included.
    let reflection = || {
        Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET)
            .include_reflection_service(false)
    };
    Ok(Routes::new(AccessServiceServer::new(Access { routing }))
        .add_service(health)
        .add_service(reflection().build_v1().map_err(fault)?)
        .add_service(reflection().build_v1alpha().map_err(fault)?)
        .prepare())
}
