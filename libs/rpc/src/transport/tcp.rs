//! The network across processes: TCP with mutual TLS.

use std::{collections::BTreeMap, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use bailiwick_core::Role;
use rustls_pki_types::ServerName;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::{
    BACKLOG, Io, Listener, PeerStream, TransportError,
    tls::{Tls, role_of},
};

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Handshakes under way at once; further connections wait in the kernel.
const HANDSHAKES: usize = 64;
/// After a failed accept (out of file descriptors, say), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// One role's place in a network over TCP.
#[derive(Clone, Debug)]
pub struct TcpConfig {
    /// The role.
    pub role: Role,
    /// Where it listens; port 0 for any free one.
    pub listen: SocketAddr,
    /// Where the others are: `host:port`.
    pub peers: BTreeMap<Role, String>,
    /// PEM of the authority that certifies the roles of this installation, and nothing else.
    pub ca_file: PathBuf,
    /// PEM of the role's certificate: the role's name as DNS name, and `spiffe://bailiwick.dev/role/{role}` as the only
    /// URI, among the subject alternative names.
    pub certificate_file: PathBuf,
    /// PEM of its key.
    pub key_file: PathBuf,
}

pub(super) struct TcpNetwork {
    config: TcpConfig,
    tls: Tls,
}

impl TcpNetwork {
    pub(super) fn new(config: TcpConfig) -> Result<Self, TransportError> {
        let tls = Tls::read(&config)?;
        Ok(Self { config, tls })
    }

    pub(super) async fn listener(&self, role: Role) -> io::Result<Listener> {
        self.own(role)?;
        let socket = TcpListener::bind(self.config.listen).await?;
        let address = socket.local_addr()?;
        let (sender, accepted) = mpsc::channel(BACKLOG);
        let acceptor = TlsAcceptor::from(self.tls.server.clone());
        let task = tokio::spawn(accept(socket, acceptor, sender));
        Ok(Listener { accepted, address: Some(address), acceptor: Some(task.abort_handle()) })
    }

    pub(super) async fn connect(&self, from: Role, to: Role) -> io::Result<PeerStream> {
        self.own(from)?;
        let address = self.config.peers.get(&to).ok_or_else(|| {
            io::Error::new(io::ErrorKind::AddrNotAvailable, format!("no address is configured for `{to}`"))
        })?;
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        let name = ServerName::try_from(to.as_str()).map_err(io::Error::other)?;
        let tls = TlsConnector::from(self.tls.client.clone()).connect(name, tcp).await?;
        let peer = tls.get_ref().1.peer_certificates().and_then(role_of);
        if peer != Some(to) {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("what answers is not `{to}`")));
        }
        Ok(PeerStream { peer: to, io: Io::Tls(Box::new(tls.into())) })
    }

    fn own(&self, role: Role) -> io::Result<()> {
        let message = || format!("this is the network of `{}`, not of `{role}`", self.config.role);
        (role == self.config.role).then_some(()).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, message()))
    }
}

async fn accept(socket: TcpListener, acceptor: TlsAcceptor, accepted: mpsc::Sender<PeerStream>) {
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
    while let Ok(permit) = handshakes.clone().acquire_owned().await {
        let (tcp, address) = match socket.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if accepted.is_closed() {
            return;
        }
        let (acceptor, accepted) = (acceptor.clone(), accepted.clone());
        tokio::spawn(async move {
            match timeout(HANDSHAKE_TIMEOUT, handshake(acceptor, tcp)).await {
                // The permit is held until the connection is taken over, so that those are bounded as well.
                Ok(Ok(stream)) => drop(accepted.send(stream).await),
                Ok(Err(error)) => tracing::info!(%error, client.address = %address, "a connection was refused"),
                Err(_) => tracing::info!(client.address = %address, "a connection took too long to prove itself"),
            }
            drop(permit);
        });
    }
}

async fn handshake(acceptor: TlsAcceptor, tcp: TcpStream) -> io::Result<PeerStream> {
    tcp.set_nodelay(true)?;
    let tls = acceptor.accept(tcp).await?;
    let peer = tls.get_ref().1.peer_certificates().and_then(role_of);
    let peer = peer.ok_or_else(|| io::Error::new(io::ErrorKind::PermissionDenied, "its certificate is for no role"))?;
    Ok(PeerStream { peer, io: Io::Tls(Box::new(tls.into())) })
}
