//! `bailiwick.delegation.v1.DelegatedAdministratorService`.

use bailiwick_api::delegation::v1::{
    CreateDelegatedAdministratorRequest, DelegatedAdministrator, DeleteDelegatedAdministratorRequest,
    DeleteDelegatedAdministratorResponse, GetDelegatedAdministratorRequest, ListDelegatedAdministratorsRequest,
    ListDelegatedAdministratorsResponse, ListEligibleAccountsRequest, ListEligibleAccountsResponse,
    delegated_administrator_service_server::DelegatedAdministratorService,
};
use bailiwick_rpc::{respond, split};
use tonic::{Request, Response, Status};

use super::{Api, convert, position};
use crate::app::Ended;

#[tonic::async_trait]
impl DelegatedAdministratorService for Api {
    async fn create_delegated_administrator(
        &self,
        request: Request<CreateDelegatedAdministratorRequest>,
    ) -> Result<Response<DelegatedAdministrator>, Status> {
        let (call, mut message) = split(request)?;
        let request_id = std::mem::take(&mut message.request_id);
        let key = convert::once(&call, &request_id, &message)?;
        let (directory, service) = (convert::directory(&call)?, convert::service("parent", &message.parent)?);
        let account = message.delegated_administrator.unwrap_or_default().account;
        let account = convert::account("delegated_administrator.account", &account)?;
        let done = self.app.create_delegated_administrator(&call, &key, directory, service, account).await?;
        Ok(respond(convert::delegated_administrator(done.value), Some(position(&done.position))))
    }

    async fn get_delegated_administrator(
        &self,
        request: Request<GetDelegatedAdministratorRequest>,
    ) -> Result<Response<DelegatedAdministrator>, Status> {
        let (call, message) = split(request)?;
        let (service, account) = convert::administrator("name", &message.name)?;
        let found = self.app.get_delegated_administrator(convert::directory(&call)?, service, account).await?;
        Ok(respond(convert::delegated_administrator(found), None))
    }

    async fn list_delegated_administrators(
        &self,
        request: Request<ListDelegatedAdministratorsRequest>,
    ) -> Result<Response<ListDelegatedAdministratorsResponse>, Status> {
        let (call, message) = split(request)?;
        let service = convert::service("parent", &message.parent)?;
        let request = convert::page(&call, service.id(), message.page_size, message.page_token)?;
        let page = self.app.list_delegated_administrators(&request, service).await?;
        let items = page.items.into_iter().map(convert::delegated_administrator).collect();
        let answer =
            ListDelegatedAdministratorsResponse { delegated_administrators: items, next_page_token: page.next };
        Ok(respond(answer, None))
    }

    async fn delete_delegated_administrator(
        &self,
        request: Request<DeleteDelegatedAdministratorRequest>,
    ) -> Result<Response<DeleteDelegatedAdministratorResponse>, Status> {
        let (call, message) = split(request)?;
        match self.ended(&call, message).await? {
            Ended::Done(done) => Ok(respond(convert::impact(done.value), Some(position(&done.position)))),
            Ended::Impact(impact) => Ok(respond(convert::impact(impact), None)),
        }
    }

    async fn list_eligible_accounts(
        &self,
        request: Request<ListEligibleAccountsRequest>,
    ) -> Result<Response<ListEligibleAccountsResponse>, Status> {
        let (call, message) = split(request)?;
        let service = convert::service("parent", &message.parent)?;
        let request = convert::page(&call, service.id(), message.page_size, message.page_token)?;
        let page = self.app.list_eligible_accounts(&request, service).await?;
        let eligible_accounts = page.items.into_iter().map(convert::eligible).collect();
        Ok(respond(ListEligibleAccountsResponse { eligible_accounts, next_page_token: page.next }, None))
    }

    async fn update_delegated_administrator(
        &self,
        _: Request<bailiwick_api::delegation::v1::UpdateDelegatedAdministratorRequest>,
    ) -> Result<Response<DelegatedAdministrator>, Status> {
        Err(Status::unimplemented("UpdateDelegatedAdministrator is being built"))
    }

    async fn list_delegated_services(
        &self,
        _: Request<bailiwick_api::delegation::v1::ListDelegatedServicesRequest>,
    ) -> Result<Response<bailiwick_api::delegation::v1::ListDelegatedServicesResponse>, Status> {
        Err(Status::unimplemented("ListDelegatedServices is being built"))
    }
}

impl Api {
    async fn ended(
        &self,
        call: &bailiwick_rpc::Call,
        mut message: DeleteDelegatedAdministratorRequest,
    ) -> Result<Ended, Status> {
        let request_id = std::mem::take(&mut message.request_id);
        let key = convert::once(call, &request_id, &message)?;
        convert::etag(&message.etag)?;
        let directory = convert::directory(call)?;
        let (service, account) = convert::administrator("name", &message.name)?;
        let (app, etag) = (&self.app, message.etag.as_str());
        Ok(if message.validate_only {
            app.preview_delete_delegated_administrator(directory, service, account, etag).await?
        } else {
            app.delete_delegated_administrator(call, &key, (directory, service, account), etag).await?
        })
    }
}
