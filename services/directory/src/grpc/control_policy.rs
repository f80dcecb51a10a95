//! Control policies.

use std::mem::take;

use bailiwick_core::{
    DirectoryId,
    authz::{Document, PolicyKind},
};
use bailiwick_rpc::{Call, InvalidFields, split};
use pb::control_policy_service_server::ControlPolicyService;
use prost::Message;
use tonic::{Request, Response, Status, async_trait};

use super::{
    Grpc, answer, convert,
    parse::{finish, folder_name, in_directory, in_same, mask, mutation, page, text},
    pb,
};
use crate::{
    app::{ListAttachments, Mutation, NewControlPolicy},
    domain::{
        Text,
        control_policy::{ControlPolicyChange, Node, is_policy_id},
    },
};

const POLICY: &str = "directories/{directory}/controlPolicies/{control_policy}";
const MEMBER: &str = "directories/{directory}/members/{account}";

#[async_trait]
impl ControlPolicyService for Grpc {
    async fn create_control_policy(
        &self,
        request: Request<pb::CreateControlPolicyRequest>,
    ) -> Result<Response<pb::ControlPolicy>, Status> {
        let (call, request) = split(request)?;
        let (change, directory, new) = parse_create(&call, request)?;
        let done = self.0.control_policy_create(&call, &change, directory, new).await?;
        Ok(answer(done, convert::control_policy))
    }

    async fn get_control_policy(
        &self,
        request: Request<pb::GetControlPolicyRequest>,
    ) -> Result<Response<pb::ControlPolicy>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let named = name(&mut fields, "name", &request.name);
        let (directory, id) = finish(fields, named)?;
        let found = self.0.control_policy_get(&call, directory, id).await?;
        Ok(Response::new(convert::control_policy(found)))
    }

    async fn list_control_policies(
        &self,
        request: Request<pb::ListControlPoliciesRequest>,
    ) -> Result<Response<pb::ListControlPoliciesResponse>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let directory = fields.directory("parent", &request.parent);
        let asked = page(&mut fields, request.page_size, &request.page_token);
        let (directory, asked) = finish(fields, directory.zip(asked))?;
        let page = self.0.control_policy_list(&call, directory, &asked).await?;
        let control_policies = page.items.into_iter().map(convert::control_policy).collect();
        Ok(Response::new(pb::ListControlPoliciesResponse { control_policies, next_page_token: page.next }))
    }

    async fn update_control_policy(
        &self,
        request: Request<pb::UpdateControlPolicyRequest>,
    ) -> Result<Response<pb::ControlPolicy>, Status> {
        let (call, request) = split(request)?;
        let policy = request.control_policy.clone().unwrap_or_default();
        let (change, named, asked) = parse_update(&call, request, &policy)?;
        let done = self.0.control_policy_update(&call, &change, named, asked, &policy.etag).await?;
        Ok(answer(done, convert::control_policy))
    }

    async fn delete_control_policy(
        &self,
        request: Request<pb::DeleteControlPolicyRequest>,
    ) -> Result<Response<()>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let named = name(&mut fields, "name", &request.name);
        let named = finish(fields, named)?;
        let done = self.0.control_policy_delete(&call, &change, named, &request.etag).await?;
        Ok(answer(done, |()| ()))
    }

    async fn attach_control_policy(
        &self,
        request: Request<pb::AttachControlPolicyRequest>,
    ) -> Result<Response<pb::ControlPolicyAttachment>, Status> {
        let (call, mut request) = split(request)?;
        let request_id = take(&mut request.request_id);
        let (change, named, node) = parse_attached(&call, &request_id, &request, &request.name, &request.target)?;
        let done = self.0.control_policy_attach(&call, &change, named, node).await?;
        Ok(answer(done, |attachment| convert::attachment(named.0, attachment)))
    }

    async fn detach_control_policy(
        &self,
        request: Request<pb::DetachControlPolicyRequest>,
    ) -> Result<Response<()>, Status> {
        let (call, mut request) = split(request)?;
        let request_id = take(&mut request.request_id);
        let (change, named, node) = parse_attached(&call, &request_id, &request, &request.name, &request.target)?;
        let done = self.0.control_policy_detach(&call, &change, named, node).await?;
        Ok(answer(done, |()| ()))
    }

    async fn list_control_policy_attachments(
        &self,
        request: Request<pb::ListControlPolicyAttachmentsRequest>,
    ) -> Result<Response<pb::ListControlPolicyAttachmentsResponse>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let which = if request.parent.contains("/controlPolicies/") {
            let named = name(&mut fields, "parent", &request.parent);
            named.map(|(directory, id)| (directory, ListAttachments::OfPolicy(id.to_owned())))
        } else {
            let node = node(&mut fields, "parent", &request.parent);
            node.map(|(directory, node)| (directory, ListAttachments::OfNode(node)))
        };
        let asked = page(&mut fields, request.page_size, &request.page_token);
        let ((directory, which), asked) = finish(fields, which.zip(asked))?;
        let page = self.0.control_policy_attachments(&call, directory, &which, &asked).await?;
        let attachments = page.items.into_iter().map(|item| convert::attachment(directory, item)).collect();
        Ok(Response::new(pb::ListControlPolicyAttachmentsResponse { attachments, next_page_token: page.next }))
    }

    async fn get_effective_control_policy(
        &self,
        request: Request<pb::GetEffectiveControlPolicyRequest>,
    ) -> Result<Response<pb::EffectiveControlPolicy>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let named = in_directory::<1>(&mut fields, "name", &request.name, MEMBER);
        let named = named.and_then(|(directory, [account])| Some((directory, fields.parse("name", account)?)));
        let (directory, account) = finish(fields, named)?;
        let found = self.0.control_policy_effective(&call, directory, account).await?;
        Ok(Response::new(convert::effective(directory, request.name, found)))
    }
}

