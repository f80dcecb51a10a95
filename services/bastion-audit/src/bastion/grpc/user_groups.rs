//! `bailiwick.bastion.v1.UserGroupService`.

use bailiwick_api::bastion::v1::{self as pb, user_group_service_server::UserGroupService};
use bailiwick_core::Timestamp;
use bailiwick_rpc::{Call, InvalidFields, split};
use tonic::{Request, Response, Status};

use super::{
    asset_write::item_result,
    parse::{self, Named, timestamp},
};
use crate::bastion::{
    app::{Bastion, Secrets},
    domain::{Home, Meta, Resource, ResourceKind, UserGroup},
};

/// The fields that an update can name.
const FIELDS: &[&str] = &["display_name", "comment"];
/// Most users of a call.
const USERS_MAX: usize = 100;

/// The service.
pub(super) struct UserGroups(pub(super) Bastion);

/// What is asked of a group. What is not named is none.
struct Draft {
    display_name: Option<String>,
    comment: Option<String>,
}

#[tonic::async_trait]
impl UserGroupService for UserGroups {
    async fn create_user_group(
        &self,
        request: Request<pb::CreateUserGroupRequest>,
    ) -> Result<Response<pb::UserGroup>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let place = parse::instance_id(&mut fields, &call, "parent", &message.parent);
        parse::new_id(&mut fields, "user_group_id", &message.user_group_id);
        let asked = message.user_group.unwrap_or_default();
        let draft = read(&mut fields, (&call, asked), &Named::whole());
        let Some(place) = place else { return Err(fields.into_status()) };
        fields.finish()?;
        let now = self.0.now();
        let done = self.0.create(&call, &key, (&place, &message.user_group_id), |meta| draft.made(meta, now)).await?;
        Ok(parse::done(done, user_group))
    }

    async fn get_user_group(
        &self,
        request: Request<pb::GetUserGroupRequest>,
    ) -> Result<Response<pb::UserGroup>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let Some([instance, id]) = parse::ids(&mut fields, &call, "name", ResourceKind::UserGroup, &message.name)
        else {
            return Err(fields.into_status());
        };
        Ok(Response::new(user_group(self.0.get(&call, (instance, id)).await?)))
    }

    async fn list_user_groups(
        &self,
        request: Request<pb::ListUserGroupsRequest>,
    ) -> Result<Response<pb::ListUserGroupsResponse>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let place = parse::instance_id(&mut fields, &call, "parent", &message.parent);
        let size = fields.page_size("page_size", message.page_size);
        let (Some(place), Some(size)) = (place, size) else { return Err(fields.into_status()) };
        let page = self.0.list(&call, &place, (size, &message.page_token)).await?;
        let user_groups = page.items.into_iter().map(user_group).collect();
        Ok(Response::new(pb::ListUserGroupsResponse { user_groups, next_page_token: page.next }))
    }

    async fn update_user_group(
        &self,
        request: Request<pb::UpdateUserGroupRequest>,
    ) -> Result<Response<pb::UserGroup>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let named = Named::read(&mut fields, message.update_mask, FIELDS);
        let asked = message.user_group.unwrap_or_default();
        let (name, etag) = (asked.name.clone(), asked.etag.clone());
        let ids = parse::ids(&mut fields, &call, "user_group.name", ResourceKind::UserGroup, &name);
        let draft = read(&mut fields, (&call, asked), &named);
        let Some([instance, id]) = ids else { return Err(fields.into_status()) };
        fields.finish()?;
        let now = self.0.now();
        let change = |to: &mut _| draft.take(to, now);
        Ok(parse::done(self.0.update(&call, &key, (instance, id, &etag), change).await?, user_group))
    }

    async fn delete_user_group(&self, request: Request<pb::DeleteUserGroupRequest>) -> Result<Response<()>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let Some([instance, id]) = parse::ids(&mut fields, &call, "name", ResourceKind::UserGroup, &message.name)
        else {
            return Err(fields.into_status());
        };
        fields.finish()?;
        let of = (instance, id, message.etag.as_str());
        Ok(parse::done(self.0.delete::<UserGroup>(&call, &key, of).await?, |()| ()))
    }

    async fn add_user_group_users(
        &self,
        request: Request<pb::AddUserGroupUsersRequest>,
    ) -> Result<Response<pb::AddUserGroupUsersResponse>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let (instance, group, users) = members(fields, &call, (&message.name, &message.bastion_users))?;
        let done = self.0.group_users(&call, &key, (&instance, &group), (&users, true)).await?;
        Ok(parse::done(done, |results| pb::AddUserGroupUsersResponse {
            results: results.into_iter().map(item_result).collect(),
        }))
    }

    async fn remove_user_group_users(
        &self,
        request: Request<pb::RemoveUserGroupUsersRequest>,
    ) -> Result<Response<pb::RemoveUserGroupUsersResponse>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let (instance, group, users) = members(fields, &call, (&message.name, &message.bastion_users))?;
        let done = self.0.group_users(&call, &key, (&instance, &group), (&users, false)).await?;
        Ok(parse::done(done, |results| pb::RemoveUserGroupUsersResponse {
            results: results.into_iter().map(item_result).collect(),
        }))
    }
}

/// A bastion host, a group of it, and users.
fn members(
    mut fields: InvalidFields,
    call: &Call,
    (name, assets): (&str, &[String]),
) -> Result<(String, String, Vec<String>), Status> {
    let Some([instance, group]) = parse::ids(&mut fields, call, "name", ResourceKind::UserGroup, name) else {
        return Err(fields.into_status());
    };
    let directory = call.permit.tenant_directory().map_err(|refused| bailiwick_rpc::refusal(&refused))?;
    let parent = Home::within(directory, instance).name();
    let assets = parse::ids_within(&mut fields, "bastion_users", (ResourceKind::User, USERS_MAX), &parent, assets);
    fields.finish()?;
    Ok((instance.to_owned(), group.to_owned(), assets))
}

// === impl Draft ===

impl Draft {
    fn made(&self, meta: Meta, now: Timestamp) -> (UserGroup, Secrets) {
        let mut made = UserGroup { meta, display_name: String::new(), comment: String::new() };
        let secrets = self.take(&mut made, now);
        (made, secrets)
    }

    fn take(&self, group: &mut UserGroup, _: Timestamp) -> Secrets {
        parse::set(&mut group.display_name, self.display_name.as_ref());
        parse::set(&mut group.comment, self.comment.as_ref());
        Secrets::new()
    }
}

fn read(fields: &mut InvalidFields, (_, asked): (&Call, pb::UserGroup), named: &Named) -> Draft {
    let at = |part: &str| format!("user_group.{part}");
    Draft {
        display_name: named
            .is("display_name")
            .then(|| parse::display_name(fields, at("display_name"), &asked.display_name)),
        comment: named.is("comment").then(|| parse::comment(fields, at("comment"), &asked.comment)),
    }
}

fn user_group(group: UserGroup) -> pb::UserGroup {
    pb::UserGroup {
        name: group.name(),
        etag: group.meta.etag(),
        create_time: Some(timestamp(group.meta.create_time)),
        update_time: Some(timestamp(group.meta.update_time)),
        operator: group.meta.operator,
        display_name: group.display_name,
        comment: group.comment,
    }
}
