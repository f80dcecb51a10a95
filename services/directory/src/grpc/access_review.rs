//! Reports.

use pb::access_review_service_server::AccessReviewService;
use tonic::{Request, Response, Status, async_trait};

use super::{Grpc, pb};

#[async_trait]
impl AccessReviewService for Grpc {
    async fn list_access_review_entries(
        &self,
        _: Request<pb::ListAccessReviewEntriesRequest>,
    ) -> Result<Response<pb::ListAccessReviewEntriesResponse>, Status> {
        Err(Status::unimplemented("ListAccessReviewEntries is being built"))
    }

    async fn list_unused_access_keys(
        &self,
        _: Request<pb::ListUnusedAccessKeysRequest>,
    ) -> Result<Response<pb::ListUnusedAccessKeysResponse>, Status> {
        Err(Status::unimplemented("ListUnusedAccessKeys is being built"))
    }

    async fn list_member_unused_access_keys(
        &self,
        _: Request<pb::ListMemberUnusedAccessKeysRequest>,
    ) -> Result<Response<pb::ListMemberUnusedAccessKeysResponse>, Status> {
        Err(Status::unimplemented("ListMemberUnusedAccessKeys is being built"))
    }
}
