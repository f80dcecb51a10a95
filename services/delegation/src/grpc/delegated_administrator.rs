//! `bailiwick.delegation.v1.DelegatedAdministratorService`.

use bailiwick_api::delegation::v1::{
    CreateDelegatedAdministratorRequest, DelegatedAdministrator, DeleteDelegatedAdministratorRequest,
    DeleteDelegatedAdministratorResponse, GetDelegatedAdministratorRequest, ListDelegatedAdministratorsRequest,
    ListDelegatedAdministratorsResponse, ListDelegatedServicesRequest, ListDelegatedServicesResponse,
    ListEligibleAccountsRequest, ListEligibleAccountsResponse, UpdateDelegatedAdministratorRequest,
    delegated_administrator_service_server::DelegatedAdministratorService,
};
use bailiwick_rpc::{Call, respond, split};
use tonic::{Request, Response, Status};

use super::{Api, convert, position};
use crate::{
    app::{Changed, Ended},
    domain::Candidate,
};

#[tonic::async_trait]
impl DelegatedAdministratorService for Api {
    async fn create_delegated_administrator(
        &self,
        request: Request<CreateDelegatedAdministratorRequest>,
    ) -> Result<Response<DelegatedAdministrator>, Status> {
        let (call, mut message) = split(request)?;
        let request_id = std::mem::take(&mut message.request_id);
        let key = convert::once(&call, &request_id, &message)?;
        let candidate = candidate(&call, &message)?;
        if message.validate_only {
            let checked = self.app.check_delegated_administrator(&candidate).await?;
            return Ok(respond(convert::delegated_administrator(checked), None));
        }
        let done = self.app.create_delegated_administrator(&call, &key, &candidate).await?;
        Ok(respond(convert::delegated_administrator(done.value), Some(position(&done.position))))
    }

    async fn get_delegated_administrator(
        &self,
        request: Request<GetDelegatedAdministratorRequest>,
    ) -> Result<Response<DelegatedAdministrator>, Status> {
        let (call, message) = split(request)?;
        let (service, account) = convert::administrator("name", &message.name)?;
        let found = self.app.get_delegated_administrator(convert::directory(&call)?, service, account).await?;
        let shown = self.app.show(vec![found]).await?.into_iter().next().map(convert::shown);
        Ok(respond(shown.unwrap_or_default(), None))
    }

    async fn list_delegated_administrators(
        &self,
        request: Request<ListDelegatedAdministratorsRequest>,
    ) -> Result<Response<ListDelegatedAdministratorsResponse>, Status> {
        let (call, message) = split(request)?;
        let service = convert::service("parent", &message.parent)?;
        let request = convert::page(&call, service.id(), message.page_size, message.page_token)?;
        let page = self.app.list_delegated_administrators(&request, service).await?;
        let items = self.app.show(page.items).await?.into_iter().map(convert::shown).collect();
        let answer =
            ListDelegatedAdministratorsResponse { delegated_administrators: items, next_page_token: page.next };
        Ok(respond(answer, None))
    }

    async fn delete_delegated_administrator(
        &self,
        request: Request<DeleteDelegatedAdministratorRequest>,
    ) -> Result<Response<DeleteDelegatedAdministratorResponse>, Status> {
        let (call, message) = split(request)?;
        let directory = convert::directory(&call)?;
        match self.ended(&call, message).await? {
            Ended::Done(done) => Ok(respond(convert::impact(directory, done.value), Some(position(&done.position)))),
            Ended::Impact(impact) => Ok(respond(convert::impact(directory, impact), None)),
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
        request: Request<UpdateDelegatedAdministratorRequest>,
    ) -> Result<Response<DelegatedAdministrator>, Status> {
        let (call, message) = split(request)?;
        match self.changed(&call, message).await? {
            Changed::Done(done) => {
                Ok(respond(convert::delegated_administrator(done.value), Some(position(&done.position))))
            }
            Changed::Checked(checked) => Ok(respond(convert::delegated_administrator(checked), None)),
        }
    }

    async fn list_delegated_services(
        &self,
        request: Request<ListDelegatedServicesRequest>,
    ) -> Result<Response<ListDelegatedServicesResponse>, Status> {
        let (call, message) = split(request)?;
        let account = convert::member("parent", &message.parent)?;
        let request = convert::page(&call, &account.name(), message.page_size, message.page_token)?;
        let page = self.app.list_delegated_services(&request, account).await?;
        let delegated_administrators = self.app.show(page.items).await?.into_iter().map(convert::shown).collect();
        Ok(respond(ListDelegatedServicesResponse { delegated_administrators, next_page_token: page.next }, None))
    }
}

/// The member that is to be designated, and for what.
fn candidate(call: &Call, message: &CreateDelegatedAdministratorRequest) -> Result<Candidate, Status> {
    let (directory, service) = (convert::directory(call)?, convert::service("parent", &message.parent)?);
    let asked = message.delegated_administrator.clone().unwrap_or_default();
    let account = convert::account("delegated_administrator.account", &asked.account)?;
    let folder = convert::folder_id("delegated_administrator.folder", &asked.folder, directory)?;
    Ok(Candidate { directory, service, account, folder })
}

impl Api {
    async fn changed(&self, call: &Call, mut message: UpdateDelegatedAdministratorRequest) -> Result<Changed, Status> {
        let request_id = std::mem::take(&mut message.request_id);
        let key = convert::once(call, &request_id, &message)?;
        let asked = message.delegated_administrator.unwrap_or_default();
        convert::etag(&asked.etag)?;
        convert::folder_mask(message.update_mask, &asked.folder)?;
        let directory = convert::directory(call)?;
        let (service, account) = convert::administrator("delegated_administrator.name", &asked.name)?;
        let folder = convert::folder_id("delegated_administrator.folder", &asked.folder, directory)?;
        let (app, candidate) = (&self.app, Candidate { directory, service, account, folder });
        Ok(if message.validate_only {
            Changed::Checked(app.check_update_delegated_administrator(&candidate, &asked.etag).await?)
        } else {
            Changed::Done(app.update_delegated_administrator(call, &key, &candidate, &asked.etag).await?)
        })
    }

    async fn ended(&self, call: &Call, mut message: DeleteDelegatedAdministratorRequest) -> Result<Ended, Status> {
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
