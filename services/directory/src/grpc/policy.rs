//! Policies.

use std::mem::take;

use bailiwick_core::{AccountId, authz::PolicyKind};
use bailiwick_rpc::{Call, InvalidFields, split};
use pb::policy_service_server::PolicyService;
use prost::Message;
use tonic::{Request, Response, Status, async_trait};

use super::{
    Grpc, answer, convert,
    parse::{document, finish, in_account, mutation, page, target, text},
    pb,
};
use crate::{
    app::{Mutation, NewVersion, VersionName},
    domain::{
        attachment::{Put, Target},
        policy::{DESCRIPTION, NewPolicy, PolicyId, is_policy_id, version_number},
    },
};

const POLICY: &str = "accounts/{account}/policies/{policy}";
const VERSION: &str = "accounts/{account}/policies/{policy}/versions/{version}";

#[async_trait]
impl PolicyService for Grpc {
    async fn create_policy(&self, request: Request<pb::CreatePolicyRequest>) -> Result<Response<pb::Policy>, Status> {
        let (call, request) = split(request)?;
        let (change, account, new) = parse_create(&call, request)?;
        let done = self.0.policy_create(&call, &change, account, new).await?;
        Ok(answer(done, convert::policy))
    }

    async fn get_policy(&self, request: Request<pb::GetPolicyRequest>) -> Result<Response<pb::Policy>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let named = name(&mut fields, "name", &request.name);
        let (account, policy) = finish(fields, named)?;
        let found = self.0.policy_get(&call, account, &policy).await?;
        Ok(Response::new(convert::policy(found)))
    }

    async fn list_policies(
        &self,
        request: Request<pb::ListPoliciesRequest>,
    ) -> Result<Response<pb::ListPoliciesResponse>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let account = fields.account("parent", &request.parent);
        let asked = page(&mut fields, request.page_size, &request.page_token);
        let (account, asked) = finish(fields, account.zip(asked))?;
        let page = self.0.policy_list(&call, account, &asked).await?;
        let policies = page.items.into_iter().map(convert::policy).collect();
        Ok(Response::new(pb::ListPoliciesResponse { policies, next_page_token: page.next }))
    }

    async fn delete_policy(&self, request: Request<pb::DeletePolicyRequest>) -> Result<Response<()>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let named = name(&mut fields, "name", &request.name);
        let (account, policy) = finish(fields, named)?;
        let done = self.0.policy_delete(&call, &change, account, &policy, &request.etag).await?;
        Ok(answer(done, |()| ()))
    }

    async fn create_policy_version(
        &self,
        request: Request<pb::CreatePolicyVersionRequest>,
    ) -> Result<Response<pb::PolicyVersion>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let change = Mutation { validate_only: request.validate_only, ..change };
        let named = name(&mut fields, "parent", &request.parent);
        let document = document(&mut fields, "document", PolicyKind::Permission, &request.document);
        let ((account, policy), document) = finish(fields, named.zip(document))?;
        let new = NewVersion { document, set_default: request.set_default };
        let done = self.0.policy_version_create(&call, &change, (account, &policy), new).await?;
        Ok(answer(done, convert::policy_version))
    }

    async fn list_policy_versions(
        &self,
        request: Request<pb::ListPolicyVersionsRequest>,
    ) -> Result<Response<pb::ListPolicyVersionsResponse>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let named = name(&mut fields, "parent", &request.parent);
        let asked = page(&mut fields, request.page_size, &request.page_token);
        let ((account, policy), asked) = finish(fields, named.zip(asked))?;
        let page = self.0.policy_version_list(&call, account, &policy, &asked).await?;
        let policy_versions = page.items.into_iter().map(convert::policy_version).collect();
        Ok(Response::new(pb::ListPolicyVersionsResponse { policy_versions, next_page_token: page.next }))
    }

    async fn set_default_policy_version(
        &self,
        request: Request<pb::SetDefaultPolicyVersionRequest>,
    ) -> Result<Response<pb::Policy>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let named = version(&mut fields, &request.name);
        let named = finish(fields, named)?;
        let done = self.0.policy_version_set_default(&call, &change, &named, &request.etag).await?;
        Ok(answer(done, convert::policy))
    }

    async fn delete_policy_version(
        &self,
        request: Request<pb::DeletePolicyVersionRequest>,
    ) -> Result<Response<()>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let named = version(&mut fields, &request.name);
        let named = finish(fields, named)?;
        let done = self.0.policy_version_delete(&call, &change, &named).await?;
        Ok(answer(done, |()| ()))
    }

    async fn attach_policy(
        &self,
        request: Request<pb::AttachPolicyRequest>,
    ) -> Result<Response<pb::AttachPolicyResponse>, Status> {
        let (call, mut request) = split(request)?;
        let request_id = take(&mut request.request_id);
        let (change, target, policy) = parse_put(&call, &request_id, &request, (&request.target, &request.policy))?;
        let done = self.0.policy_put(&call, &change, target, &policy, Put::Attach).await?;
        Ok(answer(done, |now| pb::AttachPolicyResponse { policies: convert::policies(target.account, &now) }))
    }

    async fn detach_policy(
        &self,
        request: Request<pb::DetachPolicyRequest>,
    ) -> Result<Response<pb::DetachPolicyResponse>, Status> {
        let (call, mut request) = split(request)?;
        let request_id = take(&mut request.request_id);
        let (change, target, policy) = parse_put(&call, &request_id, &request, (&request.target, &request.policy))?;
        let done = self.0.policy_put(&call, &change, target, &policy, Put::Detach).await?;
        Ok(answer(done, |now| pb::DetachPolicyResponse { policies: convert::policies(target.account, &now) }))
    }

    async fn list_policy_attachments(
        &self,
        request: Request<pb::ListPolicyAttachmentsRequest>,
    ) -> Result<Response<pb::ListPolicyAttachmentsResponse>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let named = name(&mut fields, "parent", &request.parent);
        let asked = page(&mut fields, request.page_size, &request.page_token);
        let ((account, policy), asked) = finish(fields, named.zip(asked))?;
        let page = self.0.policy_attachment_list(&call, account, &policy, &asked).await?;
        let policy_attachments = page.items.into_iter().map(convert::policy_attachment).collect();
        Ok(Response::new(pb::ListPolicyAttachmentsResponse { policy_attachments, next_page_token: page.next }))
    }
}

