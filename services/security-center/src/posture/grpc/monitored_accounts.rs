//! `bailiwick.securitycenter.v1.MonitoredAccountService`.

use std::sync::Arc;

use bailiwick_api::securitycenter::v1::{
    BatchCreateMonitoredAccountsRequest, BatchCreateMonitoredAccountsResponse, CreateMonitoredAccountRequest,
    DeleteMonitoredAccountRequest, GetMonitoredAccountRequest, ListMonitoredAccountsRequest,
    ListMonitoredAccountsResponse, MonitoredAccount, UpdateMonitoredAccountRequest,
    monitored_account_service_server::MonitoredAccountService,
};
use bailiwick_roster::{Endpoint, EntryView, ListRequest, Roster, Shape};
use bailiwick_rpc::split;
use tonic::{Request, Response, Status};

/// The service over its list.
pub(crate) struct MonitoredAccounts(Endpoint<MonitoredAccount>);

impl MonitoredAccounts {
    pub(crate) fn new(roster: Arc<Roster>) -> Self {
        Self(Endpoint::new(roster, Shape { field: "monitored_account", read, write }))
    }
}

#[tonic::async_trait]
impl MonitoredAccountService for MonitoredAccounts {
    async fn create_monitored_account(
        &self,
        request: Request<CreateMonitoredAccountRequest>,
    ) -> Result<Response<MonitoredAccount>, Status> {
        let (call, message) = split(request)?;
        self.0.create(&call, message.monitored_account, &message.request_id).await
    }

    async fn batch_create_monitored_accounts(
        &self,
        request: Request<BatchCreateMonitoredAccountsRequest>,
    ) -> Result<Response<BatchCreateMonitoredAccountsResponse>, Status> {
        let (call, message) = split(request)?;
        let entries = self.0.batch_create(&call, &message.accounts, &message.request_id).await?;
        Ok(entries.map(|monitored_accounts| BatchCreateMonitoredAccountsResponse { monitored_accounts }))
    }

    async fn get_monitored_account(
        &self,
        request: Request<GetMonitoredAccountRequest>,
    ) -> Result<Response<MonitoredAccount>, Status> {
        let (call, message) = split(request)?;
        self.0.get(&call, &message.name).await
    }

    async fn list_monitored_accounts(
        &self,
        request: Request<ListMonitoredAccountsRequest>,
    ) -> Result<Response<ListMonitoredAccountsResponse>, Status> {
        let (call, message) = split(request)?;
        let asked = ListRequest {
            page_size: message.page_size,
            page_token: &message.page_token,
            filter: &message.filter,
            order_by: &message.order_by,
        };
        let (monitored_accounts, next_page_token) = self.0.list(&call, asked).await?;
        Ok(Response::new(ListMonitoredAccountsResponse { monitored_accounts, next_page_token }))
    }

    async fn update_monitored_account(
        &self,
        request: Request<UpdateMonitoredAccountRequest>,
    ) -> Result<Response<MonitoredAccount>, Status> {
        let (call, message) = split(request)?;
        self.0.update(&call, message.monitored_account, message.update_mask, &message.request_id).await
    }

    async fn delete_monitored_account(
        &self,
        request: Request<DeleteMonitoredAccountRequest>,
    ) -> Result<Response<()>, Status> {
        let (call, message) = split(request)?;
        self.0.delete(&call, &message.name, &message.etag, &message.request_id).await
    }
}

fn read(message: MonitoredAccount) -> EntryView {
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
        marked: message.marked,
    }
}

fn write(message: EntryView) -> MonitoredAccount {
    MonitoredAccount {
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
        marked: message.marked,
    }
}
