//! Roles.

use bailiwick_rpc::{InvalidFields, split};
use pb::role_service_server::RoleService;
use tonic::{Request, Response, Status, async_trait};

use super::{
    Grpc, convert,
    parse::{finish, in_account, page},
    pb,
};

#[async_trait]
impl RoleService for Grpc {
    async fn get_role(&self, request: Request<pb::GetRoleRequest>) -> Result<Response<pb::Role>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let named = in_account(&mut fields, "name", &request.name, "accounts/{account}/roles/{role}");
        let (account, [role]) = finish(fields, named)?;
        let found = self.0.role_get(&call, account, role).await?;
        Ok(Response::new(convert::role(found)))
    }

    async fn list_roles(
        &self,
        request: Request<pb::ListRolesRequest>,
    ) -> Result<Response<pb::ListRolesResponse>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let account = fields.account("parent", &request.parent);
        let asked = page(&mut fields, request.page_size, &request.page_token);
        let (account, asked) = finish(fields, account.zip(asked))?;
        let page = self.0.role_list(&call, account, &asked).await?;
        let roles = page.items.into_iter().map(convert::role).collect();
        Ok(Response::new(pb::ListRolesResponse { roles, next_page_token: page.next }))
    }

    async fn create_role(&self, _: Request<pb::CreateRoleRequest>) -> Result<Response<pb::Role>, Status> {
        Err(Status::unimplemented("CreateRole is being built"))
    }

    async fn update_role(&self, _: Request<pb::UpdateRoleRequest>) -> Result<Response<pb::Role>, Status> {
        Err(Status::unimplemented("UpdateRole is being built"))
    }

    async fn delete_role(&self, _: Request<pb::DeleteRoleRequest>) -> Result<Response<()>, Status> {
        Err(Status::unimplemented("DeleteRole is being built"))
    }
}
