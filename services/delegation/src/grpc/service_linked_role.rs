//! `bailiwick.delegation.v1.ServiceLinkedRoleService`.

use bailiwick_api::delegation::v1 as pb;
use pb::service_linked_role_service_server::ServiceLinkedRoleService;
use tonic::{Request, Response, Status};

use super::Api;

#[tonic::async_trait]
impl ServiceLinkedRoleService for Api {
    async fn list_service_linked_role_templates(
        &self,
        _: Request<pb::ListServiceLinkedRoleTemplatesRequest>,
    ) -> Result<Response<pb::ListServiceLinkedRoleTemplatesResponse>, Status> {
        Err(Status::unimplemented("ListServiceLinkedRoleTemplates is being built"))
    }

    async fn create_service_linked_role(
        &self,
        _: Request<pb::CreateServiceLinkedRoleRequest>,
    ) -> Result<Response<pb::ServiceLinkedRole>, Status> {
        Err(Status::unimplemented("CreateServiceLinkedRole is being built"))
    }

    async fn list_service_linked_roles(
        &self,
        _: Request<pb::ListServiceLinkedRolesRequest>,
    ) -> Result<Response<pb::ListServiceLinkedRolesResponse>, Status> {
        Err(Status::unimplemented("ListServiceLinkedRoles is being built"))
    }

    async fn delete_service_linked_role(
        &self,
        _: Request<pb::DeleteServiceLinkedRoleRequest>,
    ) -> Result<Response<pb::ServiceLinkedRoleDeletion>, Status> {
        Err(Status::unimplemented("DeleteServiceLinkedRole is being built"))
    }

    async fn get_service_linked_role_deletion(
        &self,
        _: Request<pb::GetServiceLinkedRoleDeletionRequest>,
    ) -> Result<Response<pb::ServiceLinkedRoleDeletion>, Status> {
        Err(Status::unimplemented("GetServiceLinkedRoleDeletion is being built"))
    }
}
