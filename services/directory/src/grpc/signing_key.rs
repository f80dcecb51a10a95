//! Signing keys.

use pb::signing_key_service_server::SigningKeyService;
use tonic::{Request, Response, Status, async_trait};

use super::{Grpc, pb};
use crate::app::PublicKey;

#[async_trait]
impl SigningKeyService for Grpc {
    async fn list_signing_keys(
        &self,
        _: Request<pb::ListSigningKeysRequest>,
    ) -> Result<Response<pb::ListSigningKeysResponse>, Status> {
        let shown = |key: &PublicKey| pb::SigningKey { key_id: key.id.clone(), public_key: key.bytes.to_vec() };
        let signing_keys = self.0.signing.published().iter().map(shown).collect();
        Ok(Response::new(pb::ListSigningKeysResponse { signing_keys }))
    }
}
