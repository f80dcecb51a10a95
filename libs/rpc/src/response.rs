//! The body of an answer: it holds the call's place and its measurement until the end, finishes the status of streams,
//! and ends streams when the role drains.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use tonic::{Status, body::Body};

use crate::{telemetry::Measurement, with_call_id};

/// What ends with the answer.
pub(crate) struct Held {
    pub(crate) call_id: String,
    pub(crate) measurement: Measurement,
    pub(crate) place: Option<OwnedSemaphorePermit>,
}

/// A body that is still to be sent.
pub(crate) struct AnswerBody {
    pub(crate) body: Body,
    pub(crate) held: Held,
    /// Resolves when the role drains; none for answers that are let finish.
    pub(crate) drained: Option<BoxFuture<'static, ()>>,
    /// Whether what is ready is sent before the end by draining: the last word of health.
    pub(crate) ready_first: bool,
    pub(crate) ended: bool,
}

impl AnswerBody {
    fn poll_inner(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else { return Poll::Pending };
        let Some(Ok(frame)) = frame else {
            self.ended = true;
            return Poll::Ready(frame);
        };
        match frame.into_trailers() {
            Ok(trailers) => {
                self.ended = true;
                Poll::Ready(Some(Ok(Frame::trailers(self.finish(trailers)))))
            }
            Err(data) => Poll::Ready(Some(Ok(data))),
        }
    }

    fn finish(&mut self, trailers: HeaderMap) -> HeaderMap {
        let Some(status) = Status::from_header_map(&trailers) else { return trailers };
        self.held.measurement.code = status.code();
        if status.code() == tonic::Code::Ok {
            return trailers;
        }
        let mut finished = HeaderMap::new();
        let status = with_call_id(status, &self.held.call_id);
        if status.add_header(&mut finished).is_ok() { finished } else { trailers }
    }

    fn poll_drained(&mut self, cx: &mut Context<'_>) -> Option<Frame<Bytes>> {
        let drained = self.drained.as_mut()?;
        if drained.as_mut().poll(cx).is_pending() {
            return None;
        }
        self.ended = true;
        let status = with_call_id(crate::server::draining(), &self.held.call_id);
        self.held.measurement.code = status.code();
        let mut trailers = HeaderMap::new();
        status.add_header(&mut trailers).ok()?;
        Some(Frame::trailers(trailers))
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if self.ready_first
            && let Poll::Ready(frame) = self.poll_inner(cx)
        {
            return Poll::Ready(frame);
        }
        match self.poll_drained(cx) {
            Some(trailers) => Poll::Ready(Some(Ok(trailers))),
            None if self.ready_first => Poll::Pending,
            None => self.poll_inner(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
