//! Policies.

use std::mem::take;

use bailiwick_core::AccountId;
use bailiwick_rpc::{Call, InvalidFields, split};
use pb::policy_service_server::PolicyService;
use prost::Message;
use tonic::{Request, Response, Status, async_trait};

use super::{
    Grpc, answer, convert,
    parse::{self, finish, in_account, mutation, page},
    pb,
};
use crate::app::Mutation;

#[async_trait]
impl PolicyService for Grpc {
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
        let policies = page.items.into_iter().map(|policy| convert::policy(account, policy)).collect();
        Ok(Response::new(pb::ListPoliciesResponse { policies, next_page_token: page.next }))
    }

    async fn attach_policy(
        &self,
        request: Request<pb::AttachPolicyRequest>,
    ) -> Result<Response<pb::AttachPolicyResponse>, Status> {
        let (call, mut request) = split(request)?;
        let request_id = take(&mut request.request_id);
        let (change, user, policy) = parse_put(&call, &request_id, &request, (&request.target, &request.policy))?;
        let done = self.0.policy_put(&call, &change, user, policy, true).await?;
        Ok(answer(done, |user| pb::AttachPolicyResponse { policies: convert::policies(&user) }))
    }

    async fn detach_policy(
        &self,
        request: Request<pb::DetachPolicyRequest>,
    ) -> Result<Response<pb::DetachPolicyResponse>, Status> {
        let (call, mut request) = split(request)?;
        let request_id = take(&mut request.request_id);
        let (change, user, policy) = parse_put(&call, &request_id, &request, (&request.target, &request.policy))?;
        let done = self.0.policy_put(&call, &change, user, policy, false).await?;
        Ok(answer(done, |user| pb::DetachPolicyResponse { policies: convert::policies(&user) }))
    }

    async fn create_policy(&self, _: Request<pb::CreatePolicyRequest>) -> Result<Response<pb::Policy>, Status> {
        Err(Status::unimplemented("CreatePolicy is being built"))
    }

    async fn get_policy(&self, _: Request<pb::GetPolicyRequest>) -> Result<Response<pb::Policy>, Status> {
        Err(Status::unimplemented("GetPolicy is being built"))
    }

    async fn delete_policy(&self, _: Request<pb::DeletePolicyRequest>) -> Result<Response<()>, Status> {
        Err(Status::unimplemented("DeletePolicy is being built"))
    }

    async fn create_policy_version(
        &self,
        _: Request<pb::CreatePolicyVersionRequest>,
    ) -> Result<Response<pb::PolicyVersion>, Status> {
        Err(Status::unimplemented("CreatePolicyVersion is being built"))
    }

    async fn list_policy_versions(
        &self,
        _: Request<pb::ListPolicyVersionsRequest>,
    ) -> Result<Response<pb::ListPolicyVersionsResponse>, Status> {
        Err(Status::unimplemented("ListPolicyVersions is being built"))
    }

    async fn set_default_policy_version(
        &self,
        _: Request<pb::SetDefaultPolicyVersionRequest>,
    ) -> Result<Response<pb::Policy>, Status> {
        Err(Status::unimplemented("SetDefaultPolicyVersion is being built"))
    }

    async fn delete_policy_version(&self, _: Request<pb::DeletePolicyVersionRequest>) -> Result<Response<()>, Status> {
        Err(Status::unimplemented("DeletePolicyVersion is being built"))
    }

    async fn list_policy_attachments(
        &self,
        _: Request<pb::ListPolicyAttachmentsRequest>,
    ) -> Result<Response<pb::ListPolicyAttachmentsResponse>, Status> {
        Err(Status::unimplemented("ListPolicyAttachments is being built"))
    }
}

type Put<'a> = (Mutation, (AccountId, &'a str), &'a str);

fn parse_put<'a>(
    call: &Call,
    request_id: &str,
    request: &impl Message,
    (user, policy): (&'a str, &'a str),
) -> Result<Put<'a>, Status> {
    let mut fields = InvalidFields::new();
    let change = mutation(&mut fields, call, request_id, request);
    let user = parse::user(&mut fields, "target", user);
    let policy = in_account::<1>(&mut fields, "policy", policy, "accounts/{account}/policies/{policy}");
    if let Some(((account, _), (other, _))) = user.zip(policy) {
        fields.check("policy", account == other, "must be a policy of the user's account");
    }
    let (user, (_, [policy])) = finish(fields, user.zip(policy))?;
    Ok((change, user, policy))
}
