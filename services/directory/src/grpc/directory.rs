//! Directories.

use std::mem::take;

use bailiwick_core::DirectoryId;
use bailiwick_rpc::{Call, InvalidFields, split};
use pb::directory_service_server::DirectoryService;
use tonic::{Request, Response, Status, async_trait};

use super::{
    Grpc, answer, convert,
    parse::{finish, mask, mutation},
    pb,
};
use crate::{app::Mutation, domain::directory::Switches};

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
        request: Request<pb::UpdateDirectoryRequest>,
    ) -> Result<Response<pb::Directory>, Status> {
        let (call, request) = split(request)?;
        let (change, directory, switches, etag) = parse_update(&call, request)?;
        let done = self.0.directory_update(&call, &change, directory, switches, &etag).await?;
        Ok(answer(done, convert::directory))
    }

    async fn delete_directory(&self, request: Request<pb::DeleteDirectoryRequest>) -> Result<Response<()>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let change = Mutation { validate_only: request.validate_only, ..change };
        let directory = fields.directory("name", &request.name);
        let directory = finish(fields, directory)?;
        let done = self.0.directory_delete(&call, &change, directory, &request.etag).await?;
        Ok(answer(done, |()| ()))
    }
}

fn parse_update(
    call: &Call,
    mut request: pb::UpdateDirectoryRequest,
) -> Result<(Mutation, DirectoryId, Switches, String), Status> {
    let mut fields = InvalidFields::new();
    let request_id = take(&mut request.request_id);
    let change = mutation(&mut fields, call, &request_id, &request);
    let asked = fields.required("directory", request.directory).unwrap_or_default();
    let directory = fields.directory("directory.name", &asked.name);
    let (deletion, policies) = (asked.member_deletion_enabled, asked.control_policies_enabled);
    let known = ["member_deletion_enabled", "control_policies_enabled"];
    let [sets_deletion, sets_policies] = mask(&mut fields, request.update_mask.as_ref(), known, [deletion, policies]);
    let directory = finish(fields, directory)?;
    let switches = Switches {
        member_deletion_enabled: sets_deletion.then_some(deletion),
        control_policies_enabled: sets_policies.then_some(policies),
    };
    Ok((change, directory, switches, asked.etag))
}
