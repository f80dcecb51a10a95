//! Calls that are made once for each request id.

use bailiwick_db::{DbError, IdempotencyKey};
use bailiwick_rpc::Call;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// The key of a call: its caller, its method and its content.
pub(crate) fn key(
    call: &Call,
    request_id: Option<String>,
    content: &impl Serialize,
) -> Result<IdempotencyKey, DbError> {
    let bytes = serde_json::to_vec(content).map_err(|error| DbError::Other(error.into()))?;
    Ok(IdempotencyKey {
        scope: call.operator.principal.clone(),
        method: call.permit.path().to_owned(),
        request_id,
        fingerprint: Sha256::digest(bytes).into(),
    })
}
