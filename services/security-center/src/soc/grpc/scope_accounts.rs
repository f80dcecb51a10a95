//! `bailiwick.soc.v1.ScopeService`.

use std::sync::Arc;

use bailiwick_api::soc::v1::{
    BatchCreateScopeAccountsRequest, BatchCreateScopeAccountsResponse, CreateScopeAccountRequest,
    DeleteScopeAccountRequest, GetScopeAccountRequest, GetScopeSummaryRequest, ListScopeAccountsRequest,
    ListScopeAccountsResponse, ScopeAccount, ScopeSummary, UpdateScopeAccountRequest,
    scope_service_server::ScopeService,
};
use bailiwick_roster::{Endpoint, EntryView, ListRequest, Roster, Shape};
use bailiwick_rpc::split;
use tonic::{Request, Response, Status};

/// The service over its list.
pub(crate) struct ScopeAccounts(Endpoint<ScopeAccount>);

impl ScopeAccounts {
    pub(crate) fn new(roster: Arc<Roster>) -> Self {
        Self(Endpoint::new(roster, Shape { field: "scope_account", read, write }))
    }
}

#[tonic::async_trait]
impl ScopeService for ScopeAccounts {
    async fn create_scope_account(
        &self,
        request: Request<CreateScopeAccountRequest>,
    ) -> Result<Response<ScopeAccount>, Status> {
        let (call, message) = split(request)?;
        self.0.create(&call, message.scope_account, &message.request_id).await
    }

    async fn batch_create_scope_accounts(
        &self,
        request: Request<BatchCreateScopeAccountsRequest>,
    ) -> Result<Response<BatchCreateScopeAccountsResponse>, Status> {
        let (call, message) = split(request)?;
        let entries = self.0.batch_create(&call, &message.accounts, &message.request_id).await?;
        Ok(entries.map(|scope_accounts| BatchCreateScopeAccountsResponse { scope_accounts }))
    }

    async fn get_scope_account(
        &self,
        request: Request<GetScopeAccountRequest>,
    ) -> Result<Response<ScopeAccount>, Status> {
        let (call, message) = split(request)?;
        self.0.get(&call, &message.name).await
    }

    async fn list_scope_accounts(
        &self,
        request: Request<ListScopeAccountsRequest>,
    ) -> Result<Response<ListScopeAccountsResponse>, Status> {
        let (call, message) = split(request)?;
        let asked = ListRequest {
            page_size: message.page_size,
            page_token: &message.page_token,
            filter: &message.filter,
            order_by: &message.order_by,
        };
        let (scope_accounts, next_page_token) = self.0.list(&call, asked).await?;
        Ok(Response::new(ListScopeAccountsResponse { scope_accounts, next_page_token }))
    }

    async fn update_scope_account(
        &self,
        request: Request<UpdateScopeAccountRequest>,
    ) -> Result<Response<ScopeAccount>, Status> {
        let (call, message) = split(request)?;
        self.0.update(&call, message.scope_account, message.update_mask, &message.request_id).await
    }

    async fn delete_scope_account(&self, request: Request<DeleteScopeAccountRequest>) -> Result<Response<()>, Status> {
        let (call, message) = split(request)?;
        self.0.delete(&call, &message.name, &message.etag, &message.request_id).await
    }

    async fn get_scope_summary(
        &self,
        request: Request<GetScopeSummaryRequest>,
    ) -> Result<Response<ScopeSummary>, Status> {
        let (call, _) = split(request)?;
        Ok(Response::new(ScopeSummary { total_monitored_accounts: self.0.count(&call).await? }))
    }
}

fn read(message: ScopeAccount) -> EntryView {
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

fn write(message: EntryView) -> ScopeAccount {
    ScopeAccount {
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
