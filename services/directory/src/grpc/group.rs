//! Groups.

use pb::group_service_server::GroupService;
use tonic::{Request, Response, Status, async_trait};

use super::{Grpc, pb};

#[async_trait]
impl GroupService for Grpc {
    async fn create_group(&self, _: Request<pb::CreateGroupRequest>) -> Result<Response<pb::Group>, Status> {
        Err(Status::unimplemented("CreateGroup is being built"))
    }

    async fn get_group(&self, _: Request<pb::GetGroupRequest>) -> Result<Response<pb::Group>, Status> {
        Err(Status::unimplemented("GetGroup is being built"))
    }

    async fn list_groups(&self, _: Request<pb::ListGroupsRequest>) -> Result<Response<pb::ListGroupsResponse>, Status> {
        Err(Status::unimplemented("ListGroups is being built"))
    }

    async fn update_group(&self, _: Request<pb::UpdateGroupRequest>) -> Result<Response<pb::Group>, Status> {
        Err(Status::unimplemented("UpdateGroup is being built"))
    }

    async fn delete_group(&self, _: Request<pb::DeleteGroupRequest>) -> Result<Response<()>, Status> {
        Err(Status::unimplemented("DeleteGroup is being built"))
    }

    async fn add_group_member(
        &self,
        _: Request<pb::AddGroupMemberRequest>,
    ) -> Result<Response<pb::GroupMember>, Status> {
        Err(Status::unimplemented("AddGroupMember is being built"))
    }

    async fn remove_group_member(&self, _: Request<pb::RemoveGroupMemberRequest>) -> Result<Response<()>, Status> {
        Err(Status::unimplemented("RemoveGroupMember is being built"))
    }

    async fn list_group_members(
        &self,
        _: Request<pb::ListGroupMembersRequest>,
    ) -> Result<Response<pb::ListGroupMembersResponse>, Status> {
        Err(Status::unimplemented("ListGroupMembers is being built"))
    }
}
