//! Starting and stopping roles: all of them in this process, or one of them as a process of its own. Both ways build each
//! role with the same code; only the network between them differs.

mod health;
mod role;

use std::{
    collections::BTreeMap,
    io,
    net::{AddrParseError, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bailiwick_core::{Role, SystemClock, SystemEntropy, authz::ContextKey};
use bailiwick_db::{Db, DbDeps, DbError, DbOptions, Sealer};
use bailiwick_gateway::{Dependencies, Gateway, GatewayConfig, Routing, StartError, TlsFiles};
use bailiwick_rpc::{
    Guard, Network, ServeError, TcpConfig, TransportError, serve,
    telemetry::{Telemetry, TelemetryConfig, TelemetryError, init},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    bootstrap::{BootstrapError, Keys, file},
    config::Config,
};

pub use health::healthcheck;

/// How long a suite may take until its gateway can decide calls.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A role that does not start, or did not stay.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Keys or certificates are missing.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    /// The database.
    #[error("the database of {0}: {1}")]
    Database(Role, #[source] DbError),
    /// A database address that is none.
    #[error("the `database_url` of {0}: {1}")]
    DatabaseUrl(Role, bailiwick_db::DatabaseUrlError),
    /// A listening address that is none.
    #[error("`{0}` is no address to listen on: {1}")]
    Address(String, AddrParseError),
    /// The address cannot be bound.
    #[error("cannot listen for {0}: {1}")]
    Listen(Role, io::Error),
    /// Certificates of the mesh.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The gateway.
    #[error(transparent)]
    Gateway(#[from] StartError),
    /// A role ended by itself.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A role could not be put together.
    #[error("{0}: {1}")]
    Build(Role, String),
    /// The gateway has not become ready.
    #[error("the gateway had no access facts after {} seconds; see the log", START_TIMEOUT.as_secs())]
    NotReady,
    /// Signals cannot be waited for.
    #[error("cannot wait for signals: {0}")]
    Signal(io::Error),
    /// Health of the gateway.
    #[error("the gateway is not serving: {0}")]
    Unhealthy(String),
}

/// The whole suite in this process.
pub struct AllRunning {
    /// Where clients connect.
    pub gateway: SocketAddr,
    /// Where enforcement points ask; none if that is not configured.
    pub enforcement: Option<SocketAddr>,
    tasks: Tasks,
}

/// One role in this process.
pub struct RoleRunning {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where enforcement points ask; none of other roles than `sase-policy`, or if that is not configured.
    pub enforcement: Option<SocketAddr>,
    tasks: Tasks,
}

struct Tasks {
    servers: JoinSet<Result<(), RunError>>,
    shutdown: CancellationToken,
    enforcement: Option<SocketAddr>,
}

/// Starts all roles in this process, migrating their databases first, and waits until the gateway can decide calls.
///
/// # Errors
/// If a role does not start.
pub async fn start_all(config: &Config) -> Result<AllRunning, RunError> {
    let keys = Keys::load(&config.data)?;
    let network = Network::in_process();
    let mut tasks = Tasks::new();
    for role in Role::ALL.into_iter().filter(|role| role.has_database()) {
        let db = database(config, role).await?;
        db.migrate().await.map_err(|e| RunError::Database(role, e))?;
        tasks.serve(role, db, &network, &keys, config).await?;
    }
    let mut gateway = start_gateway(config, &keys, network, &mut tasks).await?;
    match timeout(START_TIMEOUT, gateway.ready.wait_for(|ready| *ready)).await {
        Ok(Ok(_)) => Ok(AllRunning { gateway: gateway.address, enforcement: tasks.enforcement, tasks }),
        _ => Err(RunError::NotReady),
    }
}

/// Starts one role as a process of its own, in the network that the configuration describes.
///
/// # Errors
/// If the role does not start.
pub async fn start_role(config: &Config, role: Role, migrate: bool) -> Result<RoleRunning, RunError> {
    let keys = Keys::load(&config.data)?;
    let network = Network::tcp(tcp(config, role)?)?;
    let mut tasks = Tasks::new();
    if !role.has_database() {
        let gateway = start_gateway(config, &keys, network, &mut tasks).await?;
        return Ok(RoleRunning { address: gateway.address, enforcement: None, tasks });
    }
    let db = database(config, role).await?;
    if migrate {
        db.migrate().await.map_err(|e| RunError::Database(role, e))?;
    }
    let address = tasks.serve(role, db, &network, &keys, config).await?;
    let address = address.ok_or_else(|| RunError::Build(role, "it listens nowhere".to_owned()))?;
    Ok(RoleRunning { address, enforcement: tasks.enforcement, tasks })
}

/// The database of a role.
///
/// # Errors
/// If the role has none, or it cannot be reached.
pub async fn database(config: &Config, role: Role) -> Result<Db, RunError> {
    let keys = Keys::load(&config.data)?;
    let url = config.database_url(role).parse().map_err(|e| RunError::DatabaseUrl(role, e))?;
    let deps = DbDeps {
        role: role.as_str(),
        migrations: role::migrations(role),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        sealer: Sealer::new(keys.seal, Arc::new(SystemEntropy)),
    };
    Db::open(&url, &DbOptions::default(), deps).await.map_err(|e| RunError::Database(role, e))
}

/// Sets up logs, traces and metrics of this process.
///
/// # Errors
/// If the filter is malformed or the exporter cannot be made.
pub fn telemetry(config: &Config, service_name: &str) -> Result<Telemetry, TelemetryError> {
    let endpoint = Some(config.telemetry.otlp_endpoint.clone()).filter(|endpoint| !endpoint.is_empty());
    init(&TelemetryConfig {
        service_name: service_name.to_owned(),
        filter: config.telemetry.filter.clone(),
        json: config.telemetry.json,
        otlp_endpoint: endpoint,
    })
}

async fn start_gateway(config: &Config, keys: &Keys, network: Network, tasks: &mut Tasks) -> Result<Gateway, RunError> {
    let mut gateway = GatewayConfig::new(listen(&config.gateway.listen)?);
    gateway.freshness = Duration::from_millis(config.gateway.freshness_ms);
    if !config.gateway.tls_certificate.as_os_str().is_empty() {
        gateway.tls = Some(TlsFiles {
            certificate: config.data.join(&config.gateway.tls_certificate),
            key: config.data.join(&config.gateway.tls_key),
        });
    }
    let dependencies = Dependencies {
        network,
        context_key: ContextKey::new(keys.caller_context),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        routing: Routing::of_contract()?,
    };
    let mut started = bailiwick_gateway::serve(gateway, dependencies, tasks.shutdown.clone()).await?;
    let running = std::mem::replace(&mut started.running, tokio::spawn(async {}));
    tasks.servers.spawn(async move {
        let _ = running.await;
        Ok(())
    });
    Ok(started)
}

impl Tasks {
    fn new() -> Self {
        Self { servers: JoinSet::new(), shutdown: CancellationToken::new(), enforcement: None }
    }

    async fn serve(
        &mut self,
        role: Role,
        db: Db,
        network: &Network,
        keys: &Keys,
        config: &Config,
    ) -> Result<Option<SocketAddr>, RunError> {
        let parts = role::build(role, db, network, keys, config, self.shutdown.clone()).await?;
        let role::Parts { module, positions, enforcement } = parts;
        self.enforcement = self.enforcement.or(enforcement);
        let guard = Guard {
            role,
            context_key: ContextKey::new(keys.caller_context),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            positions,
        };
        let listener = network.listener(role).await.map_err(|e| RunError::Listen(role, e))?;
        let address = listener.local_addr();
        let shutdown = self.shutdown.clone();
        self.servers.spawn(async move { Ok(serve(module, listener, guard, shutdown).await?) });
        Ok(address)
    }

    /// Until all have stopped; the first that ends by itself stops the others.
    async fn stopped(mut self) -> Result<(), RunError> {
        let mut result = Ok(());
        while let Some(ended) = self.servers.join_next().await {
            self.shutdown.cancel();
            if let Ok(Err(error)) = ended {
                tracing::error!(%error, "a role ended");
                result = result.and(Err(error));
            }
        }
        result
    }

    async fn until_signal(self) -> Result<(), RunError> {
        let mut terminate = signal(SignalKind::terminate()).map_err(RunError::Signal)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(RunError::Signal)?;
        let shutdown = self.shutdown.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            shutdown.cancel();
        });
        self.stopped().await
    }
}

impl AllRunning {
    /// Runs until SIGTERM or SIGINT, then stops.
    ///
    /// # Errors
    /// If a role ended by itself.
    pub async fn until_signal(self) -> Result<(), RunError> {
        self.tasks.until_signal().await
    }

    /// Stops all roles.
    ///
    /// # Errors
    /// If a role had ended by itself.
    pub async fn stop(self) -> Result<(), RunError> {
        self.tasks.shutdown.cancel();
        self.tasks.stopped().await
    }
}

impl RoleRunning {
    /// Runs until SIGTERM or SIGINT, then stops.
    ///
    /// # Errors
    /// If the role ended by itself.
    pub async fn until_signal(self) -> Result<(), RunError> {
        self.tasks.until_signal().await
    }
}

fn listen(address: &str) -> Result<SocketAddr, RunError> {
    address.parse().map_err(|e| RunError::Address(address.to_owned(), e))
}

fn tcp(config: &Config, role: Role) -> Result<TcpConfig, RunError> {
    let mesh = config.data.join(file::MESH);
    let services = Role::ALL.into_iter().filter_map(|peer| Some((peer, config.service(peer)?.address.clone())));
    let own = config.service(role).map_or("127.0.0.1:0", |service| service.listen.as_str());
    let in_mesh = |name: String| -> PathBuf { Path::new(&mesh).join(name) };
    Ok(TcpConfig {
        role,
        listen: listen(own)?,
        peers: services.collect::<BTreeMap<_, _>>(),
        ca_file: in_mesh("ca.pem".to_owned()),
        certificate_file: in_mesh(format!("{role}.pem")),
        key_file: in_mesh(format!("{role}.key")),
    })
}
