//! Control policies.

use pb::control_policy_service_server::ControlPolicyService;
use tonic::{Request, Response, Status, async_trait};

use super::{Grpc, pb};

#[async_trait]
impl ControlPolicyService for Grpc {
    async fn create_control_policy(
        &self,
        _: Request<pb::CreateControlPolicyRequest>,
    ) -> Result<Response<pb::ControlPolicy>, Status> {
        Err(Status::unimplemented("CreateControlPolicy is being built"))
    }

    async fn get_control_policy(
        &self,
        _: Request<pb::GetControlPolicyRequest>,
    ) -> Result<Response<pb::ControlPolicy>, Status> {
        Err(Status::unimplemented("GetControlPolicy is being built"))
    }

    async fn list_control_policies(
        &self,
        _: Request<pb::ListControlPoliciesRequest>,
    ) -> Result<Response<pb::ListControlPoliciesResponse>, Status> {
        Err(Status::unimplemented("ListControlPolicies is being built"))
    }

    async fn update_control_policy(
        &self,
        _: Request<pb::UpdateControlPolicyRequest>,
    ) -> Result<Response<pb::ControlPolicy>, Status> {
        Err(Status::unimplemented("UpdateControlPolicy is being built"))
    }

    async fn delete_control_policy(&self, _: Request<pb::DeleteControlPolicyRequest>) -> Result<Response<()>, Status> {
        Err(Status::unimplemented("DeleteControlPolicy is being built"))
    }

    async fn attach_control_policy(
        &self,
        _: Request<pb::AttachControlPolicyRequest>,
    ) -> Result<Response<pb::ControlPolicyAttachment>, Status> {
        Err(Status::unimplemented("AttachControlPolicy is being built"))
    }

    async fn detach_control_policy(&self, _: Request<pb::DetachControlPolicyRequest>) -> Result<Response<()>, Status> {
        Err(Status::unimplemented("DetachControlPolicy is being built"))
    }

    async fn list_control_policy_attachments(
        &self,
        _: Request<pb::ListControlPolicyAttachmentsRequest>,
    ) -> Result<Response<pb::ListControlPolicyAttachmentsResponse>, Status> {
        Err(Status::unimplemented("ListControlPolicyAttachments is being built"))
    }

    async fn get_effective_control_policy(
        &self,
        _: Request<pb::GetEffectiveControlPolicyRequest>,
    ) -> Result<Response<pb::EffectiveControlPolicy>, Status> {
        Err(Status::unimplemented("GetEffectiveControlPolicy is being built"))
    }
}
