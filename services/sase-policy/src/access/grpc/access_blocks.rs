//! `bailiwick.sase.v1.AccessBlockService`.

use bailiwick_api::sase::v1::{self as pb, access_block_service_server::AccessBlockService};
use bailiwick_rpc::{Call, InvalidFields, split};
use tonic::{Request, Response, Status};

use super::parse::{self, timestamp};
use crate::access::{
    app::Sase,
    domain::{AccessBlock, Blocked, Meta, Resource, ResourceKind, cedar},
};

const REASON_MAX: usize = 1_024;

/// The service.
pub(super) struct AccessBlocks(pub(super) Sase);

#[tonic::async_trait]
impl AccessBlockService for AccessBlocks {
    async fn create_access_block(
        &self,
        request: Request<pb::CreateAccessBlockRequest>,
    ) -> Result<Response<pb::AccessBlock>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        parse::new_id(&mut fields, "access_block_id", &message.access_block_id);
        let asked = message.access_block.unwrap_or_default();
        let blocked = read(&mut fields, &call, &asked);
        let account = match asked.account.as_str() {
            "" => None,
            name => fields.account("access_block.account", name),
        };
        fields.text("access_block.reason", &asked.reason, 1..=REASON_MAX);
        let expire = parse::moment(&mut fields, "access_block.expire_time", asked.expire_time.as_ref());
        let future = expire.is_none_or(|expire| self.0.now() < expire);
        fields.check("access_block.expire_time", future, "must be in the future");
        let Some(blocked) = blocked else { return Err(fields.into_status()) };
        fields.finish()?;
        let make =
            |meta: Meta| AccessBlock { meta, blocked: blocked.clone(), account, reason: asked.reason.clone(), expire };
        Ok(parse::done(self.0.create(&call, &key, &message.access_block_id, make).await?, block))
    }

    async fn get_access_block(
        &self,
        request: Request<pb::GetAccessBlockRequest>,
    ) -> Result<Response<pb::AccessBlock>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let Some(id) = parse::id(&mut fields, &call, "name", ResourceKind::AccessBlock, &message.name) else {
            return Err(fields.into_status());
        };
        Ok(Response::new(block(self.0.get(&call, &id).await?)))
    }

    async fn list_access_blocks(
        &self,
        request: Request<pb::ListAccessBlocksRequest>,
    ) -> Result<Response<pb::ListAccessBlocksResponse>, Status> {
        let (call, message) = split(request)?;
        let page = self.0.list(&call, parse::page(message.page_size)?, &message.page_token).await?;
        let now = self.0.now();
        let standing = page.items.into_iter().filter(|block: &AccessBlock| block.stands(now));
        let access_blocks = standing.map(block).collect();
        Ok(Response::new(pb::ListAccessBlocksResponse { access_blocks, next_page_token: page.next }))
    }

    async fn delete_access_block(
        &self,
        request: Request<pb::DeleteAccessBlockRequest>,
    ) -> Result<Response<()>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let Some(id) = parse::id(&mut fields, &call, "name", ResourceKind::AccessBlock, &message.name) else {
            return Err(fields.into_status());
        };
        fields.finish()?;
        Ok(parse::done(self.0.delete::<AccessBlock>(&call, &key, (&id, &message.etag)).await?, |()| ()))
    }
}

/// What is blocked: one of four.
fn read(fields: &mut InvalidFields, call: &Call, asked: &pb::AccessBlock) -> Option<Blocked> {
    let pb::AccessBlock { sase_user, device, address, application, .. } = asked;
    let set = [sase_user, device, address, application].into_iter().filter(|text| !text.is_empty()).count();
    fields.check("access_block", set == 1, "must have one of `sase_user`, `device`, `address` and `application`");
    if set != 1 {
        return None;
    }
    let mut id = |field: &str, kind, name: &str| parse::id(fields, call, &format!("access_block.{field}"), kind, name);
    if !sase_user.is_empty() {
        id("sase_user", ResourceKind::SaseUser, sase_user).map(Blocked::User)
    } else if !device.is_empty() {
        id("device", ResourceKind::Device, device).map(Blocked::Device)
    } else if !application.is_empty() {
        id("application", ResourceKind::Application, application).map(Blocked::Application)
    } else {
        fields.parse("access_block.address", address).map(Blocked::Address)
    }
}

pub(super) fn block(block: AccessBlock) -> pb::AccessBlock {
    let directory = block.meta.directory;
    let mut message = pb::AccessBlock {
        name: block.name(),
        account: block.account.map(|account| account.name()).unwrap_or_default(),
        expire_time: block.expire.map(timestamp),
        cedar: cedar::block_text(&block),
        etag: block.meta.etag(),
        create_time: Some(timestamp(block.meta.create_time)),
        update_time: Some(timestamp(block.meta.update_time)),
        operator: block.meta.operator,
        reason: block.reason,
        ..pb::AccessBlock::default()
    };
    match block.blocked {
        Blocked::User(id) => message.sase_user = ResourceKind::SaseUser.name(directory, &id),
        Blocked::Device(id) => message.device = ResourceKind::Device.name(directory, &id),
        Blocked::Application(id) => message.application = ResourceKind::Application.name(directory, &id),
        Blocked::Address(range) => message.address = range.to_string(),
    }
    message
}
