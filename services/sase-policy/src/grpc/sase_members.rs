//! `bailiwick.sase.v1.SaseMemberService`.

use std::sync::Arc;

use bailiwick_api::sase::v1::{
    BatchCreateSaseMembersRequest, BatchCreateSaseMembersResponse, CreateSaseMemberRequest, DeleteSaseMemberRequest,
    GetSaseMemberRequest, ListSaseMembersRequest, ListSaseMembersResponse, SaseMember, UpdateSaseMemberRequest,
    sase_member_service_server::SaseMemberService,
};
use bailiwick_roster::{Endpoint, EntryView, ListRequest, Roster, Shape};
use bailiwick_rpc::split;
use tonic::{Request, Response, Status};

/// The service over its list.
pub(crate) struct SaseMembers(Endpoint<SaseMember>);

impl SaseMembers {
    pub(crate) fn new(roster: Arc<Roster>) -> Self {
        Self(Endpoint::new(roster, Shape { field: "sase_member", read, write }))
    }
}

#[tonic::async_trait]
impl SaseMemberService for SaseMembers {
    async fn create_sase_member(
        &self,
        request: Request<CreateSaseMemberRequest>,
    ) -> Result<Response<SaseMember>, Status> {
        let (call, message) = split(request)?;
        self.0.create(&call, message.sase_member, &message.request_id).await
    }

    async fn batch_create_sase_members(
        &self,
        request: Request<BatchCreateSaseMembersRequest>,
    ) -> Result<Response<BatchCreateSaseMembersResponse>, Status> {
        let (call, message) = split(request)?;
        let entries = self.0.batch_create(&call, &message.accounts, &message.request_id).await?;
        Ok(entries.map(|sase_members| BatchCreateSaseMembersResponse { sase_members }))
    }

    async fn get_sase_member(&self, request: Request<GetSaseMemberRequest>) -> Result<Response<SaseMember>, Status> {
        let (call, message) = split(request)?;
        self.0.get(&call, &message.name).await
    }

    async fn list_sase_members(
        &self,
        request: Request<ListSaseMembersRequest>,
    ) -> Result<Response<ListSaseMembersResponse>, Status> {
        let (call, message) = split(request)?;
        let asked = ListRequest {
            page_size: message.page_size,
            page_token: &message.page_token,
            filter: &message.filter,
            order_by: &message.order_by,
        };
        let (sase_members, next_page_token) = self.0.list(&call, asked).await?;
        Ok(Response::new(ListSaseMembersResponse { sase_members, next_page_token }))
    }

    async fn update_sase_member(
        &self,
        request: Request<UpdateSaseMemberRequest>,
    ) -> Result<Response<SaseMember>, Status> {
        let (call, message) = split(request)?;
        self.0.update(&call, message.sase_member, message.update_mask, &message.request_id).await
    }

    async fn delete_sase_member(&self, request: Request<DeleteSaseMemberRequest>) -> Result<Response<()>, Status> {
        let (call, message) = split(request)?;
        self.0.delete(&call, &message.name, &message.etag, &message.request_id).await
    }
}

fn read(message: SaseMember) -> EntryView {
    EntryView {
        name: message.name,
        account: message.account,
        display_name: message.display_name,
        r#type: message.r#type,
        join_method: message.join_method,
        folder: message.folder,
        remark: message.remark,
        add_operator: message.add_operator,
        add_time: message.add_time,
        etag: message.etag,
        marked: false,
    }
}

fn write(message: EntryView) -> SaseMember {
    SaseMember {
        name: message.name,
        account: message.account,
        display_name: message.display_name,
        r#type: message.r#type,
        join_method: message.join_method,
        folder: message.folder,
        remark: message.remark,
        add_operator: message.add_operator,
        add_time: message.add_time,
        etag: message.etag,
    }
}
