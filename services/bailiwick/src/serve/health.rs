//! Asking a running gateway for its health.

use std::{fs, time::Duration};

use tonic::{
    Request,
    transport::{Certificate, ClientTlsConfig, Endpoint},
};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use super::{RunError, listen};
use crate::{bootstrap::file, config::Config};

const TIMEOUT: Duration = Duration::from_secs(5);

/// Succeeds if the gateway of a configuration is SERVING.
///
/// # Errors
/// If it cannot be reached, or is not serving.
pub async fn healthcheck(config: &Config) -> Result<(), RunError> {
    let unhealthy = |error: &dyn std::fmt::Display| RunError::Unhealthy(error.to_string());
    let port = listen(&config.gateway.listen)?.port();
    let plain = config.gateway.tls_certificate.as_os_str().is_empty();
    let scheme = if plain { "http" } else { "https" };
    let mut endpoint = Endpoint::from_shared(format!("{scheme}://localhost:{port}")).map_err(|e| unhealthy(&e))?;
    if !plain {
        // The gateway's own certificate is trusted as well as the authority of the mesh: one of them made it.
        let files = [config.data.join(file::MESH).join("ca.pem"), config.data.join(&config.gateway.tls_certificate)];
        let trusted = files.iter().filter_map(|path| fs::read(path).ok()).map(Certificate::from_pem);
        endpoint = endpoint.tls_config(ClientTlsConfig::new().ca_certificates(trusted)).map_err(|e| unhealthy(&e))?;
    }
    let channel = endpoint.connect_timeout(TIMEOUT).connect().await.map_err(|e| unhealthy(&e))?;
    let mut request = Request::new(HealthCheckRequest { service: String::new() });
    request.set_timeout(TIMEOUT);
    let answer = HealthClient::new(channel).check(request).await.map_err(|e| unhealthy(&e.message()))?;
    match answer.into_inner().status() {
        ServingStatus::Serving => Ok(()),
        other => Err(unhealthy(&other.as_str_name())),
    }
}
