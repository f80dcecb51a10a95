//! Errors as callers see them: a code, a sentence, and `google.rpc` details. The one place that makes `tonic::Status`.

use std::{collections::HashMap, fmt, time::Duration};

use bailiwick_api::{ERROR_DOMAIN, errors::v1::ErrorReason};
use bailiwick_core::authz::{self, Refusal};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

pub use tonic_types::{FieldViolation, PreconditionViolation, QuotaViolation};

/// Most bytes of `google.rpc` details: they travel as a header.
const MAX_DETAILS: usize = 4 << 10;
const MAX_MESSAGE: usize = 512;
const MAX_TEXT: usize = 256;
const MAX_METADATA: usize = 8;
const MAX_VIOLATIONS: usize = 64;
const FAULT: &str = "a fault of bailiwick's own; the log has the details under the call id";

/// The status codes that errors use, a part of gRPC's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request cannot be right, whatever the state.
    InvalidArgument,
    /// Nobody is identified.
    Unauthenticated,
    /// The caller may not.
    PermissionDenied,
    /// There is no such thing, as far as the caller may know.
    NotFound,
    /// There is one already.
    AlreadyExists,
    /// The state does not allow it.
    FailedPrecondition,
    /// Another change was in the way.
    Aborted,
    /// A quota or limit.
    ResourceExhausted,
    /// Try again later.
    Unavailable,
    /// There is no such method.
    Unimplemented,
    /// A fault of our own. The text is logged and not shown.
    Internal,
}

/// An error that a caller may see.
pub trait ApiError: fmt::Display {
    /// The status code.
    fn kind(&self) -> Kind;
    /// The reason, as the contract names it.
    fn reason(&self) -> ErrorReason;
    /// Facts for a program; at most 8, values cut at 256 bytes.
    fn metadata(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
    /// The request fields at fault.
    fn field_violations(&self) -> Vec<FieldViolation> {
        Vec::new()
    }
    /// What stands in the way.
    fn precondition_violations(&self) -> Vec<PreconditionViolation> {
        Vec::new()
    }
    /// The quotas exceeded.
    fn quota_violations(&self) -> Vec<QuotaViolation> {
        Vec::new()
    }
    /// When it may be tried again.
    fn retry_after(&self) -> Option<Duration> {
        None
    }
}

/// An error without a type of its own.
#[derive(Clone, Debug)]
pub struct Problem {
    kind: Kind,
    reason: ErrorReason,
    message: String,
    metadata: Vec<(&'static str, String)>,
    fields: Vec<FieldViolation>,
    retry_after: Option<Duration>,
}

impl Problem {
    /// An error of a kind for a reason, with a sentence for a person.
    pub fn new(kind: Kind, reason: ErrorReason, message: impl Into<String>) -> Self {
        Self { kind, reason, message: message.into(), metadata: Vec::new(), fields: Vec::new(), retry_after: None }
    }

    /// The same with a further fact for a program.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.metadata.push((key, value.into()));
        self
    }

