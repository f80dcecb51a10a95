//! Calls to other roles, and the metadata that roles send each other.

use std::time::Duration;

use bailiwick_core::Operator;
use tokio::time::Instant;
use tonic::{Request, metadata::MetadataValue};

use crate::telemetry;

/// Metadata key of the gateway's signed `CallerContext`; binary, one value.
pub const CALLER_CONTEXT: &str = "bw-caller-bin";
/// Metadata key of the operator on whose behalf a role calls: `bailiwick_core::Operator` as postcard; binary, one value.
pub const OPERATOR: &str = "bw-operator-bin";
/// Metadata key of the call's id: 1 to 64 letters, digits and hyphens.
pub const CALL_ID: &str = "bw-call-id";

/// A request to another role on behalf of an operator, with what is left of the deadline, the call's id and the trace.
pub fn on_behalf<T>(operator: &Operator, call_id: &str, deadline: Instant, message: T) -> Request<T> {
    let mut request = Request::new(message);
    // What has no time left is still sent, and ends at the other side as it should.
    request.set_timeout(deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1)));
    let metadata = request.metadata_mut();
    if let Ok(bytes) = postcard::to_allocvec(operator) {
        metadata.insert_bin(OPERATOR, MetadataValue::from_bytes(&bytes));
    }
    if let Ok(call_id) = call_id.parse() {
        metadata.insert(CALL_ID, call_id);
    }
    telemetry::inject(metadata);
    request
}
