//! Identity providers.

use pb::identity_provider_service_server::IdentityProviderService;
use tonic::{Request, Response, Status, async_trait};

use super::{Grpc, pb};

#[async_trait]
impl IdentityProviderService for Grpc {
    async fn create_identity_provider(
        &self,
        _: Request<pb::CreateIdentityProviderRequest>,
    ) -> Result<Response<pb::IdentityProvider>, Status> {
        Err(Status::unimplemented("CreateIdentityProvider is being built"))
    }

    async fn get_identity_provider(
        &self,
        _: Request<pb::GetIdentityProviderRequest>,
    ) -> Result<Response<pb::IdentityProvider>, Status> {
        Err(Status::unimplemented("GetIdentityProvider is being built"))
    }

    async fn list_identity_providers(
        &self,
        _: Request<pb::ListIdentityProvidersRequest>,
    ) -> Result<Response<pb::ListIdentityProvidersResponse>, Status> {
        Err(Status::unimplemented("ListIdentityProviders is being built"))
    }

    async fn update_identity_provider(
        &self,
        _: Request<pb::UpdateIdentityProviderRequest>,
    ) -> Result<Response<pb::IdentityProvider>, Status> {
        Err(Status::unimplemented("UpdateIdentityProvider is being built"))
    }

    async fn delete_identity_provider(
        &self,
        _: Request<pb::DeleteIdentityProviderRequest>,
    ) -> Result<Response<()>, Status> {
        Err(Status::unimplemented("DeleteIdentityProvider is being built"))
    }
}