    /// The same with the time after which it may be tried again.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    pub(crate) fn fields(mut self, fields: Vec<FieldViolation>) -> Self {
        self.fields = fields;
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl ApiError for Problem {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn reason(&self) -> ErrorReason {
        self.reason
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        self.metadata.clone()
    }

    fn field_violations(&self) -> Vec<FieldViolation> {
        self.fields.clone()
    }

    fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl From<Problem> for Status {
    fn from(problem: Problem) -> Self {
        status(&problem)
    }
}

impl Kind {
    const fn code(self) -> Code {
        match self {
            Self::InvalidArgument => Code::InvalidArgument,
            Self::Unauthenticated => Code::Unauthenticated,
            Self::PermissionDenied => Code::PermissionDenied,
            Self::NotFound => Code::NotFound,
            Self::AlreadyExists => Code::AlreadyExists,
            Self::FailedPrecondition => Code::FailedPrecondition,
            Self::Aborted => Code::Aborted,
            Self::ResourceExhausted => Code::ResourceExhausted,
            Self::Unavailable => Code::Unavailable,
            Self::Unimplemented => Code::Unimplemented,
            Self::Internal => Code::Internal,
        }
    }
}

/// The status of an error. The text of a fault of our own is logged and replaced.
pub fn status(error: &(impl ApiError + ?Sized)) -> Status {
    let reason = error.reason();
    let mut details = error_info(reason_text(reason), error.metadata());
    let fields = error.field_violations();
    if !fields.is_empty() {
        details.set_bad_request(fields.into_iter().take(MAX_VIOLATIONS).map(clip_field).collect::<Vec<_>>());
    }
    let preconditions = error.precondition_violations();
    if !preconditions.is_empty() {
        details.set_precondition_failure(preconditions.into_iter().take(MAX_VIOLATIONS).collect::<Vec<_>>());
    }
    let quota = error.quota_violations();
    if !quota.is_empty() {
        details.set_quota_failure(quota.into_iter().take(MAX_VIOLATIONS).collect::<Vec<_>>());
    }
    if let Some(delay) = error.retry_after() {
        details.set_retry_info(Some(delay));
    }
    let message = error.to_string();
    let shown = match reason {
        _ if error.kind() == Kind::Internal => FAULT,
        ErrorReason::DatabaseUnavailable => "the database of the service cannot be reached",
        _ => &message,
    };
    if shown != message {
        tracing::error!(error = %message, "a call failed by a fault of our own");
    }
    bounded(error.kind().code(), shown, details)
}

/// The status of a refusal.
pub fn refusal(refusal: &Refusal) -> Status {
    let code = match refusal.reason.code() {
        authz::Code::InvalidArgument => Code::InvalidArgument,
        authz::Code::Unauthenticated => Code::Unauthenticated,
        authz::Code::PermissionDenied => Code::PermissionDenied,
        authz::Code::NotFound => Code::NotFound,
    };
    let mut details = error_info(refusal.reason.as_str(), refusal.metadata.clone());
    if let Some(field) = refusal.field {
        details.set_bad_request(vec![clip_field(FieldViolation::new(field, &refusal.message))]);
    }
    bounded(code, &refusal.message, details)
}

/// A status as it leaves a role: with the id of the call, and without words of the infrastructure. What was not made by
/// [`status`] or [`refusal`] gets the reason that goes with its code, and texts of faults are logged and replaced.
pub fn with_call_id(status: Status, call_id: &str) -> Status {
    let mut details = status.get_error_details();
    let (mut code, mut message) = (status.code(), status.message().to_owned());
    if details.error_info().is_none() {
        let (as_code, reason, text) = match code {
            Code::Unimplemented => (code, ErrorReason::MethodUnknown, "there is no such method"),
            Code::OutOfRange => (Code::ResourceExhausted, ErrorReason::RequestTooLarge, "the request is too large"),
            Code::Unavailable => (code, ErrorReason::BackendUnavailable, "a service behind this one cannot be reached"),
            Code::Internal | Code::Unknown | Code::DataLoss => (Code::Internal, ErrorReason::Internal, FAULT),
            _ => (code, ErrorReason::Unspecified, ""),
        };
        if reason != ErrorReason::Unspecified {
            tracing::warn!(rpc.code = ?code, error = %message, call.id = call_id, "a status of the infrastructure");
            details.set_error_info(reason_text(reason), ERROR_DOMAIN, HashMap::new());
            (code, message) = (as_code, text.to_owned());
        }
    }
    if details.request_info().is_none() {
        details.set_request_info(call_id, "");
    }
    let mut finished = bounded(code, &message, details);
    *finished.metadata_mut() = status.metadata().clone();
    finished
}

/// The status of a call whose deadline has passed.
pub(crate) fn deadline_exceeded() -> Status {
    bounded(Code::DeadlineExceeded, "the deadline of the call has passed", ErrorDetails::new())
}

fn reason_text(reason: ErrorReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("ERROR_REASON_").unwrap_or(name)
}

fn error_info(reason: &str, metadata: Vec<(&'static str, String)>) -> ErrorDetails {
    let facts = metadata.into_iter().take(MAX_METADATA).map(|(key, value)| (key.to_owned(), clip(value, MAX_TEXT)));
    ErrorDetails::with_error_info(reason, ERROR_DOMAIN, facts.collect::<HashMap<_, _>>())
}

fn clip_field(violation: FieldViolation) -> FieldViolation {
    FieldViolation::new(clip(violation.field, MAX_TEXT), clip(violation.description, MAX_TEXT))
}

fn clip(mut text: String, bytes: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes));
    text
}

/// The status, with fewer violations if the details would be too large.
fn bounded(code: Code, message: &str, mut details: ErrorDetails) -> Status {
    let message = clip(message.to_owned(), MAX_MESSAGE);
    loop {
        let status = Status::with_error_details(code, message.clone(), details.clone());
        if status.details().len() <= MAX_DETAILS {
            return status;
        }
        if !halve_violations(&mut details) {
            return Status::with_error_details(code, message, essentials(&details));
        }
    }
}

fn halve_violations(details: &mut ErrorDetails) -> bool {
    fn half<T: Clone>(items: &[T]) -> Vec<T> {
        items.iter().take(items.len() / 2).cloned().collect()
    }
    let fields = details.bad_request().map(|d| half(&d.field_violations)).unwrap_or_default();
    let preconditions = details.precondition_failure().map(|d| half(&d.violations)).unwrap_or_default();
    let quota = details.quota_failure().map(|d| half(&d.violations)).unwrap_or_default();
    let left = fields.len() + preconditions.len() + quota.len();
    details.set_bad_request(fields).set_precondition_failure(preconditions).set_quota_failure(quota);
    left > 0
}

fn essentials(details: &ErrorDetails) -> ErrorDetails {
    let mut kept = ErrorDetails::new();
    if let Some(info) = details.error_info() {
        kept.set_error_info(&info.reason, &info.domain, info.metadata.clone());
    }
    if let Some(request) = details.request_info() {
        kept.set_request_info(&request.request_id, "");
    }
    if let Some(retry) = details.retry_info() {
        kept.set_retry_info(retry.retry_delay);
    }
    kept
}

#[cfg(test)]
mod tests;
