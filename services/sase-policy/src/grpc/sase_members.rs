//! `bailiwick.sase.v1.SaseMemberService`.

use std::sync::Arc;

use bailiwick_api::sase::v1::{
    BatchCreateSaseMembersRequest, BatchCreateSaseMembersResponse, CreateSaseMemberRequest, DeleteSaseMemberRequest,
    EligibleSaseMember, GetSaseMemberRequest, ListEligibleSaseMembersRequest, ListEligibleSaseMembersResponse,
    ListSaseMembersRequest, ListSaseMembersResponse, SaseMember, UpdateSaseMemberRequest,
    sase_member_service_server::SaseMemberService,
};
use bailiwick_roster::{EligibleView, Endpoint, EntryView, ListRequest, Roster, Shape};
use bailiwick_rpc::split;
use tonic::{Request, Response, Status};

use crate::access::Sase;

/// The service over its list, which members are added to in the order of the set-up.
pub(crate) struct SaseMembers(Endpoint<SaseMember>, Sase);

impl SaseMembers {
    pub(crate) fn new(roster: Arc<Roster>, sase: Sase) -> Self {
        Self(Endpoint::new(roster, Shape { field: "sase_member", read, write }), sase)
    }
}

#[tonic::async_trait]
impl SaseMemberService for SaseMembers {
    async fn create_sase_member(
        &self,
        request: Request<CreateSaseMemberRequest>,
    ) -> Result<Response<SaseMember>, Status> {
        let (call, message) = split(request)?;
        self.1.allows_members(&call).await?;
        self.0.create(&call, message.sase_member, &message.request_id).await
    }

    async fn batch_create_sase_members(
        &self,
        request: Request<BatchCreateSaseMembersRequest>,
    ) -> Result<Response<BatchCreateSaseMembersResponse>, Status> {
        let (call, message) = split(request)?;
        self.1.allows_members(&call).await?;
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

    async fn list_eligible_sase_members(
        &self,
        request: Request<ListEligibleSaseMembersRequest>,
    ) -> Result<Response<ListEligibleSaseMembersResponse>, Status> {
        let (call, message) = split(request)?;
        let (members, next_page_token) = self.0.eligible(&call, message.page_size, &message.page_token).await?;
        let eligible_sase_members = members.into_iter().map(eligible).collect();
        Ok(Response::new(ListEligibleSaseMembersResponse { eligible_sase_members, next_page_token }))
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

fn eligible(member: EligibleView) -> EligibleSaseMember {
    EligibleSaseMember {
        account: member.account,
        display_name: member.display_name,
        r#type: member.r#type,
        join_method: member.join_method,
        folder: member.folder,
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
