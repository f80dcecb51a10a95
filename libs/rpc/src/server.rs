//! The server of a role: accepts connections, answers calls, drains.

use std::{convert::Infallible, sync::Arc};

use bailiwick_api::errors::v1::ErrorReason;
use bailiwick_core::Role;
use http::Request;
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    task::{JoinError, JoinSet},
    time::{Duration, Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tonic::{Status, body::Body};

use crate::{
    Guard, Kind, Listener, Module, PeerStream, Problem, health::RoleHealth, module::BackgroundTask, pipeline::Pipeline,
};

const MAX_STREAMS_PER_CONNECTION: u32 = 1_024;
const MAX_HEADER_LIST: u32 = 64 << 10;
/// Streams that a peer opened and reset before they were looked at ("rapid reset").
const MAX_PENDING_RESETS: usize = 64;
const MAX_LOCAL_RESETS: usize = 1_024;
const KEEP_ALIVE: Duration = Duration::from_secs(10);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// What a server takes on at once, and how long it may take to stop.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections; further ones wait.
    pub connections: usize,
    /// Unary calls under way; further ones are refused with UNAVAILABLE.
    pub calls: usize,
    /// Streams under way; further ones are refused with UNAVAILABLE.
    pub streams: usize,
    /// Of both, those that wait long for the position of a consistency token; further ones are refused with UNAVAILABLE.
    pub waiting: usize,
    /// From the beginning of the shutdown until what is still under way is cut off.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 1_024, calls: 2_048, streams: 2_048, waiting: 256, drain: Duration::from_secs(10) }
    }
}

/// A server that ended otherwise than by its shutdown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServeError {
    /// A background task panicked: the role is not what it should be, and must be started anew.
    #[error("the background task `{0}` of `{1}` panicked")]
    Background(&'static str, Role),
    /// The listener ended.
    #[error("no more connections come for `{0}`")]
    Listener(Role),
    /// Module and guard are of different roles.
    #[error("a guard of `{guard}` was given to the module of `{module}`")]
    Roles {
        /// The guard's.
        guard: Role,
        /// The module's.
        module: Role,
    },
}

/// Serves a role until `shutdown`, then drains: health says NOT_SERVING, no new connections, streams end with
/// UNAVAILABLE, calls finish; after 10 seconds what is left is cut off, with a warning.
///
/// # Errors
/// If it ended without `shutdown`; it has cancelled that and drained then as well.
pub async fn serve(
    module: Module,
    listener: Listener,
    guard: Guard,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    serve_within(module, listener, guard, shutdown, Limits::default()).await
}

/// Serves as [`serve`] does, within other limits.
///
/// # Errors
/// As [`serve`].
pub async fn serve_within(
    module: Module,
    listener: Listener,
    guard: Guard,
    shutdown: CancellationToken,
    limits: Limits,
) -> Result<(), ServeError> {
    let Module { role, routes, background, ready } = module;
    if guard.role != role {
        return Err(ServeError::Roles { guard: guard.role, module: role });
    }
    let (health, health_service) = RoleHealth::new(role).await;
    let pipeline = Arc::new(Pipeline::new(guard, routes.add_service(health_service).prepare(), &limits));
    let mut tasks = Background::spawn(background);
    let mut server = Server { role, listener, pipeline, limits, connections: JoinSet::new(), goaway: <_>::default() };

    let ended = {
        let following = async {
            health.follow(ready).await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = shutdown.cancelled() => Ok(()),
            name = tasks.panicked() => Err(ServeError::Background(name, role)),
            () = server.accept() => Err(ServeError::Listener(role)),
            () = following => Ok(()),
        }
    };
    if let Err(error) = &ended {
        tracing::error!(%error, role = %role, "the server ends");
    }
    health.set(false).await;
    // Tasks that share this token end as well if the server ends by itself.
    shutdown.cancel();
    let deadline = Instant::now() + server.limits.drain;
    server.drain(deadline).await;
    tasks.drain(role, deadline).await;
    ended
}

/// The status of streams that end because the role does.
pub(crate) fn draining() -> Status {
    Problem::new(Kind::Unavailable, ErrorReason::BackendUnavailable, "the service is stopping; connect again")
        .retry_after(Duration::from_millis(100))
        .into()
}

struct Server {
    role: Role,
    listener: Listener,
    pipeline: Arc<Pipeline>,
    limits: Limits,
    connections: JoinSet<()>,
    goaway: CancellationToken,
}

impl Server {
    /// Returns when no more connections can come.
    async fn accept(&mut self) {
        loop {
            let full = self.connections.len() >= self.limits.connections;
            tokio::select! {
                Some(_) = self.connections.join_next() => {}
                stream = self.listener.accept(), if !full => match stream {
                    Some(stream) => drop(self.connections.spawn(connection(
                        stream,
                        self.pipeline.clone(),
                        self.goaway.clone(),
                    ))),
                    None => return,
                },
            }
        }
    }

    async fn drain(self, deadline: Instant) {
        let Self { role, listener, pipeline, mut connections, goaway, .. } = self;
        drop(listener);
        pipeline.drain.cancel();
        goaway.cancel();
        let all = async { while connections.join_next().await.is_some() {} };
        if timeout_at(deadline, all).await.is_err() {
            tracing::warn!(role = %role, connections = connections.len(), "cutting off calls that did not end in time");
            connections.shutdown().await;
        }
    }
}

/// Serves one connection until its peer closes it, or `goaway` and the end of its calls.
async fn connection(stream: PeerStream, pipeline: Arc<Pipeline>, goaway: CancellationToken) {
    let peer = stream.peer();
    let service = service_fn(move |request: Request<Incoming>| {
        let pipeline = pipeline.clone();
        async move { Ok::<_, Infallible>(pipeline.answer(peer, request.map(Body::new)).await) }
    });
    let served = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS_PER_CONNECTION)
        .max_header_list_size(MAX_HEADER_LIST)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(MAX_LOCAL_RESETS)
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    let ended = tokio::select! {
        ended = &mut served => ended,
        () = goaway.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, peer = %peer, "a connection ended");
    }
}

/// The background tasks of a role.
struct Background(JoinSet<&'static str>, Vec<(tokio::task::Id, &'static str)>);

impl Background {
    fn spawn(tasks: Vec<BackgroundTask>) -> Self {
        let mut running = JoinSet::new();
        let spawn = |(name, task): BackgroundTask| {
            let handle = running.spawn(async move {
                task.await;
                name
            });
            (handle.id(), name)
        };
        let names = tasks.into_iter().map(spawn).collect();
        Self(running, names)
    }

    fn name(&self, error: &JoinError) -> &'static str {
        self.1.iter().find(|(id, _)| *id == error.id()).map_or("unknown", |(_, name)| name)
    }

    /// The name of the first task that panics.
    async fn panicked(&mut self) -> &'static str {
        while let Some(ended) = self.0.join_next().await {
            match ended {
                Ok(name) => tracing::info!(task = name, "a background task is done"),
                Err(error) => return self.name(&error),
            }
        }
        std::future::pending().await
    }

    async fn drain(mut self, role: Role, deadline: Instant) {
        let all = async { while self.0.join_next().await.is_some() {} };
        if timeout_at(deadline, all).await.is_err() {
            tracing::warn!(role = %role, tasks = self.0.len(), "cutting off background tasks that did not end in time");
            self.0.shutdown().await;
        }
    }
}
