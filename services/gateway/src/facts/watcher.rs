//! Keeps the facts fresh over the wire: opens the stream, pings, and begins anew after a fault, a silence or an end.

use std::{sync::Arc, time::Duration};

use bailiwick_api::delegation::v1::{WatchFactsRequest, fact_service_client::FactServiceClient};
use bailiwick_core::Entropy;
use tokio::{sync::mpsc, time::Instant};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use super::{Facts, Follower};

/// Requests that wait to be sent: pings, which a stalled stream must not pile up.
const QUEUE: usize = 16;

/// The times of a watcher.
#[derive(Clone, Copy, Debug)]
pub struct WatcherTimes {
    /// Between two pings.
    pub ping: Duration,
    /// To connect and open the stream.
    pub open: Duration,
    /// Without a message, until the stream is given up.
    pub silence: Duration,
    /// Before a new attempt: at first, doubled with each in vain up to the second.
    pub backoff: (Duration, Duration),
}

impl Default for WatcherTimes {
    fn default() -> Self {
        Self {
            ping: Duration::from_millis(100),
            open: Duration::from_secs(2),
            silence: Duration::from_secs(2),
            backoff: (Duration::from_millis(50), Duration::from_secs(2)),
        }
    }
}

/// Follows the log of facts.
pub struct Watcher {
    /// Where they go.
    pub facts: Arc<Facts>,
    /// To `delegation`.
    pub from: Channel,
    /// For jitter.
    pub entropy: Arc<dyn Entropy>,
    /// Times.
    pub times: WatcherTimes,
}

#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("the stream could not be opened in time")]
    NotOpened,
    #[error("the stream was silent for too long")]
    Silent,
    #[error("the stream has ended")]
    Closed,
    #[error("{0}")]
    Fault(#[from] super::Fault),
    #[error("{0}")]
    Status(#[from] Box<tonic::Status>),
}

impl Watcher {
    /// Follows until the shutdown.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut follower = Follower::default();
        let (first, last) = self.times.backoff;
        let mut pause = first;
        loop {
            let began = Instant::now();
            let ended = tokio::select! {
                ended = self.follow(&mut follower) => ended,
                () = shutdown.cancelled() => return,
            };
            tracing::warn!(error = %ended, "the access facts are not followed for a moment");
            if began.elapsed() > last {
                pause = first;
            }
            tokio::select! {
                () = tokio::time::sleep(self.jittered(pause)) => {}
                () = shutdown.cancelled() => return,
            }
            pause = (pause * 2).min(last);
        }
    }

    async fn follow(&self, follower: &mut Follower) -> Ended {
        match self.stream(follower).await {
            Ok(never) => match never {},
            Err(ended) => ended,
        }
    }

    async fn stream(&self, follower: &mut Follower) -> Result<std::convert::Infallible, Ended> {
        let (requests, outgoing) = mpsc::channel::<WatchFactsRequest>(QUEUE);
        requests.try_send(follower.open()).map_err(|_| Ended::Closed)?;
        let mut client = FactServiceClient::new(self.from.clone());
        // Without a deadline a lost packet could hold the follower here for ever.
        let opened = tokio::time::timeout(self.times.open, client.watch_facts(ReceiverStream::new(outgoing)));
        let mut incoming = opened.await.map_err(|_| Ended::NotOpened)?.map_err(Box::new)?.into_inner();
        let mut pings = tokio::time::interval(self.times.ping);
        pings.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let silence = tokio::time::sleep(self.times.silence);
        tokio::pin!(silence);
        loop {
            tokio::select! {
                message = incoming.message() => {
                    let message = message.map_err(Box::new)?.ok_or(Ended::Closed)?;
                    silence.as_mut().reset(Instant::now() + self.times.silence);
                    self.facts.take(follower.receive(message)?);
                }
                _ = pings.tick() => ping(&requests, follower),
                () = self.facts.hurried() => ping(&requests, follower),
                () = &mut silence => return Err(Ended::Silent),
            }
        }
    }

    /// Between half of `pause` and all of it.
    fn jittered(&self, pause: Duration) -> Duration {
        let mut byte = [0];
        self.entropy.fill(&mut byte);
        pause.mul_f64(0.5 + f64::from(byte[0]) / 510.0)
    }
}

fn ping(requests: &mpsc::Sender<WatchFactsRequest>, follower: &mut Follower) {
    // A place in the queue first: a ping that is not sent must not be counted as sent.
    if let Ok(place) = requests.try_reserve()
        && let Some(ping) = follower.ping(Instant::now())
    {
        place.send(ping);
    }
}
