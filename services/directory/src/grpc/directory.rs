//! Directories.

use std::mem::take;

use bailiwick_rpc::{InvalidFields, split};
use pb::directory_service_server::DirectoryService;
use tonic::{Request, Response, Status, async_trait};

use super::{
    Grpc, answer, convert,
    parse::{finish, mutation},
    pb,
};
use crate::app::Mutation;

#[async_trait]
impl DirectoryService for Grpc {
    async fn create_directory(
        &self,
        request: Request<pb::CreateDirectoryRequest>,
    ) -> Result<Response<pb::Directory>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let change = Mutation { validate_only: request.validate_only, ..change };
        let account = fields.account("account", &request.account);
        let done = self.0.directory_create(&call, &change, finish(fields, account)?).await?;
        Ok(answer(done, convert::directory))
    }

    async fn get_directory(
        &self,
        request: Request<pb::GetDirectoryRequest>,
    ) -> Result<Response<pb::Directory>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let directory = fields.directory("name", &request.name);
        let found = self.0.directory_get(&call, finish(fields, directory)?).await?;
        Ok(Response::new(convert::directory(found)))
    }

    async fn update_directory(
        &self,
        _: Request<pb::UpdateDirectoryRequest>,
    ) -> Result<Response<pb::Directory>, Status> {
        Err(Status::unimplemented("UpdateDirectory is being built"))
    }

    async fn delete_directory(&self, _: Request<pb::DeleteDirectoryRequest>) -> Result<Response<()>, Status> {
        Err(Status::unimplemented("DeleteDirectory is being built"))
    }
}
