//! Connections between roles, with the peer known on both ends. Two kinds, with the same behaviour: in one process and
//! over TCP with mutual TLS.

mod memory;
mod tcp;
mod tls;

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bailiwick_core::Role;
use futures::Stream;
use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf},
    net::TcpStream,
    sync::mpsc,
    task::AbortHandle,
};
use tokio_rustls::TlsStream;
use tonic::transport::{Channel, Endpoint, server::Connected};

pub use tcp::TcpConfig;
pub use tls::TransportError;

/// How long it may take to reach a role, handshakes included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const KEEP_ALIVE: Duration = Duration::from_secs(10);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_HEADER_LIST: u32 = 64 << 10;
/// Connections that wait to be accepted.
const BACKLOG: usize = 64;

/// How roles reach each other. A clone is the same network.
#[derive(Clone)]
pub struct Network(Kind);

#[derive(Clone)]
enum Kind {
    Memory(Arc<memory::MemoryNetwork>),
    Tcp(Arc<tcp::TcpNetwork>),
}

/// The role at the other end of a connection; in the extensions of every request that comes over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub Role);

/// A connection to a role that is known.
pub struct PeerStream {
    peer: Role,
    io: Io,
}

enum Io {
    Memory(DuplexStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Accepted connections: a stream that ends when the network does.
pub struct Listener {
    accepted: mpsc::Receiver<PeerStream>,
    address: Option<SocketAddr>,
    acceptor: Option<AbortHandle>,
}

/// Connects one role to another.
#[derive(Clone)]
pub struct Connector {
    network: Network,
    from: Role,
    to: Role,
}

impl Network {
    /// A network of one process: duplex streams of 64 KiB, with the identity of who opened them.
    pub fn in_process() -> Self {
        Self(Kind::Memory(Arc::default()))
    }

    /// The network of one role over TCP with mutual TLS. Reads the files; they are not read again.
    ///
    /// # Errors
    /// If a file cannot be read, or is no certificate or key, or the certificate is not one for the role.
    pub fn tcp(config: TcpConfig) -> Result<Self, TransportError> {
        Ok(Self(Kind::Tcp(Arc::new(tcp::TcpNetwork::new(config)?))))
    }

    /// The connections that come for a role, from now on: a later listener of the role takes over.
    ///
    /// # Errors
    /// Over TCP: if the address cannot be bound, or the role is another than the network's.
    pub async fn listener(&self, role: Role) -> io::Result<Listener> {
        match &self.0 {
            Kind::Memory(network) => Ok(network.listener(role)),
            Kind::Tcp(network) => network.listener(role).await,
        }
    }

    /// What connects `from` with `to`.
    pub fn connector(&self, from: Role, to: Role) -> Connector {
        Connector { network: self.clone(), from, to }
    }

    /// A channel from `from` to `to`: connects with the first call, again after each loss, and probes the connection.
    pub fn channel(&self, from: Role, to: Role) -> Channel {
        let connector = self.connector(from, to);
        Endpoint::from(Uri::from_static(origin(to)))
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .http2_max_header_list_size(MAX_HEADER_LIST)
            .connect_with_connector_lazy(tower::service_fn(move |_: Uri| {
                let connector = connector.clone();
                async move { connector.connect().await.map(TokioIo::new) }
            }))
    }
}

/// What requests to a role have as scheme and authority.
const fn origin(role: Role) -> &'static str {
    match role {
        Role::Directory => "http://directory",
        Role::Delegation => "http://delegation",
        Role::SecurityCenter => "http://security-center",
        Role::SasePolicy => "http://sase-policy",
        Role::BastionAudit => "http://bastion-audit",
        Role::Gateway => "http://gateway",
    }
}

impl Connector {
    /// A new connection. Takes 5 seconds at most.
    ///
    /// # Errors
    /// If the role cannot be reached, or what answers is not that role.
    pub async fn connect(&self) -> io::Result<PeerStream> {
        let connecting = async {
            match &self.network.0 {
                Kind::Memory(network) => network.connect(self.from, self.to).await,
                Kind::Tcp(network) => network.connect(self.from, self.to).await,
            }
        };
        tokio::time::timeout(CONNECT_TIMEOUT, connecting).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }
}

impl Listener {
    /// The address that is bound; none in one process.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.address
    }

    /// The next connection; none when the network is gone.
    pub async fn accept(&mut self) -> Option<PeerStream> {
        self.accepted.recv().await
    }
}

impl Stream for Listener {
    type Item = PeerStream;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<PeerStream>> {
        self.accepted.poll_recv(cx)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(acceptor) = &self.acceptor {
            acceptor.abort();
        }
    }
}

impl PeerStream {
    /// The role at the other end.
    pub fn peer(&self) -> Role {
        self.peer
    }
}

impl Connected for PeerStream {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        Peer(self.peer)
    }
}

impl AsyncRead for PeerStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Memory(io) => Pin::new(io).poll_read(cx, buffer),
            Io::Tls(io) => Pin::new(io).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for PeerStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Memory(io) => Pin::new(io).poll_write(cx, bytes),
            Io::Tls(io) => Pin::new(io).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Memory(io) => Pin::new(io).poll_flush(cx),
            Io::Tls(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Memory(io) => Pin::new(io).poll_shutdown(cx),
            Io::Tls(io) => Pin::new(io).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
