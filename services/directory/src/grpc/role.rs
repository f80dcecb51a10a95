//! Roles.

use std::mem::take;

use bailiwick_core::{AccountId, authz::PolicyKind};
use bailiwick_rpc::{Call, InvalidFields, split};
use pb::role_service_server::RoleService;
use tonic::{Request, Response, Status, async_trait};

use super::{
    Grpc, answer, convert,
    mask::Mask,
    parse::{document, finish, in_account, mutation, page, text},
    pb,
};
use crate::{
    app::Mutation,
    domain::{
        policy::DESCRIPTION,
        role::{AnyRole, NewRole, RoleUpdate, is_role_id, max_session_seconds},
    },
};

/// The form of the ids of roles, for who chose another one.
pub(super) const ROLE_ID: &str = "must be 1 to 64 letters, digits, `-`, `_` or `.`, the first a letter or digit, and not begin with \
     `AliyunServiceRoleFor`";
/// The bounds of sessions, for who asked for others.
const SESSIONS: &str = "must be 3600 to 43200";

#[async_trait]
impl RoleService for Grpc {
    async fn create_role(&self, request: Request<pb::CreateRoleRequest>) -> Result<Response<pb::Role>, Status> {
        let (call, request) = split(request)?;
        let (change, account, new) = parse_create(&call, request)?;
        let done = self.0.role_create(&call, &change, account, new).await?;
        Ok(answer(done, |role| convert::role(AnyRole::Own(role))))
    }

    async fn get_role(&self, request: Request<pb::GetRoleRequest>) -> Result<Response<pb::Role>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let named = name(&mut fields, "name", &request.name);
        let (account, role) = finish(fields, named)?;
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

    async fn update_role(&self, request: Request<pb::UpdateRoleRequest>) -> Result<Response<pb::Role>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let change = Mutation { validate_only: request.validate_only, ..change };
        let known = ["description", "trust_policy", "max_session_seconds"];
        let mask = Mask::read(&mut fields, request.update_mask, &known);
        let role = fields.required("role", request.role).unwrap_or_default();
        let named = name(&mut fields, "role.name", &role.name);
        let new = parse_update(&mut fields, &mask, &role);
        let (named, new) = finish(fields, named.zip(new))?;
        let done = self.0.role_update(&call, &change, named, new, &role.etag).await?;
        Ok(answer(done, |role| convert::role(AnyRole::Own(role))))
    }

    async fn delete_role(&self, request: Request<pb::DeleteRoleRequest>) -> Result<Response<()>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let named = name(&mut fields, "name", &request.name);
        let named = finish(fields, named)?;
        let done = self.0.role_delete(&call, &change, named, &request.etag).await?;
        Ok(answer(done, |()| ()))
    }
}

fn name<'a>(fields: &mut InvalidFields, field: &str, name: &'a str) -> Option<(AccountId, &'a str)> {
    let (account, [role]) = in_account(fields, field, name, "accounts/{account}/roles/{role}")?;
    Some((account, role))
}

fn parse_create(call: &Call, mut request: pb::CreateRoleRequest) -> Result<(Mutation, AccountId, NewRole), Status> {
    let mut fields = InvalidFields::new();
    let request_id = take(&mut request.request_id);
    let change = mutation(&mut fields, call, &request_id, &request);
    let change = Mutation { validate_only: request.validate_only, ..change };
    let account = fields.account("parent", &request.parent);
    fields.check("role_id", is_role_id(&request.role_id), ROLE_ID);
    let id = request.role_id;
    let new = fields.required("role", request.role).and_then(|role| {
        let description = text(&mut fields, "role.description", &role.description, DESCRIPTION);
        let trust_policy = document(&mut fields, "role.trust_policy", PolicyKind::Trust, &role.trust_policy);
        let max_session_seconds = seconds(&mut fields, role.max_session_seconds)?;
        let (description, trust_policy) = description.zip(trust_policy)?;
        Some(NewRole { id, description, trust_policy, max_session_seconds })
    });
    let (account, new) = finish(fields, account.zip(new))?;
    Ok((change, account, new))
}

fn parse_update(fields: &mut InvalidFields, mask: &Mask, role: &pb::Role) -> Option<RoleUpdate> {
    let description = mask.pick("description", role.description.as_str());
    let description = description.map(|new| text(fields, "role.description", new, DESCRIPTION));
    let trust_policy = mask.pick("trust_policy", role.trust_policy.as_str());
    let trust_policy = trust_policy.map(|new| document(fields, "role.trust_policy", PolicyKind::Trust, new));
    let longest = mask.pick("max_session_seconds", role.max_session_seconds).map(|asked| seconds(fields, asked));
    Some(RoleUpdate {
        description: all(description)?,
        trust_policy: all(trust_policy)?,
        max_session_seconds: all(longest)?,
    })
}

/// What was read, if it was to be; none if it could not be.
fn all<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    match read {
        Some(None) => None,
        Some(Some(value)) => Some(Some(value)),
        None => Some(None),
    }
}

fn seconds(fields: &mut InvalidFields, asked: i32) -> Option<u32> {
    let seconds = max_session_seconds(asked);
    fields.check("role.max_session_seconds", seconds.is_some(), SESSIONS);
    seconds
}
