//! `bailiwick.sase.v1.SaseUserService` and `bailiwick.sase.v1.UserGroupService`.

use std::collections::BTreeSet;

use bailiwick_api::sase::v1::{
    self as pb, sase_user_service_server::SaseUserService, user_group_service_server::UserGroupService,
};
use bailiwick_core::IdentityName;
use bailiwick_rpc::{Call, InvalidFields, split};
use tonic::{Request, Response, Status};

use super::parse::{self, DISPLAY_NAME_MAX, timestamp};
use crate::access::{
    app::{Sase, UserView},
    domain::{Meta, Resource, ResourceKind, SaseUser, UserGroup},
};

/// The fields that an update can name.
const USER_FIELDS: &[&str] = &["display_name", "attributes", "disabled"];
const GROUP_FIELDS: &[&str] = &["display_name", "users", "groups"];
const ATTRIBUTES_MAX: usize = 20;
const GROUP_USERS_MAX: usize = 10_000;
const GROUP_GROUPS_MAX: usize = 100;

/// The service.
pub(super) struct SaseUsers(pub(super) Sase);

#[tonic::async_trait]
impl SaseUserService for SaseUsers {
    async fn create_sase_user(
        &self,
        request: Request<pb::CreateSaseUserRequest>,
    ) -> Result<Response<pb::SaseUser>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        parse::new_id(&mut fields, "sase_user_id", &message.sase_user_id);
        let asked = message.sase_user.unwrap_or_default();
        let draft = read_user(&mut fields, &asked, &|_| true);
        if !asked.ram_user.is_empty() {
            let known = matches!(asked.ram_user.parse(), Ok(IdentityName::User(_, id)) if id != IdentityName::ROOT);
            fields.check("sase_user.ram_user", known, "must be of the form `accounts/{account}/users/{user}`");
        }
        fields.finish()?;
        let (display_name, attributes, disabled) = draft;
        let make = |meta: Meta| SaseUser {
            meta,
            display_name: display_name.clone(),
            ram_user: asked.ram_user.clone(),
            attributes: attributes.clone(),
            disabled,
        };
        let made = self.0.create(&call, &key, &message.sase_user_id, make).await?;
        let view = self.0.user_view(made.value.clone()).await?;
        Ok(parse::done(made, |_| user(view)))
    }

    async fn get_sase_user(&self, request: Request<pb::GetSaseUserRequest>) -> Result<Response<pb::SaseUser>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let Some(id) = parse::id(&mut fields, &call, "name", ResourceKind::SaseUser, &message.name) else {
            return Err(fields.into_status());
        };
        Ok(Response::new(user(self.0.user_get(&call, &id).await?)))
    }

    async fn list_sase_users(
        &self,
        request: Request<pb::ListSaseUsersRequest>,
    ) -> Result<Response<pb::ListSaseUsersResponse>, Status> {
        let (call, message) = split(request)?;
        let page = self.0.user_list(&call, parse::page(message.page_size)?, &message.page_token).await?;
        let sase_users = page.items.into_iter().map(user).collect();
        Ok(Response::new(pb::ListSaseUsersResponse { sase_users, next_page_token: page.next }))
    }

    async fn update_sase_user(
        &self,
        request: Request<pb::UpdateSaseUserRequest>,
    ) -> Result<Response<pb::SaseUser>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let named = parse::mask(&mut fields, message.update_mask, USER_FIELDS);
        let Some(asked) = fields.required("sase_user", message.sase_user) else { return Err(fields.into_status()) };
        let id = parse::id(&mut fields, &call, "sase_user.name", ResourceKind::SaseUser, &asked.name);
        let (display_name, attributes, disabled) = read_user(&mut fields, &asked, &named);
        let Some(id) = id else { return Err(fields.into_status()) };
        fields.finish()?;
        let change = |user: &mut SaseUser| {
            if named("display_name") {
                user.display_name.clone_from(&display_name);
            }
            if named("attributes") {
                user.attributes.clone_from(&attributes);
            }
            if named("disabled") {
                user.disabled = disabled;
            }
            Ok(())
        };
        let done = self.0.update(&call, &key, (&id, &asked.etag), change).await?;
        let view = self.0.user_view(done.value.clone()).await?;
        Ok(parse::done(done, |_| user(view)))
    }

    async fn delete_sase_user(&self, request: Request<pb::DeleteSaseUserRequest>) -> Result<Response<()>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let Some(id) = parse::id(&mut fields, &call, "name", ResourceKind::SaseUser, &message.name) else {
            return Err(fields.into_status());
        };
        fields.finish()?;
        Ok(parse::done(self.0.delete::<SaseUser>(&call, &key, (&id, &message.etag)).await?, |()| ()))
    }
}

