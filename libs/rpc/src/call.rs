//! What a handler knows of its call.

use bailiwick_api::{CONSISTENCY_TOKEN, encode_token, errors::v1::ErrorReason, r#type::v1::LogPosition};
use bailiwick_core::{Operator, authz::Permit};
use tokio::time::Instant;
use tonic::{Request, Response, Status};

use crate::{Kind, Problem, status};

/// An admitted call. The guard makes it; a handler gets it with [`split`].
#[derive(Clone, Debug)]
pub struct Call {
    /// What the call is allowed, and on whose data.
    pub permit: Permit,
    /// Who is recorded as the operator of what it changes.
    pub operator: Operator,
    /// The request as JSON with secret fields redacted, at most 16 KiB; empty for streams that are not read
    /// to be authorized.
    pub request_json: String,
    /// Id of the call, the same in every role that it passes.
    pub call_id: String,
    /// Until when the call may take; of a stream, until when it may take to begin.
    pub deadline: Instant,
    /// The consistency tokens that came with it, for calls that it makes in turn.
    pub consistency: Vec<String>,
}

/// The call and the message of a request.
///
/// # Errors
/// INTERNAL if the request did not pass the guard.
pub fn split<T>(request: Request<T>) -> Result<(Call, T), Status> {
    let (_, mut extensions, message) = request.into_parts();
    match extensions.remove::<Call>() {
        Some(call) => Ok((call, message)),
        None => Err(status(&Problem::new(Kind::Internal, ErrorReason::Internal, "a request passed no guard"))),
    }
}

/// An answer; of a change with its position, as a consistency token in the metadata.
pub fn respond<T>(value: T, position: Option<LogPosition>) -> Response<T> {
    let mut response = Response::new(value);
    // The token is base64, which is always a header value.
    if let Some(Ok(token)) = position.map(|position| encode_token(vec![position]).parse()) {
        response.metadata_mut().insert(CONSISTENCY_TOKEN, token);
    }
    response
}
