//! Groups.

use std::mem::take;

use bailiwick_core::AccountId;
use bailiwick_rpc::{Call, InvalidFields, split};
use pb::group_service_server::GroupService;
use prost::Message;
use tonic::{Request, Response, Status, async_trait};

use super::{
    Grpc, answer, convert,
    mask::Mask,
    parse::{self, finish, in_account, mutation, page, target, text},
    pb,
};
use crate::{
    app::{MemberName, Mutation},
    domain::{
        attachment::TargetKind,
        group::{NewGroup, is_group_id},
        policy::DESCRIPTION,
    },
};

const GROUP: &str = "accounts/{account}/groups/{group}";

#[async_trait]
impl GroupService for Grpc {
    async fn create_group(&self, request: Request<pb::CreateGroupRequest>) -> Result<Response<pb::Group>, Status> {
        let (call, request) = split(request)?;
        let (change, account, new) = parse_create(&call, request)?;
        let done = self.0.group_create(&call, &change, account, new).await?;
        Ok(answer(done, convert::group))
    }

    async fn get_group(&self, request: Request<pb::GetGroupRequest>) -> Result<Response<pb::Group>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let named = name(&mut fields, "name", &request.name);
        let (account, group) = finish(fields, named)?;
        let found = self.0.group_get(&call, account, group).await?;
        Ok(Response::new(convert::group(found)))
    }

    async fn list_groups(
        &self,
        request: Request<pb::ListGroupsRequest>,
    ) -> Result<Response<pb::ListGroupsResponse>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let account = fields.account("parent", &request.parent);
        let asked = page(&mut fields, request.page_size, &request.page_token);
        let (account, asked) = finish(fields, account.zip(asked))?;
        let page = self.0.group_list(&call, account, &asked).await?;
        let groups = page.items.into_iter().map(convert::group).collect();
        Ok(Response::new(pb::ListGroupsResponse { groups, next_page_token: page.next }))
    }

    async fn update_group(&self, request: Request<pb::UpdateGroupRequest>) -> Result<Response<pb::Group>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let mask = Mask::read(&mut fields, request.update_mask, &["description"]);
        let group = fields.required("group", request.group).unwrap_or_default();
        let named = name(&mut fields, "group.name", &group.name);
        let description = text(&mut fields, "group.description", &group.description, DESCRIPTION);
        let (named, description) = finish(fields, named.zip(description))?;
        let description = mask.pick("description", description);
        let done = self.0.group_update(&call, &change, named, description.as_deref(), &group.etag).await?;
        Ok(answer(done, convert::group))
    }

    async fn delete_group(&self, request: Request<pb::DeleteGroupRequest>) -> Result<Response<()>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let named = name(&mut fields, "name", &request.name);
        let named = finish(fields, named)?;
        let done = self.0.group_delete(&call, &change, named, &request.etag).await?;
        Ok(answer(done, |()| ()))
    }

    async fn add_group_member(
        &self,
        request: Request<pb::AddGroupMemberRequest>,
    ) -> Result<Response<pb::GroupMember>, Status> {
        let (call, mut request) = split(request)?;
        let request_id = take(&mut request.request_id);
        let (change, named) = parse_member(&call, &request_id, &request, (&request.group, &request.user))?;
        let done = self.0.group_member_add(&call, &change, named).await?;
        Ok(answer(done, convert::group_member))
    }

    async fn remove_group_member(
        &self,
        request: Request<pb::RemoveGroupMemberRequest>,
    ) -> Result<Response<()>, Status> {
        let (call, mut request) = split(request)?;
        let request_id = take(&mut request.request_id);
        let (change, named) = parse_member(&call, &request_id, &request, (&request.group, &request.user))?;
        let done = self.0.group_member_remove(&call, &change, named).await?;
        Ok(answer(done, |()| ()))
    }

    async fn list_group_members(
        &self,
        request: Request<pb::ListGroupMembersRequest>,
    ) -> Result<Response<pb::ListGroupMembersResponse>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let of = target(&mut fields, "parent", &request.parent);
        if of.is_some_and(|of| of.kind == TargetKind::Role) {
            fields.violation("parent", "must be a group or a user");
        }
        let asked = page(&mut fields, request.page_size, &request.page_token);
        let (of, asked) = finish(fields, of.zip(asked))?;
        let page = self.0.group_member_list(&call, of, &asked).await?;
        let group_members = page.items.into_iter().map(convert::group_member).collect();
        Ok(Response::new(pb::ListGroupMembersResponse { group_members, next_page_token: page.next }))
    }
}

fn name<'a>(fields: &mut InvalidFields, field: &str, name: &'a str) -> Option<(AccountId, &'a str)> {
    in_account::<1>(fields, field, name, GROUP).map(|(account, [group])| (account, group))
}

fn parse_create(call: &Call, mut request: pb::CreateGroupRequest) -> Result<(Mutation, AccountId, NewGroup), Status> {
    let mut fields = InvalidFields::new();
    let request_id = take(&mut request.request_id);
    let change = mutation(&mut fields, call, &request_id, &request);
    let account = fields.account("parent", &request.parent);
    let form = "must be 1 to 64 lower-case letters, digits, `-`, `_` or `.`, the first a letter or digit";
    fields.check("group_id", is_group_id(&request.group_id), form);
    let description = request.group.map(|group| group.description).unwrap_or_default();
    let description = text(&mut fields, "group.description", &description, DESCRIPTION);
    let (account, description) = finish(fields, account.zip(description))?;
    Ok((change, account, NewGroup { id: request.group_id, description }))
}

fn parse_member<'a>(
    call: &Call,
    request_id: &str,
    request: &impl Message,
    (group, user): (&'a str, &'a str),
) -> Result<(Mutation, MemberName<'a>), Status> {
    let mut fields = InvalidFields::new();
    let change = mutation(&mut fields, call, request_id, request);
    let group = name(&mut fields, "group", group);
    let user = parse::user(&mut fields, "user", user);
    if let Some(((account, _), (other, _))) = group.zip(user) {
        fields.check("user", account == other, "must be a user of the group's account");
    }
    let ((account, group), (_, user)) = finish(fields, group.zip(user))?;
    Ok((change, MemberName { account, group, user }))
}
