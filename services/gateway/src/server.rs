//! The public port: TLS, HTTP/2 and HTTP/1.1 on one address, with bounds on all that a stranger can use up.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use http::{Request, Response};
use hyper::{body::Incoming, server::conn, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tonic_web::GrpcWebLayer;
use tower::{Layer, Service};

use crate::{
    StartError,
    proxy::{
        Peer, Proxy,
        body::{Answer, Inbound},
        headers::is_grpc_web,
    },
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const MAX_STREAMS: u32 = 1_024;
const MAX_HEADER_LIST: u32 = 64 << 10;
/// Streams that a client opened and reset before they were looked at ("rapid reset").
const MAX_PENDING_RESETS: usize = 64;
const MAX_LOCAL_RESETS: usize = 1_024;
const KEEP_ALIVE: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// After a failed accept, so that a lack of file descriptors is not a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Bounds of the port.
#[derive(Clone, Copy, Debug)]
pub struct PortLimits {
    /// Connections; further ones wait to be accepted.
    pub connections: usize,
    /// For TLS, and for the first bytes of HTTP.
    pub handshake: Duration,
    /// Age at which a connection is asked to end: calls under way finish.
    pub age: Duration,
    /// From the beginning of the shutdown, or of the end of a connection by age, until what is left is cut off.
    pub drain: Duration,
}

impl Default for PortLimits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            handshake: Duration::from_secs(10),
            age: Duration::from_secs(1_800),
            drain: Duration::from_secs(10),
        }
    }
}

/// PEM files of the public address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl TlsFiles {
    /// The acceptor for these files. They are not read again.
    ///
    /// # Errors
    /// If one cannot be read, or they do not belong together.
    pub fn acceptor(&self) -> Result<TlsAcceptor, StartError> {
        let bad = |path: &Path, error: &dyn std::fmt::Display| StartError::Tls {
            path: path.to_owned(),
            problem: error.to_string(),
        };
        let chain = CertificateDer::pem_file_iter(&self.certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let chain = chain.map_err(|e| bad(&self.certificate, &e))?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|e| bad(&self.key, &e))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| bad(&self.certificate, &e))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|e| bad(&self.certificate, &e))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// The port.
pub struct Port {
    /// Bound.
    pub listener: TcpListener,
    /// None for plain text.
    pub tls: Option<TlsAcceptor>,
    /// What answers.
    pub proxy: Arc<Proxy>,
    /// Bounds.
    pub limits: PortLimits,
}

impl Port {
    /// Serves until the shutdown, then lets calls finish for a while.
    pub async fn run(self, shutdown: CancellationToken) {
        let places = Arc::new(Semaphore::new(self.limits.connections));
        let mut connections = JoinSet::new();
        let port = Arc::new(self);
        loop {
            // The place first: whoever finds none waits in the backlog.
            let accepted = async {
                let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
                Ok::<_, io::Error>((place, port.listener.accept().await?))
            };
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(_) = connections.join_next() => {}
                accepted = accepted => match accepted {
                    Ok((place, (stream, from))) => {
                        let (port, shutdown) = (Arc::clone(&port), shutdown.clone());
                        connections.spawn(async move {
                            port.connection(stream, from, shutdown).await;
                            drop(place);
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection cannot be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        let drain = port.limits.drain;
        drop(port);
        if timeout(drain, async { while connections.join_next().await.is_some() {} }).await.is_err() {
            tracing::warn!(connections = connections.len(), "cutting off calls that did not end in time");
            connections.shutdown().await;
        }
    }

    async fn connection(&self, stream: TcpStream, from: SocketAddr, shutdown: CancellationToken) {
        // Answers are small; waiting to fill a packet would only delay them.
        let _ = stream.set_nodelay(true);
        let handshake = self.limits.handshake;
        let peer = Peer { address: from.ip(), secure: self.tls.is_some() };
        let served = match &self.tls {
            None => match timeout(handshake, Prefixed::read(stream)).await {
                Ok(Ok(stream)) => self.http(stream, peer, shutdown).await,
                _ => return,
            },
            Some(tls) => match timeout(handshake, async { Prefixed::read(tls.accept(stream).await?).await }).await {
                Ok(Ok(stream)) => self.http(stream, peer, shutdown).await,
                _ => return,
            },
        };
        if let Err(error) = served {
            tracing::debug!(%error, client = %from, "a connection ended");
        }
    }

    async fn http<S>(&self, stream: Prefixed<S>, from: Peer, shutdown: CancellationToken) -> hyper::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(|request: Request<Incoming>| {
            let proxy = Arc::clone(&self.proxy);
            async move { Ok::<_, Infallible>(answer(proxy, request, from).await) }
        });
        // At different ages, so that clients do not all come back at once: from nine tenths on.
        let mut byte = [0];
        self.proxy.entropy.fill(&mut byte);
        let age = self.limits.age.mul_f64(1.0 - f64::from(byte[0]) / 2_550.0);
        let ended = async {
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(age) => {}
            }
        };
        if stream.prefix == PREFACE {
            let connection = http2().serve_connection(TokioIo::new(stream), service);
            tokio::pin!(connection);
            tokio::select! {
                served = &mut connection => return served,
                () = ended => connection.as_mut().graceful_shutdown(),
            }
            return timeout(self.limits.drain, connection).await.unwrap_or(Ok(()));
        }
        let connection = conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.handshake)
            .max_buf_size(MAX_HEADER_LIST as usize)
            .serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        tokio::select! {
            served = &mut connection => return served,
            () = ended => connection.as_mut().graceful_shutdown(),
        }
        timeout(self.limits.drain, connection).await.unwrap_or(Ok(()))
    }
}

fn http2() -> conn::http2::Builder<TokioExecutor> {
    let mut builder = conn::http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_LIST)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(MAX_LOCAL_RESETS)
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
    builder
}

/// Answers a request: of gRPC directly, of grpc-web through its translation.
async fn answer(proxy: Arc<Proxy>, request: Request<Incoming>, from: Peer) -> Response<Answer> {
    if !is_grpc_web(request.headers()) {
        return proxy.answer(request.map(Inbound::Native), from).await;
    }
    let grpc = tower::service_fn(move |request: Request<tonic::body::Body>| {
        let proxy = Arc::clone(&proxy);
        async move { Ok::<_, Infallible>(proxy.answer(request.map(Inbound::Boxed), from).await) }
    });
    match GrpcWebLayer::new().layer(grpc).call(request).await {
        Ok(response) => response.map(Answer::Boxed),
        Err(never) => match never {},
    }
}

/// A connection whose first bytes were read, to tell HTTP/2 from HTTP/1.
struct Prefixed<S> {
    prefix: Bytes,
    unread: Bytes,
    stream: S,
}

impl<S: AsyncRead + Unpin> Prefixed<S> {
    /// Reads as much as it takes to tell.
    async fn read(mut stream: S) -> io::Result<Self> {
        let mut read = BytesMut::with_capacity(PREFACE.len());
        while read.len() < PREFACE.len() && PREFACE.starts_with(&read) {
            let left = PREFACE.len() - read.len();
            if (&mut stream).take(left as u64).read_buf(&mut read).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let prefix = read.freeze();
        Ok(Self { unread: prefix.clone(), prefix, stream })
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Prefixed<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let count = self.unread.len().min(buffer.remaining());
        buffer.put_slice(&self.unread.slice(..count));
        self.unread.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prefixed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
