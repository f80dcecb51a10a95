//! `bailiwick.sase.v1.AccessPolicyService`.

use bailiwick_api::sase::v1::{self as pb, access_policy_service_server::AccessPolicyService};
use bailiwick_rpc::{Call, InvalidFields, split};
use tonic::{Request, Response, Status};

use super::{
    access_policy_read::{FIELDS, Read, read, selection},
    access_policy_write::{dry_run, policy, version},
    parse,
};
use crate::access::{
    app::Sase,
    domain::{AccessPolicy, Meta, ResourceKind},
};

const DELETE_MAX: usize = 100;
const REORDER_MAX: usize = 500;
const DRY_RUN_DAYS: i32 = 7;
const DRY_RUN_DAYS_MAX: i32 = 30;

/// The service.
pub(super) struct AccessPolicies(pub(super) Sase);

#[tonic::async_trait]
impl AccessPolicyService for AccessPolicies {
    async fn create_access_policy(
        &self,
        request: Request<pb::CreateAccessPolicyRequest>,
    ) -> Result<Response<pb::AccessPolicy>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        parse::new_id(&mut fields, "access_policy_id", &message.access_policy_id);
        let asked = message.access_policy.unwrap_or_default();
        let read = read(&mut fields, &call, &asked, &|_| true);
        let Some(draft) = read.complete() else { return Err(fields.into_status()) };
        fields.finish()?;
        let make = |meta: Meta| draft(meta);
        Ok(parse::done(self.0.create(&call, &key, &message.access_policy_id, make).await?, policy))
    }

    async fn get_access_policy(
        &self,
        request: Request<pb::GetAccessPolicyRequest>,
    ) -> Result<Response<pb::AccessPolicy>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let Some(id) = parse::id(&mut fields, &call, "name", ResourceKind::AccessPolicy, &message.name) else {
            return Err(fields.into_status());
        };
        Ok(Response::new(policy(self.0.get(&call, &id).await?)))
    }

    async fn list_access_policies(
        &self,
        request: Request<pb::ListAccessPoliciesRequest>,
    ) -> Result<Response<pb::ListAccessPoliciesResponse>, Status> {
        let (call, message) = split(request)?;
        let page = self.0.policy_list(&call, parse::page(message.page_size)?, &message.page_token).await?;
        let access_policies = page.items.into_iter().map(policy).collect();
        Ok(Response::new(pb::ListAccessPoliciesResponse { access_policies, next_page_token: page.next }))
    }

    async fn update_access_policy(
        &self,
        request: Request<pb::UpdateAccessPolicyRequest>,
    ) -> Result<Response<pb::AccessPolicy>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let named = parse::mask(&mut fields, message.update_mask, FIELDS);
        let Some(asked) = fields.required("access_policy", message.access_policy) else {
            return Err(fields.into_status());
        };
        let id = parse::id(&mut fields, &call, "access_policy.name", ResourceKind::AccessPolicy, &asked.name);
        let read: Read = read(&mut fields, &call, &asked, &named);
        let Some(id) = id else { return Err(fields.into_status()) };
        fields.finish()?;
        let change = |policy: &mut AccessPolicy| {
            read.clone().take(policy);
            policy.check()
        };
        Ok(parse::done(self.0.update(&call, &key, (&id, &asked.etag), change).await?, policy))
    }

    async fn delete_access_policy(
        &self,
        request: Request<pb::DeleteAccessPolicyRequest>,
    ) -> Result<Response<()>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let Some(id) = parse::id(&mut fields, &call, "name", ResourceKind::AccessPolicy, &message.name) else {
            return Err(fields.into_status());
        };
        fields.finish()?;
        Ok(parse::done(self.0.delete::<AccessPolicy>(&call, &key, (&id, &message.etag)).await?, |()| ()))
    }

    async fn batch_delete_access_policies(
        &self,
        request: Request<pb::BatchDeleteAccessPoliciesRequest>,
    ) -> Result<Response<()>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        fields.check("names", !message.names.is_empty(), "must not be empty");
        let kind = (ResourceKind::AccessPolicy, DELETE_MAX);
        let ids = parse::ids(&mut fields, &call, "names", kind, &message.names);
        fields.check("names", ids.len() == message.names.len(), "must each be there once");
        fields.finish()?;
        let ids: Vec<_> = ids.into_iter().collect();
        Ok(parse::done(self.0.policies_delete(&call, &key, &ids).await?, |()| ()))
    }

    async fn reorder_access_policies(
        &self,
        request: Request<pb::ReorderAccessPoliciesRequest>,
    ) -> Result<Response<pb::ReorderAccessPoliciesResponse>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let priorities = priorities(&mut fields, &call, &message.priorities);
        fields.finish()?;
        Ok(parse::done(self.0.policies_reorder(&call, &key, &priorities).await?, |policies| {
            pb::ReorderAccessPoliciesResponse { access_policies: policies.into_iter().map(policy).collect() }
        }))
    }

    async fn replace_access_policy_selection(
        &self,
        request: Request<pb::ReplaceAccessPolicySelectionRequest>,
    ) -> Result<Response<pb::AccessPolicy>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let id = parse::id(&mut fields, &call, "name", ResourceKind::AccessPolicy, &message.name);
        let selection = selection(&mut fields, &call, (message.subjects, message.targets, message.members));
        let Some(id) = id else { return Err(fields.into_status()) };
        fields.finish()?;
        Ok(parse::done(self.0.policy_select(&call, &key, (&id, &message.etag), (&selection, false)).await?, policy))
    }

    async fn extend_access_policy_selection(
        &self,
        request: Request<pb::ExtendAccessPolicySelectionRequest>,
    ) -> Result<Response<pb::AccessPolicy>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let id = parse::id(&mut fields, &call, "name", ResourceKind::AccessPolicy, &message.name);
        let selection = selection(&mut fields, &call, (message.subjects, message.targets, message.members));
        let Some(id) = id else { return Err(fields.into_status()) };
        fields.finish()?;
        Ok(parse::done(self.0.policy_select(&call, &key, (&id, &message.etag), (&selection, true)).await?, policy))
    }

    async fn list_access_policy_versions(
        &self,
        request: Request<pb::ListAccessPolicyVersionsRequest>,
    ) -> Result<Response<pb::ListAccessPolicyVersionsResponse>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let Some(id) = parse::id(&mut fields, &call, "parent", ResourceKind::AccessPolicy, &message.parent) else {
            return Err(fields.into_status());
        };
        let size = parse::page(message.page_size)?;
        let page = self.0.policy_versions(&call, &id, (size, &message.page_token)).await?;
        let versions = page.items.into_iter().map(version).collect();
        Ok(Response::new(pb::ListAccessPolicyVersionsResponse { versions, next_page_token: page.next }))
    }

    async fn rollback_access_policy(
        &self,
        request: Request<pb::RollbackAccessPolicyRequest>,
    ) -> Result<Response<pb::AccessPolicy>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let id = parse::id(&mut fields, &call, "name", ResourceKind::AccessPolicy, &message.name);
        fields.check("version", message.version > 0, "must be a version");
        let Some(id) = id else { return Err(fields.into_status()) };
        fields.finish()?;
        let done = self.0.policy_rollback(&call, &key, (&id, &message.etag), message.version).await?;
        Ok(parse::done(done, policy))
    }

    async fn dry_run_access_policy(
        &self,
        request: Request<pb::DryRunAccessPolicyRequest>,
    ) -> Result<Response<pb::DryRunAccessPolicyResponse>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let asked = message.access_policy.unwrap_or_default();
        let days = if message.days == 0 { DRY_RUN_DAYS } else { message.days };
        fields.check("days", (1..=DRY_RUN_DAYS_MAX).contains(&days), "must be 1 to 30, or 0");
        let id = match asked.name.as_str() {
            "" => Some(String::new()),
            name => parse::id(&mut fields, &call, "access_policy.name", ResourceKind::AccessPolicy, name),
        };
        let draft = read(&mut fields, &call, &asked, &|_| true).complete();
        let (Some(id), Some(draft), Ok(days)) = (id, draft, u32::try_from(days)) else {
            return Err(fields.into_status());
        };
        fields.finish()?;
        let directory = call.permit.tenant_directory().map_err(|refused| bailiwick_rpc::refusal(&refused))?;
        let run = self.0.policy_dry_run(&call, (&id, days), draft).await?;
        Ok(Response::new(dry_run(directory, run)))
    }
}

fn priorities(fields: &mut InvalidFields, call: &Call, asked: &[pb::AccessPolicyPriority]) -> Vec<(String, u16)> {
    fields.check("priorities", !asked.is_empty(), "must not be empty");
    let (mut priorities, mut seen) = (Vec::new(), std::collections::BTreeSet::new());
    if !parse::at_most(fields, "priorities", asked.len(), REORDER_MAX) {
        return priorities;
    }
    for (at, one) in asked.iter().enumerate() {
        let field = format!("priorities[{at}]");
        let kind = ResourceKind::AccessPolicy;
        let id = parse::id(fields, call, &format!("{field}.access_policy"), kind, &one.access_policy);
        let priority = super::access_policy_read::priority(fields, &format!("{field}.priority"), one.priority);
        let (Some(id), Some(priority)) = (id, priority) else { continue };
        fields.check(format!("{field}.access_policy"), seen.insert(id.clone()), "must be there once");
        priorities.push((id, priority));
    }
    priorities
}
