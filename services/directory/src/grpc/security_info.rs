//! Security information.

use pb::security_info_service_server::SecurityInfoService;
use tonic::{Request, Response, Status, async_trait};

use super::{Grpc, pb};

#[async_trait]
impl SecurityInfoService for Grpc {
    async fn get_security_info(
        &self,
        _: Request<pb::GetSecurityInfoRequest>,
    ) -> Result<Response<pb::SecurityInfo>, Status> {
        Err(Status::unimplemented("GetSecurityInfo is being built"))
    }

    async fn change_security_contact(
        &self,
        _: Request<pb::ChangeSecurityContactRequest>,
    ) -> Result<Response<pb::SecurityInfo>, Status> {
        Err(Status::unimplemented("ChangeSecurityContact is being built"))
    }

    async fn resend_security_contact(
        &self,
        _: Request<pb::ResendSecurityContactRequest>,
    ) -> Result<Response<pb::SecurityInfo>, Status> {
        Err(Status::unimplemented("ResendSecurityContact is being built"))
    }

    async fn confirm_security_contact(
        &self,
        _: Request<pb::ConfirmSecurityContactRequest>,
    ) -> Result<Response<pb::SecurityInfo>, Status> {
        Err(Status::unimplemented("ConfirmSecurityContact is being built"))
    }

    async fn cancel_security_contact(
        &self,
        _: Request<pb::CancelSecurityContactRequest>,
    ) -> Result<Response<pb::SecurityInfo>, Status> {
        Err(Status::unimplemented("CancelSecurityContact is being built"))
    }

    async fn get_member_security_info(
        &self,
        _: Request<pb::GetMemberSecurityInfoRequest>,
    ) -> Result<Response<pb::SecurityInfo>, Status> {
        Err(Status::unimplemented("GetMemberSecurityInfo is being built"))
    }

    async fn change_member_contact(
        &self,
        _: Request<pb::ChangeMemberContactRequest>,
    ) -> Result<Response<pb::SecurityInfo>, Status> {
        Err(Status::unimplemented("ChangeMemberContact is being built"))
    }

    async fn resend_member_contact(
        &self,
        _: Request<pb::ResendMemberContactRequest>,
    ) -> Result<Response<pb::SecurityInfo>, Status> {
        Err(Status::unimplemented("ResendMemberContact is being built"))
    }

    async fn confirm_member_contact(
        &self,
        _: Request<pb::ConfirmMemberContactRequest>,
    ) -> Result<Response<pb::SecurityInfo>, Status> {
        Err(Status::unimplemented("ConfirmMemberContact is being built"))
    }

    async fn cancel_member_contact(
        &self,
        _: Request<pb::CancelMemberContactRequest>,
    ) -> Result<Response<pb::SecurityInfo>, Status> {
        Err(Status::unimplemented("CancelMemberContact is being built"))
    }
}
