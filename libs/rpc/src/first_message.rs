//! The first message of a request, read while the body stays whole for whoever comes after.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bailiwick_api::errors::v1::ErrorReason;
use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use tonic::{Status, body::Body};

use crate::{Kind, Problem};

/// Most bytes of a request's first message.
pub const MAX_MESSAGE: usize = 4 << 20;
const PREFIX: usize = 5;

/// The first message of a body, and the body.
#[derive(Debug)]
pub struct FirstMessage {
    /// The message's bytes, without the prefix of gRPC.
    pub message: Bytes,
    /// The whole body again, first message included.
    pub body: Body,
}

/// Reads the first gRPC message of a body; no further than it must.
///
/// # Errors
/// INVALID_ARGUMENT, REQUEST_UNDECODABLE if there is none, or it is compressed; RESOURCE_EXHAUSTED, REQUEST_TOO_LARGE if
/// it says that it is over 4 MiB, which is then not read.
pub async fn read_first_message(mut body: Body) -> Result<FirstMessage, Status> {
    let mut read = BytesMut::new();
    let mut trailers = None;
    let end = loop {
        if let Some(end) = message_end(&read)?
            && read.len() >= end
        {
            break end;
        }
        match body.frame().await {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => read.extend_from_slice(&data),
                Err(frame) => trailers = frame.into_trailers().ok(),
            },
            Some(Err(_)) => return Err(undecodable("the request ended before its first message did")),
            None => return Err(undecodable("the request has no message")),
        }
        if trailers.is_some() {
            return Err(undecodable("the request has no message"));
        }
    };
    let read = read.freeze();
    let message = read.slice(PREFIX..end);
    Ok(FirstMessage { message, body: Body::new(Replay { read: Some(read), rest: body }) })
}

/// Where the first message ends, if that is known yet.
fn message_end(read: &[u8]) -> Result<Option<usize>, Status> {
    let Some(([flag, length @ ..], _)) = read.split_first_chunk::<PREFIX>() else { return Ok(None) };
    if *flag != 0 {
        return Err(undecodable("compressed requests are not supported"));
    }
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if length > MAX_MESSAGE {
        let message = format!("the first message of the request is over {MAX_MESSAGE} bytes");
        let problem = Problem::new(Kind::ResourceExhausted, ErrorReason::RequestTooLarge, message);
        return Err(problem.with("limit_bytes", MAX_MESSAGE.to_string()).into());
    }
    Ok(Some(PREFIX + length))
}

pub(crate) fn undecodable(message: &str) -> Status {
    Problem::new(Kind::InvalidArgument, ErrorReason::RequestUndecodable, message).into()
}

/// What was read, then the rest.
struct Replay {
    read: Option<Bytes>,
    rest: Body,
}

impl HttpBody for Replay {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.read.take() {
            Some(read) => Poll::Ready(Some(Ok(Frame::data(read)))),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests;
