//! `bailiwick.delegation.v1.TrustedServiceService`.

use bailiwick_api::delegation::v1::{
    DisableTrustedServiceRequest, DisableTrustedServiceResponse, EnableTrustedAccessRequest,
    EnableTrustedAccessResponse, EnableTrustedServiceRequest, GetTrustedServiceRequest, ListTrustedServicesRequest,
    ListTrustedServicesResponse, TrustedService, trusted_access_service_server::TrustedAccessService,
    trusted_service_service_server::TrustedServiceService,
};
use bailiwick_core::DirectoryId;
use bailiwick_rpc::{InvalidFields, respond, split};
use tonic::{Request, Response, Status};

use super::{Api, convert, position};
use crate::{app::Disabled, domain::trusted_service::Access};

#[tonic::async_trait]
impl TrustedServiceService for Api {
    async fn list_trusted_services(
        &self,
        request: Request<ListTrustedServicesRequest>,
    ) -> Result<Response<ListTrustedServicesResponse>, Status> {
        let (call, message) = split(request)?;
        let request = convert::page(&call, "", message.page_size, message.page_token)?;
        let page = self.app.list_trusted_services(&request).await?;
        let shown = |access| self.trusted_service(request.directory, access);
        let trusted_services = page.items.into_iter().map(shown).collect();
        Ok(respond(ListTrustedServicesResponse { trusted_services, next_page_token: page.next }, None))
    }

    async fn get_trusted_service(
        &self,
        request: Request<GetTrustedServiceRequest>,
    ) -> Result<Response<TrustedService>, Status> {
        let (call, message) = split(request)?;
        let (directory, service) = (convert::directory(&call)?, convert::service("name", &message.name)?);
        let access = self.app.get_trusted_service(directory, service).await?;
        Ok(respond(self.trusted_service(directory, access), None))
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
        Ok(respond(self.trusted_service(directory, done.value), Some(position(&done.position))))
    }

    async fn disable_trusted_service(
        &self,
        request: Request<DisableTrustedServiceRequest>,
    ) -> Result<Response<DisableTrustedServiceResponse>, Status> {
        let (call, mut message) = split(request)?;
        let request_id = std::mem::take(&mut message.request_id);
        let key = convert::once(&call, &request_id, &message)?;
        let (directory, service) = (convert::directory(&call)?, convert::service("name", &message.name)?);
        if message.validate_only {
            let preview = self.app.preview_disable_trusted_service(directory, service).await?;
            return Ok(respond(self.disabled(directory, preview), None));
        }
        let done = self.app.disable_trusted_service(&call, &key, (directory, service), message.force).await?;
        Ok(respond(self.disabled(directory, done.value), Some(position(&done.position))))
    }
}

#[tonic::async_trait]
impl TrustedAccessService for Api {
    async fn enable_trusted_access(
        &self,
        request: Request<EnableTrustedAccessRequest>,
    ) -> Result<Response<EnableTrustedAccessResponse>, Status> {
        let (call, message) = split(request)?;
        let service = convert::service_id(&message.trusted_service)?;
        let mut invalid = InvalidFields::new();
        let directory = invalid.directory("directory", &message.directory);
        let Some(directory) = directory else { return Err(invalid.into_status()) };
        let done = self.app.enable_trusted_access(&call, directory, service).await?;
        Ok(respond(EnableTrustedAccessResponse {}, Some(position(&done.position))))
    }
}

impl Api {
    fn trusted_service(&self, directory: DirectoryId, access: Access) -> TrustedService {
        convert::trusted_service(directory, access, self.app.limits.administrators(access.service))
    }

    fn disabled(&self, directory: DirectoryId, disabled: Disabled) -> DisableTrustedServiceResponse {
        DisableTrustedServiceResponse {
            trusted_service: Some(self.trusted_service(directory, disabled.access)),
            delegated_administrators: i32::try_from(disabled.administrators).unwrap_or(i32::MAX),
            enrolled_members: i32::try_from(disabled.members).unwrap_or(i32::MAX),
        }
    }
}
