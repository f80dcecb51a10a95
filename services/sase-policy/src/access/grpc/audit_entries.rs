//! `bailiwick.sase.v1.SaseAuditService`.

use bailiwick_api::{
    sase::v1::{self as pb, sase_audit_service_server::SaseAuditService},
    to_json,
};
use bailiwick_core::{DirectoryId, Timestamp};
use bailiwick_rpc::{InvalidFields, refusal, split};
use prost::Message;
use tonic::{Request, Response, Status};

use super::{
    access_blocks, access_policy_write, applications, devices, enforcement_points, identity_providers,
    parse::{self, timestamp},
    sase_instances, users,
};
use crate::access::{
    app::{AuditFilter, InstanceView, Sase, UserView},
    domain::{AuditEntry, Snapshot},
};

const NAME_MAX: usize = 256;
/// Longest resource that is shown, in bytes of JSON.
const JSON_MAX: usize = 1 << 20;

/// The service.
pub(super) struct AuditEntries(pub(super) Sase);

#[tonic::async_trait]
impl SaseAuditService for AuditEntries {
    async fn list_sase_audit_entries(
        &self,
        request: Request<pb::ListSaseAuditEntriesRequest>,
    ) -> Result<Response<pb::ListSaseAuditEntriesResponse>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let times = (message.start_time.as_ref(), message.end_time.as_ref());
        let (start, end) = parse::period(&mut fields, times, self.0.now());
        fields.check("resource", message.resource.len() <= NAME_MAX, "must have at most 256 bytes");
        fields.check("operator", message.operator.len() <= NAME_MAX, "must have at most 256 bytes");
        fields.finish()?;
        let (resource, operator) = (message.resource.clone(), message.operator.clone());
        let filter = AuditFilter { start, end, resource, operator, before: None };
        let size = parse::page(message.page_size)?;
        let fingerprint =
            pb::ListSaseAuditEntriesRequest { page_size: 0, page_token: String::new(), ..message.clone() };
        let page = (size, message.page_token.as_str());
        let page = self.0.audit_list(&call, &filter, &fingerprint.encode_to_vec(), page).await?;
        let directory = call.permit.tenant_directory().map_err(|refused| refusal(&refused))?;
        let entries = page.items.into_iter().map(|one| entry(directory, one)).collect();
        Ok(Response::new(pb::ListSaseAuditEntriesResponse { sase_audit_entries: entries, next_page_token: page.next }))
    }
}

fn entry(directory: DirectoryId, entry: AuditEntry) -> pb::SaseAuditEntry {
    let shown = |stored: &str| match Snapshot::read(&entry.kind, stored) {
        Ok(None) => String::new(),
        Ok(Some(snapshot)) => json(snapshot, entry.time),
        Err(error) => {
            tracing::warn!(%error, entry = entry.id, "a change was stored that cannot be read");
            note("it was stored by another version of this service")
        }
    };
    pb::SaseAuditEntry {
        name: format!("{}/saseAuditEntries/{}", directory.name(), entry.id),
        create_time: Some(timestamp(entry.time)),
        before_json: shown(&entry.before),
        after_json: shown(&entry.after),
        operator: entry.operator,
        method: entry.method,
        resource: entry.resource,
        request_id: entry.request_id,
    }
}

/// A resource as whoever read it at that moment was told, without what follows from others.
fn json(snapshot: Snapshot, time: Timestamp) -> String {
    let json = match snapshot {
        Snapshot::Instance(instance) => {
            let message = sase_instances::instance(InstanceView { instance, done: <_>::default() });
            to_json("bailiwick.sase.v1.SaseInstance", &pb::SaseInstance { steps: Vec::new(), ..message })
        }
        Snapshot::Application(one) => to_json("bailiwick.sase.v1.Application", &applications::application(one)),
        Snapshot::SaseUser(user) => {
            to_json("bailiwick.sase.v1.SaseUser", &users::user(UserView { user, active: false }))
        }
        Snapshot::UserGroup(group) => to_json("bailiwick.sase.v1.UserGroup", &users::group(group)),
        Snapshot::Device(device) => to_json("bailiwick.sase.v1.Device", &devices::device(device)),
        Snapshot::AccessPolicy(policy) => {
            to_json("bailiwick.sase.v1.AccessPolicy", &access_policy_write::policy(policy))
        }
        Snapshot::AccessBlock(block) => to_json("bailiwick.sase.v1.AccessBlock", &access_blocks::block(block)),
        Snapshot::IdentityProvider(one) => {
            to_json("bailiwick.sase.v1.SaseIdentityProvider", &identity_providers::provider(one))
        }
        Snapshot::EnforcementPoint(point) => {
            to_json("bailiwick.sase.v1.EnforcementPoint", &enforcement_points::point(point, time))
        }
    };
    match json.map(|json| json.to_string()) {
        Ok(json) if json.len() <= JSON_MAX => json,
        Ok(_) => note("it is too long to be shown"),
        Err(_) => note("it cannot be shown"),
    }
}

fn note(text: &str) -> String {
    serde_json::json!({ "note": text }).to_string()
}
