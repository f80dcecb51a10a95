//! `bailiwick.bastion.v1.BastionMemberService`.

use std::sync::Arc;

use bailiwick_api::bastion::v1::{
    BastionMember, BatchCreateBastionMembersRequest, BatchCreateBastionMembersResponse, CreateBastionMemberRequest,
    DeleteBastionMemberRequest, EligibleBastionMember, GetBastionMemberRequest, ListBastionMembersRequest,
    ListBastionMembersResponse, ListEligibleBastionMembersRequest, ListEligibleBastionMembersResponse,
    UpdateBastionMemberRequest, bastion_member_service_server::BastionMemberService,
};
use bailiwick_roster::{EligibleView, Endpoint, EntryView, ListRequest, Roster, Shape};
use bailiwick_rpc::split;
use tonic::{Request, Response, Status};

/// The service over its list.
pub(crate) struct BastionMembers(Endpoint<BastionMember>);

impl BastionMembers {
    pub(crate) fn new(roster: Arc<Roster>) -> Self {
        Self(Endpoint::new(roster, Shape { field: "bastion_member", read, write }))
    }
}

#[tonic::async_trait]
impl BastionMemberService for BastionMembers {
    async fn create_bastion_member(
        &self,
        request: Request<CreateBastionMemberRequest>,
    ) -> Result<Response<BastionMember>, Status> {
        let (call, message) = split(request)?;
        self.0.create(&call, message.bastion_member, &message.request_id).await
    }

    async fn batch_create_bastion_members(
        &self,
        request: Request<BatchCreateBastionMembersRequest>,
    ) -> Result<Response<BatchCreateBastionMembersResponse>, Status> {
        let (call, message) = split(request)?;
        let entries = self.0.batch_create(&call, &message.accounts, &message.request_id).await?;
        Ok(entries.map(|bastion_members| BatchCreateBastionMembersResponse { bastion_members }))
    }

    async fn get_bastion_member(
        &self,
        request: Request<GetBastionMemberRequest>,
    ) -> Result<Response<BastionMember>, Status> {
        let (call, message) = split(request)?;
        self.0.get(&call, &message.name).await
    }

    async fn list_bastion_members(
        &self,
        request: Request<ListBastionMembersRequest>,
    ) -> Result<Response<ListBastionMembersResponse>, Status> {
        let (call, message) = split(request)?;
        let asked = ListRequest {
            page_size: message.page_size,
            page_token: &message.page_token,
            filter: &message.filter,
            order_by: &message.order_by,
        };
        let (bastion_members, next_page_token) = self.0.list(&call, asked).await?;
        Ok(Response::new(ListBastionMembersResponse { bastion_members, next_page_token }))
    }

    async fn list_eligible_bastion_members(
        &self,
        request: Request<ListEligibleBastionMembersRequest>,
    ) -> Result<Response<ListEligibleBastionMembersResponse>, Status> {
        let (call, message) = split(request)?;
        let (members, next_page_token) = self.0.eligible(&call, message.page_size, &message.page_token).await?;
        let eligible_bastion_members = members.into_iter().map(eligible).collect();
        Ok(Response::new(ListEligibleBastionMembersResponse { eligible_bastion_members, next_page_token }))
    }

    async fn update_bastion_member(
        &self,
        request: Request<UpdateBastionMemberRequest>,
    ) -> Result<Response<BastionMember>, Status> {
        let (call, message) = split(request)?;
        self.0.update(&call, message.bastion_member, message.update_mask, &message.request_id).await
    }

    async fn delete_bastion_member(
        &self,
        request: Request<DeleteBastionMemberRequest>,
    ) -> Result<Response<()>, Status> {
        let (call, message) = split(request)?;
        self.0.delete(&call, &message.name, &message.etag, &message.request_id).await
    }
}

fn eligible(member: EligibleView) -> EligibleBastionMember {
    EligibleBastionMember {
        account: member.account,
        display_name: member.display_name,
        r#type: member.r#type,
        join_method: member.join_method,
        folder: member.folder,
    }
}

fn read(message: BastionMember) -> EntryView {
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

fn write(message: EntryView) -> BastionMember {
    BastionMember {
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
