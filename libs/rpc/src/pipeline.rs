//! What every call passes, in this order: id, trace, metrics, limits, guard, handler.

use std::{panic::AssertUnwindSafe, sync::Arc};

use bailiwick_api::errors::v1::ErrorReason;
use bailiwick_core::{Role, random_token};
use futures::FutureExt;
use http::{HeaderMap, Request, Response};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Duration, Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, body::Body, service::Routes};
use tower::{Service, ServiceExt};
use tracing::Instrument;

use crate::{
    CALL_ID, Guard, Kind, Limits, Problem,
    deadline::Deadline,
    errors::deadline_exceeded,
    guard::Arrival,
    health,
    response::{AnswerBody, Held},
    telemetry::{self, CallDurations},
    transport::Peer,
    with_call_id,
};

/// Digits of a call id of our own.
const CALL_ID_DIGITS: usize = 20;

pub(crate) struct Pipeline {
    pub(crate) guard: Guard,
    pub(crate) routes: Routes,
    pub(crate) drain: CancellationToken,
    durations: CallDurations,
    calls: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// How an answer ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// By its handler.
    Own,
    /// By draining, at once.
    Drain,
    /// By draining, after what is ready.
    DrainAfterReady,
}

impl Pipeline {
    pub(crate) fn new(guard: Guard, routes: Routes, limits: &Limits) -> Self {
        let calls = Arc::new(Semaphore::new(limits.calls));
        let streams = Arc::new(Semaphore::new(limits.streams));
        let durations = CallDurations::new(guard.role);
        let waiting = Arc::new(Semaphore::new(limits.waiting));
        Self { guard, routes, drain: CancellationToken::new(), durations, calls, streams, waiting }
    }

    /// The answer to one call.
    pub(crate) async fn answer(&self, peer: Role, request: Request<Body>) -> Response<Body> {
        // First the id: everything after speaks of it.
        let call_id = self.call_id(request.headers());
        // Then the trace, so that refusals are traced as well.
        let span = telemetry::span(&request, peer.as_str(), self.guard.role, &call_id);
        async {
            // Metrics before limits and guard, so that refusals count. A path that no rule knows is not a label.
            let health = request.uri().path().starts_with(health::PATH_PREFIX);
            let rule = if health { None } else { Some(self.guard.rule(request.uri().path())) };
            let label = match &rule {
                None => "grpc.health.v1.Health",
                Some(Ok(rule)) => rule.method(),
                Some(Err(_)) => "unknown",
            };
            let measurement = self.durations.start(peer.as_str(), label);
            let mut held = Held { call_id: call_id.clone(), measurement, place: None };
            let answered = match rule {
                None => self.handle(peer, request).await.map(|answer| (answer, Ending::DrainAfterReady)),
                Some(Err(status)) => Err(status),
                Some(Ok(rule)) => {
                    let unary = !rule.client_streaming && !rule.server_streaming;
                    let ending = if unary { Ending::Own } else { Ending::Drain };
                    let answered = match self.place(unary) {
                        Err(problem) => Err(problem.into()),
                        Ok(place) => {
                            held.place = Some(place);
                            self.guarded(rule, peer, &call_id, request).await
                        }
                    };
                    answered.map(|answer| (answer, ending))
                }
            };
            let (answer, ending) = answered.unwrap_or_else(|status| (status.into_http(), Ending::Own));
            self.finish(answer, held, ending)
        }
        .instrument(span)
        .await
    }

    fn call_id(&self, headers: &HeaderMap) -> String {
        let sound =
            |id: &&str| (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let sent = headers.get(CALL_ID).and_then(|value| value.to_str().ok()).filter(sound);
        sent.map_or_else(|| random_token(self.guard.entropy.as_ref(), CALL_ID_DIGITS), str::to_owned)
    }

    /// Streams have places of their own: those that stay open for days take none from calls.
    fn place(&self, unary: bool) -> Result<OwnedSemaphorePermit, Problem> {
        let places = if unary { &self.calls } else { &self.streams };
        places.clone().try_acquire_owned().map_err(|_| {
            Problem::new(Kind::Unavailable, ErrorReason::BackendUnavailable, "the service has too many calls at once")
                .with("role", self.guard.role.as_str())
                .retry_after(Duration::from_millis(500))
        })
    }

    async fn guarded(
        &self,
        rule: &'static bailiwick_core::authz::Rule,
        peer: Role,
        call_id: &str,
        request: Request<Body>,
    ) -> Result<Response<Body>, Status> {
        let unary = !rule.client_streaming && !rule.server_streaming;
        let deadline = Deadline::of(request.headers(), unary, Instant::now())?;
        let (call_id, waiting) = (call_id.to_owned(), Arc::clone(&self.waiting));
        let arrival = Arrival { rule, peer, call_id, deadline: deadline.at, waiting, request };
        let admitted = timeout_at(deadline.at, self.guard.admit(arrival)).await;
        let request = admitted.map_err(|_| deadline_exceeded())??;
        let handled = self.handle(peer, request);
        if !deadline.binds_handler {
            return handled.await;
        }
        timeout_at(deadline.at, handled).await.map_err(|_| deadline_exceeded())?
    }

    async fn handle(&self, peer: Role, mut request: Request<Body>) -> Result<Response<Body>, Status> {
        request.extensions_mut().insert(Peer(peer));
        let mut routes = self.routes.clone();
        let handled = AssertUnwindSafe(async move {
            match ServiceExt::<Request<Body>>::ready(&mut routes).await {
                Ok(routes) => routes.call(request).await,
                Err(never) => match never {},
            }
        });
        match handled.catch_unwind().await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(never)) => match never {},
            Err(_) => Err(Problem::new(Kind::Internal, ErrorReason::Internal, "a handler panicked").into()),
        }
    }

    fn finish(&self, answer: Response<Body>, mut held: Held, ending: Ending) -> Response<Body> {
        // A call that failed before its first message has its status in the head.
        if let Some(status) = Status::from_header_map(answer.headers()) {
            held.measurement.code = status.code();
            if status.code() != Code::Ok {
                return with_call_id(status, &held.call_id).into_http();
            }
        }
        let drain = self.drain.clone();
        let drained = (ending != Ending::Own).then(|| async move { drain.cancelled().await }.boxed());
        let ready_first = ending == Ending::DrainAfterReady;
        answer.map(|body| Body::new(AnswerBody { body, held, drained, ready_first, ended: false }))
    }
}
