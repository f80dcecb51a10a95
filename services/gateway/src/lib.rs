//! The gateway: the one public address. It authenticates, authorizes and routes every call by the rule that the call's
//! method carries in the contract, and knows nothing else of any method.
//!
//! Invariants:
//! - No rule, no call. What cannot be decided (an unknown method or caller, facts too old, a request that cannot be read)
//!   is refused, with the reason.
//! - Frames pass as they came; only the fields that a rule names are read, and nothing is decoded or kept.
//! - What facts a decision uses was true at one moment, and no longer ago than the freshness bound.
//! - It owns no state: any number of gateways run side by side.
//!
//! Map: `server` takes connections, `proxy` decides and forwards calls with `routing`, `scan`, `token` and
//! `facts`; `access`, `health` and `local` are what it serves itself.
//!
//! What it does not do: it holds no code for any one method, terminates no service's protocol, and limits no rates yet.

mod access;
mod credential;
mod facts;
mod health;
mod local;
mod proxy;
mod routing;
mod scan;
mod server;
mod token;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use bailiwick_api::directory::v1::signing_key_service_client::SigningKeyServiceClient;
use bailiwick_core::{Clock, Entropy, Role, authz::ContextKey};
use bailiwick_rpc::{Network, telemetry::CallDurations};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use facts::WatcherTimes;
pub use proxy::{Times, ending::StreamTimes};
pub use routing::{Route, Routing};
pub use scan::{Plan, ScanError};
pub use server::{PortLimits, TlsFiles};

use facts::{Facts, Watcher};
use proxy::{Proxy, backend::Backend, first::Reader};
use server::Port;
use token::Tokens;

/// The configuration of a gateway.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// Where clients connect; port 0 for any free one.
    pub listen: SocketAddr,
    /// Certificate and key; required off loopback.
    pub tls: Option<TlsFiles>,
    /// Facts older than this decide nothing.
    pub freshness: Duration,
    /// Bounds of the port.
    pub port: PortLimits,
    /// Times of calls.
    pub times: Times,
    /// Times of the follower of the facts.
    pub watcher: WatcherTimes,
}

impl GatewayConfig {
    /// The defaults, for an address.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            tls: None,
            freshness: Duration::from_secs(2),
            port: PortLimits::default(),
            times: Times::default(),
            watcher: WatcherTimes::default(),
        }
    }
}

/// What a gateway needs from its process.
pub struct Dependencies {
    /// To the other roles.
    pub network: Network,
    /// The key that it shares with them.
    pub context_key: ContextKey,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The methods: [`Routing::of_contract`].
    pub routing: Routing,
}

/// A gateway that does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Plain text to other machines.
    #[error("`{0}` is not a loopback address: a certificate and its key are required")]
    PlainText(SocketAddr),
    /// The certificate or its key.
    #[error("`{path}`: {problem}", path = .path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The address.
    #[error("cannot listen on `{0}`: {1}")]
    Listen(SocketAddr, io::Error),
    /// The contract that was built in.
    #[error("the contract is not sound: {0}")]
    Contract(String),
}

/// A gateway that runs.
#[derive(Debug)]
pub struct Gateway {
    /// The address that is bound.
    pub address: SocketAddr,
    /// Whether its facts are fresh, so that it can decide calls.
    pub ready: watch::Receiver<bool>,
    /// Done when it has stopped.
    pub running: JoinHandle<()>,
}

/// Starts a gateway, which runs until `shutdown`. It takes calls at once, and refuses what it cannot decide yet.
///
/// # Errors
/// If the configuration is not sound or the address cannot be bound.
pub async fn serve(
    config: GatewayConfig,
    dependencies: Dependencies,
    shutdown: CancellationToken,
) -> Result<Gateway, StartError> {
    if config.tls.is_none() && !config.listen.ip().to_canonical().is_loopback() {
        return Err(StartError::PlainText(config.listen));
    }
    let tls = config.tls.as_ref().map(TlsFiles::acceptor).transpose()?;
    let unbound = |error| StartError::Listen(config.listen, error);
    let listener = TcpListener::bind(config.listen).await.map_err(unbound)?;
    let address = listener.local_addr().map_err(unbound)?;

    let channel = |role| dependencies.network.channel(Role::Gateway, role);
    let keys = SigningKeyServiceClient::new(channel(Role::Directory));
    let tokens = Arc::new(Tokens::new(Box::new(keys), Arc::clone(&dependencies.clock)));
    let facts = Arc::new(Facts::new(config.freshness));
    let (reporter, health_service) = tonic_health::server::health_reporter();
    health::nothing_serves(&reporter, &dependencies.routing).await;
    let local = local::routes(dependencies.routing.clone(), health_service)?;

    let tasks = TaskTracker::new();
    let watcher = Watcher {
        facts: Arc::clone(&facts),
        from: channel(Role::Delegation),
        entropy: Arc::clone(&dependencies.entropy),
        times: config.watcher,
    };
    tasks.spawn(watcher.run(shutdown.clone()));
    let (ready, is_ready) = watch::channel(false);
    let mut services = dependencies.routing.services();
    let own = services.remove(&Role::Gateway).unwrap_or_default();
    tasks.spawn(health::follow_facts(reporter.clone(), own, Arc::clone(&facts), ready, shutdown.clone()));
    for (role, names) in services {
        tasks.spawn(health::follow_role(reporter.clone(), role, names, channel(role), shutdown.clone()));
    }
    let keeper = (Arc::clone(&tokens), shutdown.clone());
    tasks.spawn(async move { keeper.0.run(keeper.1).await });

    let backend = |role| (role, Backend::new(role, dependencies.network.connector(Role::Gateway, role)));
    let proxy = Proxy {
        backends: Role::ALL.into_iter().filter(|role| *role != Role::Gateway).map(backend).collect(),
        routing: dependencies.routing,
        tokens,
        facts,
        context_key: dependencies.context_key,
        clock: dependencies.clock,
        entropy: dependencies.entropy,
        local,
        first: Reader::default(),
        times: config.times,
        durations: CallDurations::new(Role::Gateway),
        stopping: shutdown.clone(),
    };
    let port = Port { listener, tls, proxy: Arc::new(proxy), limits: config.port };
    let running = tokio::spawn(async move {
        port.run(shutdown).await;
        tasks.close();
        tasks.wait().await;
    });
    Ok(Gateway { address, ready: is_ready, running })
}
