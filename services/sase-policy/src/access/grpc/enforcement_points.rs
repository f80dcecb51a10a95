//! `bailiwick.sase.v1.EnforcementPointService`.

use bailiwick_api::sase::v1::{self as pb, enforcement_point_service_server::EnforcementPointService};
use bailiwick_core::Timestamp;
use bailiwick_rpc::{InvalidFields, split};
use tonic::{Request, Response, Status};

use super::parse::{self, DISPLAY_NAME_MAX, timestamp};
use crate::access::{
    app::{Credentialed, Sase},
    domain::{EnforcementPoint, Meta, Resource, ResourceKind},
};

const HEADER_MAX: usize = 64;
const OVERLAP_SECONDS_MAX: u32 = 86_400;
const TOKEN_HEADER: &str = "authorization";

/// The service.
pub(super) struct EnforcementPoints(pub(super) Sase);

#[tonic::async_trait]
impl EnforcementPointService for EnforcementPoints {
    async fn create_enforcement_point(
        &self,
        request: Request<pb::CreateEnforcementPointRequest>,
    ) -> Result<Response<pb::EnforcementPoint>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        parse::new_id(&mut fields, "enforcement_point_id", &message.enforcement_point_id);
        let asked = message.enforcement_point.unwrap_or_default();
        fields.text("enforcement_point.display_name", &asked.display_name, 1..=DISPLAY_NAME_MAX);
        let problem = "must be a header of at most 64 of a-z, 0-9 and -, or empty";
        fields.check("enforcement_point.token_header", is_header(&asked.token_header), problem);
        fields.finish()?;
        let header = if asked.token_header.is_empty() { TOKEN_HEADER } else { asked.token_header.as_str() };
        let make = |meta: Meta, secret_hash: [u8; 32]| EnforcementPoint {
            meta,
            display_name: asked.display_name.clone(),
            token_header: header.to_owned(),
            forward_token: asked.forward_token,
            secret_hash,
            former: None,
        };
        let done = self.0.point_create(&call, &key, &message.enforcement_point_id, make).await?;
        Ok(parse::done(done, |made| credentialed(made, self.0.now())))
    }

    async fn get_enforcement_point(
        &self,
        request: Request<pb::GetEnforcementPointRequest>,
    ) -> Result<Response<pb::EnforcementPoint>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let Some(id) = parse::id(&mut fields, &call, "name", ResourceKind::EnforcementPoint, &message.name) else {
            return Err(fields.into_status());
        };
        Ok(Response::new(point(self.0.get(&call, &id).await?, self.0.now())))
    }

    async fn list_enforcement_points(
        &self,
        request: Request<pb::ListEnforcementPointsRequest>,
    ) -> Result<Response<pb::ListEnforcementPointsResponse>, Status> {
        let (call, message) = split(request)?;
        let page = self.0.list(&call, parse::page(message.page_size)?, &message.page_token).await?;
        let now = self.0.now();
        let enforcement_points = page.items.into_iter().map(|one| point(one, now)).collect();
        Ok(Response::new(pb::ListEnforcementPointsResponse { enforcement_points, next_page_token: page.next }))
    }

    async fn rotate_enforcement_point_credential(
        &self,
        request: Request<pb::RotateEnforcementPointCredentialRequest>,
    ) -> Result<Response<pb::EnforcementPoint>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let id = parse::id(&mut fields, &call, "name", ResourceKind::EnforcementPoint, &message.name);
        let overlap = u32::try_from(message.overlap_seconds).ok().filter(|seconds| *seconds <= OVERLAP_SECONDS_MAX);
        fields.check("overlap_seconds", overlap.is_some(), "must be between 0 and 86,400");
        let (Some(id), Some(overlap)) = (id, overlap) else { return Err(fields.into_status()) };
        fields.finish()?;
        let done = self.0.point_rotate(&call, &key, (&id, &message.etag), overlap).await?;
        Ok(parse::done(done, |made| credentialed(made, self.0.now())))
    }

    async fn delete_enforcement_point(
        &self,
        request: Request<pb::DeleteEnforcementPointRequest>,
    ) -> Result<Response<()>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let Some(id) = parse::id(&mut fields, &call, "name", ResourceKind::EnforcementPoint, &message.name) else {
            return Err(fields.into_status());
        };
        fields.finish()?;
        Ok(parse::done(self.0.delete::<EnforcementPoint>(&call, &key, (&id, &message.etag)).await?, |()| ()))
    }
}

fn is_header(name: &str) -> bool {
    let letters = name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    // Those of ours are about something else.
    letters && name.len() <= HEADER_MAX && !name.starts_with("x-bailiwick-") && name != "host"
}

fn credentialed(made: Credentialed, now: Timestamp) -> pb::EnforcementPoint {
    pb::EnforcementPoint { credential: made.credential, ..point(made.point, now) }
}

pub(super) fn point(point: EnforcementPoint, now: Timestamp) -> pb::EnforcementPoint {
    pb::EnforcementPoint {
        name: point.name(),
        credential: String::new(),
        former_credential_expire_time: point.former_until(now).map(timestamp),
        etag: point.meta.etag(),
        create_time: Some(timestamp(point.meta.create_time)),
        update_time: Some(timestamp(point.meta.update_time)),
        operator: point.meta.operator,
        display_name: point.display_name,
        token_header: point.token_header,
        forward_token: point.forward_token,
    }
}