fn name(fields: &mut InvalidFields, field: &str, name: &str) -> Option<(AccountId, PolicyId)> {
    let (account, [policy]) = in_account(fields, field, name, POLICY)?;
    Some((account, PolicyId::from(policy)))
}

fn version(fields: &mut InvalidFields, name: &str) -> Option<VersionName> {
    let (account, [policy, version]) = in_account(fields, "name", name, VERSION)?;
    let number = version_number(version);
    fields.check("name", number.is_some(), "must end with the id of a version, such as `v1`");
    Some(VersionName { account, policy: PolicyId::from(policy), number: number? })
}

fn parse_create(call: &Call, mut request: pb::CreatePolicyRequest) -> Result<(Mutation, AccountId, NewPolicy), Status> {
    let mut fields = InvalidFields::new();
    let request_id = take(&mut request.request_id);
    let change = mutation(&mut fields, call, &request_id, &request);
    let change = Mutation { validate_only: request.validate_only, ..change };
    let account = fields.account("parent", &request.parent);
    let form = "must be 1 to 128 letters, digits or `-`, no name of a system policy and not beginning with `Aliyun`";
    fields.check("policy_id", is_policy_id(&request.policy_id), form);
    let texts = fields.required("policy", request.policy).and_then(|policy| {
        let description = text(&mut fields, "policy.description", &policy.description, DESCRIPTION);
        let document = document(&mut fields, "policy.document", PolicyKind::Permission, &policy.document);
        description.zip(document)
    });
    let (account, (description, document)) = finish(fields, account.zip(texts))?;
    Ok((change, account, NewPolicy { id: request.policy_id, description, document }))
}

type PutRequest<'a> = (Mutation, Target<'a>, PolicyId);

fn parse_put<'a>(
    call: &Call,
    request_id: &str,
    request: &impl Message,
    (target_name, policy): (&'a str, &str),
) -> Result<PutRequest<'a>, Status> {
    let mut fields = InvalidFields::new();
    let change = mutation(&mut fields, call, request_id, request);
    let target = target(&mut fields, "target", target_name);
    let policy = name(&mut fields, "policy", policy);
    if let Some((target, (account, _))) = target.as_ref().zip(policy.as_ref()) {
        fields.check("policy", target.account == *account, "must be a policy of the target's account");
    }
    let (target, (_, policy)) = finish(fields, target.zip(policy))?;
    Ok((change, target, policy))
}
