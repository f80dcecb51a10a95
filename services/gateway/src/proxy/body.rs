//! Bodies in both directions: frames pass as they come, undecoded; but for the first message of a request uncopied.
//!
//! A caller always gets a status: what ends without one, here or behind, ends with one that says so.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bailiwick_core::Role;
use bailiwick_rpc::{telemetry::Measurement, with_call_id};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::{sync::OwnedSemaphorePermit, time::Sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::{Code, Status};

use super::{GRPC_STATUS, backend::lost, ending::Ending, first::First, too_late};

/// Any error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Ended = Pin<Box<WaitForCancellationFutureOwned>>;

/// A request as it comes.
#[derive(Debug)]
pub enum Inbound {
    /// From the connection.
    Native(Incoming),
    /// From the translation of grpc-web.
    Boxed(tonic::body::Body),
}

impl Body for Inbound {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Native(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Self::Boxed(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Native(body) => body.is_end_stream(),
            Self::Boxed(body) => body.is_end_stream(),
        }
    }
}

/// A request as it goes on: what was read of it, then the rest. It breaks off when the call ends.
pub struct Forwarded {
    read: Bytes,
    rest: Inbound,
    ending: Option<(Arc<Ending>, Ended)>,
    /// Given back when the request has gone.
    _place: Option<OwnedSemaphorePermit>,
}

impl Forwarded {
    /// What was read, and the rest.
    pub fn new(first: First, rest: Inbound, ending: Option<Arc<Ending>>) -> Self {
        let ending = ending.map(|ending| {
            let ended = Box::pin(ending.over().cancelled_owned());
            (ending, ended)
        });
        Self { read: first.read, rest, ending, _place: first.place }
    }
}

impl Body for Forwarded {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if let Some((_, ended)) = &mut this.ending
            && ended.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Some(Err("the call has ended".into())));
        }
        if !this.read.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.read)))));
        }
        let polled = Pin::new(&mut this.rest).poll_frame(cx);
        if let (Poll::Ready(_), Some((ending, _))) = (&polled, &this.ending) {
            ending.touch();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// An answer to a caller.
#[derive(Default)]
pub enum Answer {
    /// Nothing but headers.
    #[default]
    Empty,
    /// Of a service.
    Relay(Box<Relay>),
    /// Translated for grpc-web.
    Boxed(tonic::body::Body),
}

impl Answer {
    /// Has the call measured to its end. `headers` are those of the answer.
    pub fn measured_by(&mut self, mut measurement: Measurement, headers: &HeaderMap) {
        match self {
            Self::Relay(relay) => {
                if relay.status_seen {
                    measurement.code = code_of(headers);
                }
                relay.measurement = Some(measurement);
            }
            Self::Empty | Self::Boxed(_) => measurement.code = code_of(headers),
        }
    }
}

/// The code in the headers or trailers of an answer.
fn code_of(headers: &HeaderMap) -> Code {
    headers.get(GRPC_STATUS).map_or(Code::Unknown, |status| Code::from_bytes(status.as_bytes()))
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Relay(relay) => Pin::new(&mut **relay).poll_frame(cx).map_err(|never| match never {}),
            Self::Boxed(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Relay(relay) => relay.is_end_stream(),
            Self::Boxed(body) => body.is_end_stream(),
        }
    }
}

/// Where an answer comes from.
#[derive(Debug)]
pub enum Source {
    /// From another role.
    Backend(Incoming),
    /// From the gateway itself.
    Local(tonic::body::Body),
}

/// The answer of a service as it passes.
pub struct Relay {
    /// None when it is over.
    source: Option<Source>,
    /// Whether the headers had the status already.
    status_seen: bool,
    ending: Option<(Arc<Ending>, Ended)>,
    deadline: Option<Pin<Box<Sleep>>>,
    role: Role,
    call_id: String,
    measurement: Option<Measurement>,
}

impl Relay {
    /// The answer of `role`, whose headers were `headers`.
    pub fn new(source: Source, headers: &HeaderMap, role: Role, call_id: String) -> Self {
        let status_seen = headers.contains_key(GRPC_STATUS);
        Self { source: Some(source), status_seen, ending: None, deadline: None, role, call_id, measurement: None }
    }

    /// The same, until `deadline`.
    #[must_use]
    pub fn until(mut self, deadline: Option<Pin<Box<Sleep>>>) -> Self {
        self.deadline = deadline;
        self
    }

    /// The same, until the call ends.
    #[must_use]
    pub fn ended_by(mut self, ending: Option<Arc<Ending>>) -> Self {
        self.ending = ending.map(|ending| {
            let ended = Box::pin(ending.over().cancelled_owned());
            (ending, ended)
        });
        self
    }

    /// The last frame: a status of our own.
    fn finish(&mut self, status: Status) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.source = None;
        if self.status_seen {
            return Poll::Ready(None);
        }
        self.status_seen = true;
        self.code(status.code());
        let mut trailers = HeaderMap::new();
        if with_call_id(status, &self.call_id).add_header(&mut trailers).is_err() {
            trailers.insert(GRPC_STATUS, HeaderValue::from_static("13"));
        }
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }

    fn code(&mut self, code: Code) {
        if let Some(measurement) = &mut self.measurement {
            measurement.code = code;
        }
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.source {
            None => Poll::Ready(None),
            Some(Source::Backend(body)) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Some(Source::Local(body)) => Pin::new(body).poll_frame(cx).map_err(Into::into),
        }
    }
}

impl Body for Relay {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        if this.source.is_none() {
            return Poll::Ready(None);
        }
        // Ends come first: what a service still sends must not keep a call alive.
        if let Some((ending, ended)) = &mut this.ending
            && ended.as_mut().poll(cx).is_ready()
        {
            let status = ending.why();
            return this.finish(status);
        }
        if let Some(deadline) = &mut this.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            return this.finish(too_late());
        }
        let Poll::Ready(frame) = this.poll_source(cx) else { return Poll::Pending };
        match frame {
            Some(Ok(frame)) if frame.is_data() => {
                if let Some((ending, _)) = &this.ending {
                    ending.touch();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Ok(frame)) => match frame.into_trailers() {
                Ok(trailers) if this.status_seen || trailers.contains_key(GRPC_STATUS) => {
                    this.source = None;
                    this.code(code_of(&trailers));
                    Poll::Ready(Some(Ok(Frame::trailers(trailers))))
                }
                _ => this.finish(lost(this.role).into()),
            },
            // Without a status of the service, the caller would take a cut-off answer for a whole one.
            Some(Err(_)) | None => this.finish(lost(this.role).into()),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            None => true,
            Some(Source::Backend(body)) => self.status_seen && body.is_end_stream(),
            Some(Source::Local(body)) => self.status_seen && body.is_end_stream(),
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // The caller has its status or is gone: nothing of the call goes on.
        if let Some((ending, _)) = &self.ending {
            ending.over().cancel();
        }
    }
}
