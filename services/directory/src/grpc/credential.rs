//! Single-purpose credentials.

use pb::credential_service_server::CredentialService;
use tonic::{Request, Response, Status, async_trait};

use super::{Grpc, pb};

#[async_trait]
impl CredentialService for Grpc {
    async fn create_credential(
        &self,
        _: Request<pb::CreateCredentialRequest>,
    ) -> Result<Response<pb::Credential>, Status> {
        Err(Status::unimplemented("CreateCredential is being built"))
    }

    async fn list_credentials(
        &self,
        _: Request<pb::ListCredentialsRequest>,
    ) -> Result<Response<pb::ListCredentialsResponse>, Status> {
        Err(Status::unimplemented("ListCredentials is being built"))
    }

    async fn delete_credential(&self, _: Request<pb::DeleteCredentialRequest>) -> Result<Response<()>, Status> {
        Err(Status::unimplemented("DeleteCredential is being built"))
    }
}