fn name<'a>(fields: &mut InvalidFields, field: &str, name: &'a str) -> Option<(DirectoryId, &'a str)> {
    in_directory::<1>(fields, field, name, POLICY).map(|(directory, [id])| (directory, id))
}

/// A folder or member.
fn node(fields: &mut InvalidFields, field: &str, name: &str) -> Option<(DirectoryId, Node)> {
    if name.contains("/members/") {
        let (directory, [account]) = in_directory(fields, field, name, MEMBER)?;
        Some((directory, Node::Member(fields.parse(field, account)?)))
    } else {
        folder_name(fields, field, name).map(|(directory, id)| (directory, Node::Folder(id.to_owned())))
    }
}

fn parse_attached<'a>(
    call: &Call,
    request_id: &str,
    request: &impl Message,
    named: &'a str,
    target: &str,
) -> Result<(Mutation, (DirectoryId, &'a str), Node), Status> {
    let mut fields = InvalidFields::new();
    let change = mutation(&mut fields, call, request_id, request);
    let named = name(&mut fields, "name", named);
    let node = node(&mut fields, "target", target).and_then(|(directory, node)| {
        in_same(&mut fields, "target", directory, named.map(|(of, _)| of)).map(|()| node)
    });
    let (named, node) = finish(fields, named.zip(node))?;
    Ok((change, named, node))
}

fn parse_create(
    call: &Call,
    mut request: pb::CreateControlPolicyRequest,
) -> Result<(Mutation, DirectoryId, NewControlPolicy), Status> {
    let mut fields = InvalidFields::new();
    let request_id = take(&mut request.request_id);
    let change = mutation(&mut fields, call, &request_id, &request);
    let change = Mutation { validate_only: request.validate_only, ..change };
    let directory = fields.directory("parent", &request.parent);
    let id = request.control_policy_id;
    fields.check("control_policy_id", is_policy_id(&id), "must be 1 to 128 letters, digits or `-`");
    let new = fields.required("control_policy", request.control_policy).and_then(|policy| {
        let rule = Text::POLICY_DESCRIPTION;
        let description = text(&mut fields, "control_policy.description", &policy.description, rule);
        let document = document(&mut fields, &policy.document);
        Some(NewControlPolicy { id, description: description?, document: document? })
    });
    let (directory, new) = finish(fields, directory.zip(new))?;
    Ok((change, directory, new))
}

fn parse_update<'a>(
    call: &Call,
    mut request: pb::UpdateControlPolicyRequest,
    policy: &'a pb::ControlPolicy,
) -> Result<(Mutation, (DirectoryId, &'a str), ControlPolicyChange), Status> {
    let mut fields = InvalidFields::new();
    let request_id = take(&mut request.request_id);
    let change = mutation(&mut fields, call, &request_id, &request);
    let change = Mutation { validate_only: request.validate_only, ..change };
    fields.check("control_policy", request.control_policy.is_some(), "must be set");
    let named = name(&mut fields, "control_policy.name", &policy.name);
    let set = [!policy.description.is_empty(), !policy.document.is_empty()];
    let known = ["description", "document"];
    let [describes, documents] = mask(&mut fields, request.update_mask.as_ref(), known, set);
    let rule = Text::POLICY_DESCRIPTION;
    let description =
        describes.then(|| text(&mut fields, "control_policy.description", &policy.description, rule)).flatten();
    let document = documents.then(|| document(&mut fields, &policy.document)).flatten();
    let named = finish(fields, named)?;
    Ok((change, named, ControlPolicyChange { description, document }))
}

/// A document that was read: each mistake in it is a violation of its own.
fn document(fields: &mut InvalidFields, text: &str) -> Option<String> {
    match Document::parse(PolicyKind::Control, text) {
        Ok(_) => Some(text.to_owned()),
        Err(error) => {
            for mistake in error.mistakes {
                fields.violation("control_policy.document", mistake.to_string());
            }
            None
        }
    }
}
