//! `bailiwick.delegation.v1.ServiceLinkedRoleService`.

use bailiwick_api::delegation::v1 as pb;
use bailiwick_core::TrustedService;
use bailiwick_rpc::{InvalidFields, respond, split};
use pb::service_linked_role_service_server::ServiceLinkedRoleService;
use tonic::{Request, Response, Status};

use super::{Api, convert, position};
use crate::{
    domain::{
        Deletion, LinkedRole,
        service_linked_role::{State, Usage},
    },
    events::timestamp,
};

const ROLE: &str = "accounts/{account}/serviceLinkedRoles/{service_linked_role}";
const DELETION: &str = "accounts/{account}/serviceLinkedRoles/{service_linked_role}/deletions/{deletion}";

#[tonic::async_trait]
impl ServiceLinkedRoleService for Api {
    async fn list_service_linked_role_templates(
        &self,
        request: Request<pb::ListServiceLinkedRoleTemplatesRequest>,
    ) -> Result<Response<pb::ListServiceLinkedRoleTemplatesResponse>, Status> {
        let (_, message) = split(request)?;
        let mut invalid = InvalidFields::new();
        let size = invalid.page_size("page_size", message.page_size);
        let all = templates();
        let after = all.iter().position(|template| template.role_name == message.page_token);
        let known = message.page_token.is_empty() || after.is_some();
        invalid.check("page_token", known, "must be from the answer before");
        invalid.finish()?;
        let size = size.and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX);
        let rest = all.into_iter().skip(after.map_or(0, |at| at + 1));
        let mut page: Vec<_> = rest.take(size.saturating_add(1)).collect();
        let more = page.len() > size;
        page.truncate(size);
        let next = page.last().filter(|_| more).map(|template| template.role_name.clone());
        let answer = pb::ListServiceLinkedRoleTemplatesResponse {
            service_linked_role_templates: page,
            next_page_token: next.unwrap_or_default(),
        };
        Ok(respond(answer, None))
    }

    async fn create_service_linked_role(
        &self,
        request: Request<pb::CreateServiceLinkedRoleRequest>,
    ) -> Result<Response<pb::ServiceLinkedRole>, Status> {
        let (call, mut message) = split(request)?;
        let request_id = std::mem::take(&mut message.request_id);
        let key = convert::once(&call, &request_id, &message)?;
        let done = self.app.create_service_linked_role(&call, &key, &message.service_linked_role_id).await?;
        Ok(respond(service_linked_role(done.value), Some(position(&done.position))))
    }

    async fn list_service_linked_roles(
        &self,
        request: Request<pb::ListServiceLinkedRolesRequest>,
    ) -> Result<Response<pb::ListServiceLinkedRolesResponse>, Status> {
        let (call, message) = split(request)?;
        let mut invalid = InvalidFields::new();
        invalid.page_size("page_size", message.page_size);
        invalid.finish()?;
        let (roles, next_page_token) =
            self.app.list_service_linked_roles(&call, message.page_size, &message.page_token).await?;
        let service_linked_roles = roles.into_iter().map(service_linked_role).collect();
        Ok(respond(pb::ListServiceLinkedRolesResponse { service_linked_roles, next_page_token }, None))
    }

    async fn delete_service_linked_role(
        &self,
        request: Request<pb::DeleteServiceLinkedRoleRequest>,
    ) -> Result<Response<pb::ServiceLinkedRoleDeletion>, Status> {
        let (call, mut message) = split(request)?;
        let request_id = std::mem::take(&mut message.request_id);
        let key = convert::once(&call, &request_id, &message)?;
        let [role] = ids("name", &message.name, ROLE)?;
        let done = self.app.delete_service_linked_role(&call, &key, role).await?;
        Ok(respond(deletion(&done.value), Some(position(&done.position))))
    }

    async fn get_service_linked_role_deletion(
        &self,
        request: Request<pb::GetServiceLinkedRoleDeletionRequest>,
    ) -> Result<Response<pb::ServiceLinkedRoleDeletion>, Status> {
        let (call, message) = split(request)?;
        let [role, id] = ids("name", &message.name, DELETION)?;
        let found = self.app.get_service_linked_role_deletion(&call, role, id).await?;
        Ok(respond(deletion(&found), None))
    }
}

/// The templates of all services, in the order of the catalogue.
fn templates() -> Vec<pb::ServiceLinkedRoleTemplate> {
    let of = |service: TrustedService| {
        service.service_linked_roles().iter().map(move |role| pb::ServiceLinkedRoleTemplate {
            role_name: role.name.to_owned(),
            trusted_service: service.to_string(),
            description: role.description.to_owned(),
            actions: role.actions.iter().map(ToString::to_string).collect(),
        })
    };
    TrustedService::ALL.into_iter().flat_map(of).collect()
}

fn service_linked_role(role: LinkedRole) -> pb::ServiceLinkedRole {
    let template = TrustedService::of_role(&role.id);
    let actions = template.map(|(_, of)| of.actions).unwrap_or_default();
    pb::ServiceLinkedRole {
        name: role.name(),
        trusted_service: template.map(|(service, _)| service.to_string()).unwrap_or_default(),
        description: template.map(|(_, of)| of.description.to_owned()).unwrap_or_default(),
        actions: actions.iter().map(ToString::to_string).collect(),
        create_time: Some(timestamp(role.created)),
    }
}

fn deletion(deletion: &Deletion) -> pb::ServiceLinkedRoleDeletion {
    use pb::ServiceLinkedRoleDeletionState as Shown;
    let state = match deletion.state {
        State::NotStarted => Shown::NotStarted,
        State::InProgress => Shown::InProgress,
        State::Succeeded => Shown::Succeeded,
        State::Failed => Shown::Failed,
        State::InternalError => Shown::InternalError,
    };
    let usage = |of: &Usage| pb::RoleUsage {
        directory: of.directory.name(),
        trusted_service: of.service.to_string(),
        usage: "enrolment".to_owned(),
    };
    pb::ServiceLinkedRoleDeletion {
        name: deletion.name(),
        state: state.into(),
        usages: deletion.usages.iter().map(usage).collect(),
        create_time: Some(timestamp(deletion.created)),
        end_time: deletion.ended.map(timestamp),
    }
}

/// The ids in a name after its account, which the call was permitted for.
fn ids<'a, const N: usize>(field: &str, name: &'a str, pattern: &'static str) -> Result<[&'a str; N], Status> {
    let mut invalid = InvalidFields::new();
    match invalid.name::<N>(field, name, pattern) {
        Some((_, ids)) => Ok(ids),
        None => Err(invalid.into_status()),
    }
}
