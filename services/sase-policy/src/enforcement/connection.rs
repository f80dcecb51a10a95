//! Connections of enforcement points, each with a place as long as it is open.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::{Stream, stream};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};
use tonic::transport::server::Connected;

use super::Limits;

/// After a failed accept, so that a lack of file descriptors is not a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Whether a credential was shown over a connection.
#[derive(Clone, Default)]
pub(super) struct Proof(Arc<AtomicBool>);

/// A connection. Without proof it is cut after a while, so that strangers do not keep the places of points.
pub(super) struct Accepted {
    stream: TcpStream,
    proof: Proof,
    until: Option<Pin<Box<Sleep>>>,
    _place: OwnedSemaphorePermit,
}

/// The connections that come; further ones than there are places wait to be accepted.
pub(super) fn accepted(listener: TcpListener, limits: Limits) -> impl Stream<Item = io::Result<Accepted>> {
    let places = Arc::new(Semaphore::new(limits.connections));
    stream::unfold((listener, places), move |(listener, places)| async move {
        let place = places.clone().acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    // Answers are small, and waited for.
                    let _ = stream.set_nodelay(true);
                    let until = Some(Box::pin(sleep(limits.handshake)));
                    let accepted = Accepted { stream, proof: Proof::default(), until, _place: place };
                    return Some((Ok(accepted), (listener, places)));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection cannot be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    })
}

impl Proof {
    /// A credential was shown.
    pub(super) fn given(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_given(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Accepted {
    /// Fails when the time is over without proof.
    fn poll_proof(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.proof.is_given() {
            self.until = None;
        }
        let Some(until) = &mut self.until else { return Poll::Pending };
        ready!(until.as_mut().poll(cx));
        if self.proof.is_given() { Poll::Pending } else { Poll::Ready(io::ErrorKind::TimedOut.into()) }
    }
}

impl Connected for Accepted {
    type ConnectInfo = Proof;

    fn connect_info(&self) -> Proof {
        self.proof.clone()
    }
}

impl AsyncRead for Accepted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(error) = self.poll_proof(cx) {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Accepted {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
