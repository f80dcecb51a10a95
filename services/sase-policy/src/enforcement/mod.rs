//! The listener that enforcement points ask at: `envoy.service.auth.v3.Authorization/Check`, and nothing else.
//!
//! It is beside the mesh: a point is no role, and its credential is good for nothing but to ask. Whoever gets no answer
//! must stop the request, as Envoy does with `failure_mode_allow: false`, its default.

mod check;
mod config;
mod connection;
pub(crate) mod envoy;
#[cfg(feature = "measuring")]
pub(crate) mod measuring;
mod target;

use std::{
    convert::Infallible,
    fs, io,
    net::SocketAddr,
    path::Path,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bailiwick_rpc::BackgroundTask;
use futures::future::BoxFuture;
use http::{Request, Response};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{
    Status,
    body::Body,
    metadata::MetadataMap,
    server::{Grpc, NamedService},
    transport::{Identity, Server, ServerTlsConfig},
};
use tonic_prost::ProstCodec;
use tower::{Service, service_fn};

use crate::access::Enforcement;

use check::Checker;
use connection::{Proof, accepted};
use envoy::{CHECK, CheckRequest};

pub use config::EnforcementConfig;
pub(crate) use config::Limits;

/// Most bytes of what is asked: the headers of a request, of which Envoy takes 60 KiB if it is not told otherwise.
const MESSAGE_MAX: usize = 256 << 10;
const MAX_STREAMS: u32 = 1_024;
const MAX_HEADER_LIST: u32 = 16 << 10;
const MAX_PENDING_RESETS: usize = 64;
const KEEP_ALIVE: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// What is configured cannot be.
    #[error("{0}")]
    Config(String),
    /// The address cannot be bound.
    #[error("`enforcement.listen` cannot be listened on: {0}")]
    Bind(#[source] io::Error),
    /// A file of the certificate cannot be used.
    #[error("`enforcement.{setting}` {problem}")]
    Tls {
        /// The setting.
        setting: &'static str,
        /// What is wrong.
        problem: String,
    },
}

/// A bound listener.
pub(crate) struct Listener {
    listener: TcpListener,
    server: Server,
    limits: Limits,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Listener {
    /// Binds what is configured; none if nothing is.
    ///
    /// # Errors
    /// [`ListenError`].
    pub(crate) async fn bind(config: &EnforcementConfig) -> Result<Option<Self>, ListenError> {
        if let Some(problem) = config.problems().into_iter().next() {
            return Err(ListenError::Config(problem));
        }
        if config.listen.is_empty() {
            return Ok(None);
        }
        let mut server = Server::builder()
            .max_concurrent_streams(MAX_STREAMS)
            .http2_max_header_list_size(MAX_HEADER_LIST)
            .http2_max_pending_accept_reset_streams(Some(MAX_PENDING_RESETS))
            .http2_keepalive_interval(Some(KEEP_ALIVE))
            .http2_keepalive_timeout(Some(KEEP_ALIVE_TIMEOUT));
        if !config.tls_certificate.as_os_str().is_empty() {
            let chain = read("tls_certificate", &config.tls_certificate)?;
            let identity = Identity::from_pem(chain, read("tls_key", &config.tls_key)?);
            let tls = ServerTlsConfig::new().identity(identity).timeout(config.limits.handshake);
            let wrong = |error: tonic::transport::Error| ListenError::Tls {
                setting: "tls_certificate",
                problem: format!("and `enforcement.tls_key` cannot be used: {error}"),
            };
            server = server.tls_config(tls).map_err(wrong)?;
        }
        let listener = TcpListener::bind(&config.listen).await.map_err(ListenError::Bind)?;
        let address = listener.local_addr().map_err(ListenError::Bind)?;
        Ok(Some(Self { listener, server, limits: config.limits, address }))
    }

    /// Answers until the shutdown, and what is asked then to its end.
    pub(crate) fn serve(self, enforcement: Enforcement, shutdown: CancellationToken) -> BackgroundTask {
        let Self { listener, mut server, limits, address } = self;
        let routes = server.add_service(Authorization(Arc::new(Checker::new(enforcement, limits))));
        tracing::info!(%address, "enforcement points can ask");
        let incoming = accepted(listener, limits);
        (
            "enforcement listener",
            Box::pin(async move {
                if let Err(error) = routes.serve_with_incoming_shutdown(incoming, shutdown.cancelled()).await {
                    tracing::error!(%error, "enforcement points get no answers any more");
                }
            }),
        )
    }
}

fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, ListenError> {
    fs::read(path).map_err(|error| ListenError::Tls { setting, problem: format!("cannot be read: {error}") })
}

/// The one service. What else is asked is not implemented.
#[derive(Clone)]
struct Authorization(Arc<Checker>);

impl NamedService for Authorization {
    const NAME: &'static str = "envoy.service.auth.v3.Authorization";
}

impl Service<Request<Body>> for Authorization {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let checker = self.0.clone();
        Box::pin(async move {
            let answer = tokio::time::timeout(checker.limits.within, answer(&checker, request)).await;
            Ok(answer.unwrap_or_else(|_| Status::unavailable("nothing was decided in time").into_http()))
        })
    }
}

/// The answer to whoever shows a credential; of others not even the message is read.
async fn answer(checker: &Arc<Checker>, request: Request<Body>) -> Response<Body> {
    if request.uri().path() != CHECK {
        return Status::unimplemented("there is `Check` and nothing else").into_http();
    }
    let metadata = MetadataMap::from_headers(request.headers().clone());
    let admitted = match checker.admit(&metadata).await {
        Ok(admitted) => Arc::new(admitted),
        Err(refused) => return refused.into_http(),
    };
    if let Some(proof) = request.extensions().get::<Proof>() {
        proof.given();
    }
    let place = match checker.place(&admitted).await {
        Ok(place) => place,
        Err(refused) => return refused.into_http(),
    };
    let check = service_fn(|request: tonic::Request<CheckRequest>| {
        let (checker, admitted) = (checker.clone(), admitted.clone());
        async move { checker.check(&admitted, request.into_inner()).await.map(tonic::Response::new) }
    });
    let mut grpc = Grpc::new(ProstCodec::default()).apply_max_message_size_config(Some(MESSAGE_MAX), None);
    let answer = grpc.unary(check, request).await;
    drop(place);
    answer
}