/// The service.
pub(super) struct UserGroups(pub(super) Sase);

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
        parse::new_id(&mut fields, "user_group_id", &message.user_group_id);
        let asked = message.user_group.unwrap_or_default();
        let draft = read_group(&mut fields, &call, &asked, &|_| true);
        fields.finish()?;
        let make = |meta: Meta| draft.clone().made(meta);
        Ok(parse::done(self.0.create(&call, &key, &message.user_group_id, make).await?, group))
    }

    async fn get_user_group(
        &self,
        request: Request<pb::GetUserGroupRequest>,
    ) -> Result<Response<pb::UserGroup>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let Some(id) = parse::id(&mut fields, &call, "name", ResourceKind::UserGroup, &message.name) else {
            return Err(fields.into_status());
        };
        Ok(Response::new(group(self.0.get(&call, &id).await?)))
    }

    async fn list_user_groups(
        &self,
        request: Request<pb::ListUserGroupsRequest>,
    ) -> Result<Response<pb::ListUserGroupsResponse>, Status> {
        let (call, message) = split(request)?;
        let page = self.0.list(&call, parse::page(message.page_size)?, &message.page_token).await?;
        let user_groups = page.items.into_iter().map(group).collect();
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
        let named = parse::mask(&mut fields, message.update_mask, GROUP_FIELDS);
        let Some(asked) = fields.required("user_group", message.user_group) else { return Err(fields.into_status()) };
        let id = parse::id(&mut fields, &call, "user_group.name", ResourceKind::UserGroup, &asked.name);
        let draft = read_group(&mut fields, &call, &asked, &named);
        let Some(id) = id else { return Err(fields.into_status()) };
        fields.finish()?;
        let change = |group: &mut UserGroup| {
            let all = draft.clone().made(group.meta.clone());
            if named("display_name") {
                group.display_name = all.display_name;
            }
            if named("users") {
                group.users = all.users;
            }
            if named("groups") {
                group.groups = all.groups;
            }
            Ok(())
        };
        Ok(parse::done(self.0.update(&call, &key, (&id, &asked.etag), change).await?, group))
    }

    async fn delete_user_group(&self, request: Request<pb::DeleteUserGroupRequest>) -> Result<Response<()>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let Some(id) = parse::id(&mut fields, &call, "name", ResourceKind::UserGroup, &message.name) else {
            return Err(fields.into_status());
        };
        fields.finish()?;
        Ok(parse::done(self.0.delete::<UserGroup>(&call, &key, (&id, &message.etag)).await?, |()| ()))
    }
}

/// What is asked of a group.
#[derive(Clone)]
struct GroupDraft {
    display_name: String,
    users: BTreeSet<String>,
    groups: BTreeSet<String>,
}

impl GroupDraft {
    fn made(self, meta: Meta) -> UserGroup {
        UserGroup { meta, display_name: self.display_name, users: self.users, groups: self.groups }
    }
}

/// Display name, attributes, and whether it is disabled; what is not named is not looked at.
fn read_user(
    fields: &mut InvalidFields,
    asked: &pb::SaseUser,
    named: &impl Fn(&str) -> bool,
) -> (String, Vec<String>, bool) {
    if named("display_name") {
        fields.text("sase_user.display_name", &asked.display_name, 1..=DISPLAY_NAME_MAX);
    }
    let mut attributes = BTreeSet::new();
    if named("attributes") {
        attributes = parse::attributes(fields, "sase_user.attributes", &asked.attributes, ATTRIBUTES_MAX);
    }
    (asked.display_name.clone(), attributes.into_iter().collect(), asked.disabled)
}

fn read_group(
    fields: &mut InvalidFields,
    call: &Call,
    asked: &pb::UserGroup,
    named: &impl Fn(&str) -> bool,
) -> GroupDraft {
    if named("display_name") {
        fields.text("user_group.display_name", &asked.display_name, 1..=DISPLAY_NAME_MAX);
    }
    let (mut users, mut groups) = (BTreeSet::new(), BTreeSet::new());
    if named("users") {
        let kind = (ResourceKind::SaseUser, GROUP_USERS_MAX);
        users = parse::ids(fields, call, "user_group.users", kind, &asked.users);
    }
    if named("groups") {
        let kind = (ResourceKind::UserGroup, GROUP_GROUPS_MAX);
        groups = parse::ids(fields, call, "user_group.groups", kind, &asked.groups);
    }
    GroupDraft { display_name: asked.display_name.clone(), users, groups }
}

pub(super) fn user(view: UserView) -> pb::SaseUser {
    let UserView { user, active } = view;
    pb::SaseUser {
        name: user.name(),
        etag: user.meta.etag(),
        create_time: Some(timestamp(user.meta.create_time)),
        update_time: Some(timestamp(user.meta.update_time)),
        operator: user.meta.operator,
        display_name: user.display_name,
        ram_user: user.ram_user,
        attributes: user.attributes,
        disabled: user.disabled,
        active,
    }
}

pub(super) fn group(group: UserGroup) -> pb::UserGroup {
    let directory = group.meta.directory;
    pb::UserGroup {
        name: group.name(),
        users: group.users.iter().map(|id| ResourceKind::SaseUser.name(directory, id)).collect(),
        groups: group.groups.iter().map(|id| ResourceKind::UserGroup.name(directory, id)).collect(),
        etag: group.meta.etag(),
        create_time: Some(timestamp(group.meta.create_time)),
        update_time: Some(timestamp(group.meta.update_time)),
        operator: group.meta.operator,
        display_name: group.display_name,
    }
}
