//! Access keys.

use std::{mem::take, time::Duration};

use bailiwick_rpc::{Call, InvalidFields, split};
use pb::access_key_service_server::AccessKeyService;
use prost::Message;
use tonic::{Request, Response, Status, async_trait};

use super::{
    Grpc, answer, convert,
    parse::{self, duration, finish, in_account, mutation, page},
    pb,
};
use crate::{
    app::{KeyName, Mutation},
    domain::access_key::{GRACE_DEFAULT, GRACE_MAX, Use},
};

#[async_trait]
impl AccessKeyService for Grpc {
    async fn create_access_key(
        &self,
        request: Request<pb::CreateAccessKeyRequest>,
    ) -> Result<Response<pb::AccessKey>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let named = parse::user(&mut fields, "parent", &request.parent);
        let (account, user) = finish(fields, named)?;
        let done = self.0.access_key_create(&call, &change, account, user).await?;
        Ok(answer(done, convert::new_access_key))
    }

    async fn list_access_keys(
        &self,
        request: Request<pb::ListAccessKeysRequest>,
    ) -> Result<Response<pb::ListAccessKeysResponse>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let named = parse::user(&mut fields, "parent", &request.parent);
        let asked = page(&mut fields, request.page_size, &request.page_token);
        let ((account, user), asked) = finish(fields, named.zip(asked))?;
        let page = self.0.access_key_list(&call, account, user, &asked).await?;
        let access_keys = page.items.into_iter().map(convert::access_key).collect();
        Ok(Response::new(pb::ListAccessKeysResponse { access_keys, next_page_token: page.next }))
    }

    async fn disable_access_key(
        &self,
        request: Request<pb::DisableAccessKeyRequest>,
    ) -> Result<Response<pb::AccessKey>, Status> {
        let (call, mut request) = split(request)?;
        let request_id = take(&mut request.request_id);
        let (change, named) = parse_change(&call, &request_id, &request, &request.name)?;
        let done = self.0.access_key_put(&call, &change, named, Use::Disabled, &request.etag).await?;
        Ok(answer(done, convert::access_key))
    }

    async fn enable_access_key(
        &self,
        request: Request<pb::EnableAccessKeyRequest>,
    ) -> Result<Response<pb::AccessKey>, Status> {
        let (call, mut request) = split(request)?;
        let request_id = take(&mut request.request_id);
        let (change, named) = parse_change(&call, &request_id, &request, &request.name)?;
        let done = self.0.access_key_put(&call, &change, named, Use::Enabled, &request.etag).await?;
        Ok(answer(done, convert::access_key))
    }

    async fn delete_access_key(&self, request: Request<pb::DeleteAccessKeyRequest>) -> Result<Response<()>, Status> {
        let (call, mut request) = split(request)?;
        let request_id = take(&mut request.request_id);
        let (change, named) = parse_change(&call, &request_id, &request, &request.name)?;
        let done = self.0.access_key_delete(&call, &change, named, &request.etag).await?;
        Ok(answer(done, |()| ()))
    }

    async fn rotate_access_key(
        &self,
        request: Request<pb::RotateAccessKeyRequest>,
    ) -> Result<Response<pb::RotateAccessKeyResponse>, Status> {
        let (call, mut request) = split(request)?;
        let request_id = take(&mut request.request_id);
        let mut fields = InvalidFields::new();
        let grace = duration(&mut fields, "grace", request.grace, GRACE_DEFAULT, Duration::ZERO..=GRACE_MAX);
        let grace = finish(fields, grace)?;
        let (change, named) = parse_change(&call, &request_id, &request, &request.name)?;
        let done = self.0.access_key_rotate(&call, &change, named, grace, &request.etag).await?;
        Ok(answer(done, convert::rotated))
    }
}

fn parse_change<'a>(
    call: &Call,
    request_id: &str,
    request: &impl Message,
    name: &'a str,
) -> Result<(Mutation, KeyName<'a>), Status> {
    let mut fields = InvalidFields::new();
    let change = mutation(&mut fields, call, request_id, request);
    let pattern = "accounts/{account}/users/{user}/accessKeys/{access_key}";
    let named = in_account(&mut fields, "name", name, pattern);
    let (account, [user, key]) = finish(fields, named)?;
    Ok((change, KeyName { account, user, key }))
}
