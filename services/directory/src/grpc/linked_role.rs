//! Service-linked roles, for `delegation`.

use bailiwick_core::{AccountId, TrustedService};
use bailiwick_rpc::{InvalidFields, split};
use pb::linked_role_service_server::LinkedRoleService;
use tonic::{Request, Response, Status, async_trait};

use super::{
    Grpc, answer,
    convert::timestamp,
    parse::{finish, page},
    pb,
};
use crate::domain::linked_role::LinkedRole;

#[async_trait]
impl LinkedRoleService for Grpc {
    async fn create_linked_role(
        &self,
        request: Request<pb::CreateLinkedRoleRequest>,
    ) -> Result<Response<pb::LinkedRole>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let directory = fields.directory("directory", &request.directory);
        let account = fields.account("account", &request.account);
        let template = template(&mut fields, &request.role);
        let ((directory, account), template) = finish(fields, directory.zip(account).zip(template))?;
        Ok(answer(self.0.linked_role_create(&call, directory, account, template).await?, linked_role))
    }

    async fn list_linked_roles(
        &self,
        request: Request<pb::ListLinkedRolesRequest>,
    ) -> Result<Response<pb::ListLinkedRolesResponse>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let account: Option<AccountId> = fields.account("account", &request.account);
        let asked = page(&mut fields, request.page_size, &request.page_token);
        let (account, asked) = finish(fields, account.zip(asked))?;
        let page = self.0.linked_role_list(&call, account, &asked).await?;
        let linked_roles = page.items.into_iter().map(linked_role).collect();
        Ok(Response::new(pb::ListLinkedRolesResponse { linked_roles, next_page_token: page.next }))
    }

    async fn delete_linked_role(
        &self,
        request: Request<pb::DeleteLinkedRoleRequest>,
    ) -> Result<Response<pb::DeleteLinkedRoleResponse>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let account = fields.account("account", &request.account);
        let template = template(&mut fields, &request.role);
        fields.check("incarnation", !request.incarnation.is_empty(), "must be set");
        let (account, template) = finish(fields, account.zip(template))?;
        let done = self.0.linked_role_delete(&call, (account, &request.incarnation), template).await?;
        Ok(answer(done, |()| pb::DeleteLinkedRoleResponse {}))
    }
}

/// The service and the name of a role of the catalogue.
fn template<'a>(fields: &mut InvalidFields, role: &'a str) -> Option<(TrustedService, &'a str)> {
    let found = TrustedService::of_role(role).map(|(service, _)| (service, role));
    fields.check("role", found.is_some(), "must be a service-linked role of the catalogue");
    found
}

fn linked_role(role: LinkedRole) -> pb::LinkedRole {
    pb::LinkedRole { account: role.account.name(), role: role.id, create_time: Some(timestamp(role.create_time)) }
}
