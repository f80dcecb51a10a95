//! Users.

use std::mem::take;

use bailiwick_core::AccountId;
use bailiwick_rpc::{Call, InvalidFields, split};
use pb::user_service_server::UserService;
use tonic::{Request, Response, Status, async_trait};

use super::{
    Grpc, answer, convert,
    parse::{self, finish, listing, mutation, page, text},
    pb,
};
use crate::{
    app::Mutation,
    domain::{
        Text,
        user::{NewUser, SCHEMA, UserUpdate, is_user_id},
    },
};

#[async_trait]
impl UserService for Grpc {
    async fn create_user(&self, request: Request<pb::CreateUserRequest>) -> Result<Response<pb::User>, Status> {
        let (call, request) = split(request)?;
        let (change, account, new) = parse_create(&call, request)?;
        let done = self.0.user_create(&call, &change, account, new).await?;
        Ok(answer(done, convert::user))
    }

    async fn get_user(&self, request: Request<pb::GetUserRequest>) -> Result<Response<pb::User>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let named = parse::user(&mut fields, "name", &request.name);
        let (account, user) = finish(fields, named)?;
        let found = self.0.user_get(&call, account, user).await?;
        Ok(Response::new(convert::user(found)))
    }

    async fn list_users(
        &self,
        request: Request<pb::ListUsersRequest>,
    ) -> Result<Response<pb::ListUsersResponse>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let account = fields.account("parent", &request.parent);
        let asked = page(&mut fields, request.page_size, &request.page_token);
        let listing = listing(&mut fields, &SCHEMA, &request.filter, &request.order_by);
        let ((account, asked), listing) = finish(fields, account.zip(asked).zip(listing))?;
        let page = self.0.user_list(&call, account, &asked, &listing).await?;
        let users = page.items.into_iter().map(convert::user).collect();
        Ok(Response::new(pb::ListUsersResponse { users, next_page_token: page.next }))
    }

    async fn delete_user(&self, request: Request<pb::DeleteUserRequest>) -> Result<Response<()>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let named = parse::user(&mut fields, "name", &request.name);
        let (account, user) = finish(fields, named)?;
        let done = self.0.user_delete(&call, &change, account, user, &request.etag).await?;
        Ok(answer(done, |()| ()))
    }

    async fn update_user(&self, request: Request<pb::UpdateUserRequest>) -> Result<Response<pb::User>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let user = request.user.unwrap_or_default();
        let named = parse::user(&mut fields, "user.name", &user.name);
        let new = parse_update(&mut fields, &user, &request.update_mask.unwrap_or_default().paths);
        let (named, new) = finish(fields, named.zip(new))?;
        let done = self.0.user_update(&call, &change, named, &new, &user.etag).await?;
        Ok(answer(done, convert::user))
    }
}

/// The fields of a mask; the display name alone if it is empty, for what is not sent would disable the user.
fn parse_update(fields: &mut InvalidFields, user: &pb::User, paths: &[String]) -> Option<UserUpdate> {
    let display_name = text(fields, "user.display_name", &user.display_name, Text::USER_DISPLAY_NAME)?;
    if paths.is_empty() {
        return Some(UserUpdate { display_name: Some(display_name), enabled: None });
    }
    let mut update = UserUpdate::default();
    for path in paths {
        match path.as_str() {
            "display_name" => update.display_name = Some(display_name.clone()),
            "enabled" => update.enabled = Some(user.enabled),
            _ => fields.violation("update_mask", "must be of `display_name` and `enabled`"),
        }
    }
    Some(update)
}

fn parse_create(call: &Call, mut request: pb::CreateUserRequest) -> Result<(Mutation, AccountId, NewUser), Status> {
    let mut fields = InvalidFields::new();
    let request_id = take(&mut request.request_id);
    let change = mutation(&mut fields, call, &request_id, &request);
    let account = fields.account("parent", &request.parent);
    let form = "must be 1 to 63 lower-case letters, digits, `-`, `.` or `_`, the first a letter, and not `root`";
    fields.check("user_id", is_user_id(&request.user_id), form);
    let display_name = request.user.map(|user| user.display_name).unwrap_or_default();
    let display_name = text(&mut fields, "user.display_name", &display_name, Text::USER_DISPLAY_NAME);
    let (account, display_name) = finish(fields, account.zip(display_name))?;
    Ok((change, account, NewUser { id: request.user_id, display_name }))
}
