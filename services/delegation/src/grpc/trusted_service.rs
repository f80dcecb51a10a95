//! `bailiwick.delegation.v1.TrustedServiceService`.

use bailiwick_api::delegation::v1::{
    DisableTrustedServiceRequest, DisableTrustedServiceResponse, EnableTrustedServiceRequest, GetTrustedServiceRequest,
    ListTrustedServicesRequest, ListTrustedServicesResponse, TrustedService,
    trusted_service_service_server::TrustedServiceService,
};
use bailiwick_rpc::{respond, split};
use tonic::{Request, Response, Status};

use super::{Api, convert, position};

#[tonic::async_trait]
impl TrustedServiceService for Api {
    async fn list_trusted_services(
        &self,
        request: Request<ListTrustedServicesRequest>,
    ) -> Result<Response<ListTrustedServicesResponse>, Status> {
        let (call, message) = split(request)?;
        let request = convert::page(&call, "", message.page_size, message.page_token)?;
        let page = self.app.list_trusted_services(&request).await?;
        let convert = |access| convert::trusted_service(request.directory, access);
        let trusted_services = page.items.into_iter().map(convert).collect();
        Ok(respond(ListTrustedServicesResponse { trusted_services, next_page_token: page.next }, None))
    }

    async fn get_trusted_service(
        &self,
        request: Request<GetTrustedServiceRequest>,
    ) -> Result<Response<TrustedService>, Status> {
        let (call, message) = split(request)?;
        let (directory, service) = (convert::directory(&call)?, convert::service("name", &message.name)?);
        let access = self.app.get_trusted_service(directory, service).await?;
        Ok(respond(convert::trusted_service(directory, access), None))
    }

    async fn enable_trusted_service(
        &self,
        request: Request<EnableTrustedServiceRequest>,
    ) -> Result<Response<TrustedService>, Status> {
        let (call, mut message) = split(request)?;
        let request_id = std::mem::take(&mut message.request_id);
        let key = convert::once(&call, &request_id, &message)?;
        let (directory, service) = (convert::directory(&call)?, convert::service("name", &message.name)?);
        let done = self.app.enable_trusted_service(&call, &key, directory, service).await?;
        Ok(respond(convert::trusted_service(directory, done.value), Some(position(&done.position))))
    }

    async fn disable_trusted_service(
        &self,
        request: Request<DisableTrustedServiceRequest>,
    ) -> Result<Response<DisableTrustedServiceResponse>, Status> {
        let (call, mut message) = split(request)?;
        let request_id = std::mem::take(&mut message.request_id);
        let key = convert::once(&call, &request_id, &message)?;
        let (directory, service) = (convert::directory(&call)?, convert::service("name", &message.name)?);
        let done = self.app.disable_trusted_service(&call, &key, directory, service).await?;
        let trusted_service = Some(convert::trusted_service(directory, done.value));
        let response = DisableTrustedServiceResponse { trusted_service, ..DisableTrustedServiceResponse::default() };
        Ok(respond(response, Some(position(&done.position))))
    }
}
