//! The connections to one role: a few that are shared by all calls to it, made when they are needed and again when they
//! are lost. Streams have connections of their own, so that a reader who does not read holds up no unary call.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use bailiwick_api::errors::v1::ErrorReason;
use bailiwick_core::Role;
use bailiwick_rpc::{Connector, Kind, Problem};
use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::http2::{Builder, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{sync::Mutex, time::Instant};

use super::body::Forwarded;

const CONNECTIONS: usize = 2;
const STREAM_WINDOW: u32 = 256 << 10;
/// As large as the windows of 1,024 streams: they cannot take from each other.
const CONNECTION_WINDOW: u32 = 1_024 * STREAM_WINDOW;
const MAX_HEADER_LIST: u32 = 64 << 10;
const KEEP_ALIVE: Duration = Duration::from_secs(10);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(5);
/// After a connection could not be made, calls fail at once for this long.
const PAUSE: Duration = Duration::from_millis(100);

type Sender = SendRequest<Forwarded>;

/// A role that serves calls.
pub struct Backend {
    role: Role,
    connector: Connector,
    unary: [Slot; CONNECTIONS],
    streams: [Slot; CONNECTIONS],
    next: AtomicUsize,
}

#[derive(Default)]
struct Slot {
    sender: ArcSwapOption<Sender>,
    /// Held while connecting; when that last failed.
    failed: Mutex<Option<Instant>>,
}

impl Backend {
    /// The role that `connector` leads to. Nothing is connected yet.
    pub fn new(role: Role, connector: Connector) -> Self {
        Self { role, connector, unary: Default::default(), streams: Default::default(), next: AtomicUsize::new(0) }
    }

    /// Sends a request and waits for the head of the answer. What never reached a connection is tried once more on
    /// another; what may have reached the role is not.
    ///
    /// # Errors
    /// UNAVAILABLE, BACKEND_UNAVAILABLE.
    pub async fn send(&self, mut request: Request<Forwarded>, stream: bool) -> Result<Response<Incoming>, Problem> {
        let slots = if stream { &self.streams } else { &self.unary };
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        for turn in 0..CONNECTIONS {
            let Some(slot) = slots.get(first.wrapping_add(turn) % CONNECTIONS) else { break };
            let Some(mut sender) = self.sender(slot).await else { continue };
            match sender.try_send_request(request).await {
                Ok(response) => return Ok(response),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => break,
                },
            }
        }
        Err(lost(self.role))
    }

    async fn sender(&self, slot: &Slot) -> Option<Sender> {
        let open =
            || slot.sender.load().as_ref().filter(|sender| !sender.is_closed()).map(|sender| Sender::clone(sender));
        if let Some(sender) = open() {
            return Some(sender);
        }
        let mut failed = slot.failed.lock().await;
        if let Some(sender) = open() {
            return Some(sender);
        }
        if failed.is_some_and(|at| at.elapsed() < PAUSE) {
            return None;
        }
        match self.connect().await {
            Ok(sender) => {
                *failed = None;
                slot.sender.store(Some(std::sync::Arc::new(sender.clone())));
                Some(sender)
            }
            Err(error) => {
                tracing::warn!(role = %self.role, %error, "a role cannot be reached");
                *failed = Some(Instant::now());
                None
            }
        }
    }

    async fn connect(&self) -> Result<Sender, Box<dyn std::error::Error + Send + Sync>> {
        let stream = self.connector.connect().await?;
        let (sender, connection) = Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(MAX_HEADER_LIST)
            .keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .handshake(TokioIo::new(stream))
            .await?;
        let role = self.role;
        // Ends with the connection, which ends with its last sender or the role.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%role, %error, "a connection to a role has ended");
            }
        });
        Ok(sender)
    }
}

/// The error of a call whose service cannot be reached, or was lost on the way.
pub fn lost(role: Role) -> Problem {
    Problem::new(Kind::Unavailable, ErrorReason::BackendUnavailable, "the service behind the gateway cannot be reached")
        .with("role", role.as_str())
        .retry_after(PAUSE)
}
