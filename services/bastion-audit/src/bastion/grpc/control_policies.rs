//! `bailiwick.bastion.v1.ControlPolicyService`.

use bailiwick_api::bastion::v1::{self as pb, control_policy_service_server::ControlPolicyService};
use bailiwick_rpc::{InvalidFields, split};
use tonic::{Request, Response, Status};

use super::{
    control_policy_read::{self as read, Draft},
    control_policy_write as write,
    parse::{self, Named},
};
use crate::bastion::{
    app::{Asked, Bastion},
    domain::{ControlPolicy, ResourceKind},
};

/// The service.
pub(super) struct ControlPolicies(pub(super) Bastion);

#[tonic::async_trait]
impl ControlPolicyService for ControlPolicies {
    async fn create_control_policy(
        &self,
        request: Request<pb::CreateControlPolicyRequest>,
    ) -> Result<Response<pb::ControlPolicy>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let place = parse::instance_id(&mut fields, &call, "parent", &message.parent);
        parse::new_id(&mut fields, "control_policy_id", &message.control_policy_id);
        let asked = message.control_policy.unwrap_or_default();
        let draft = Draft::read(&mut fields, &call, asked, &Named::whole());
        let Some(place) = place else { return Err(fields.into_status()) };
        fields.finish()?;
        let id = &message.control_policy_id;
        let done = self.0.create(&call, &key, (&place, id), |meta| draft.made(meta)).await?;
        Ok(parse::done(done, write::policy))
    }

    async fn get_control_policy(
        &self,
        request: Request<pb::GetControlPolicyRequest>,
    ) -> Result<Response<pb::ControlPolicy>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let kind = ResourceKind::ControlPolicy;
        let Some([instance, id]) = parse::ids(&mut fields, &call, "name", kind, &message.name) else {
            return Err(fields.into_status());
        };
        Ok(Response::new(write::policy(self.0.get(&call, (instance, id)).await?)))
    }

    async fn list_control_policies(
        &self,
        request: Request<pb::ListControlPoliciesRequest>,
    ) -> Result<Response<pb::ListControlPoliciesResponse>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let place = parse::instance_id(&mut fields, &call, "parent", &message.parent);
        let size = fields.page_size("page_size", message.page_size);
        let (Some(place), Some(size)) = (place, size) else { return Err(fields.into_status()) };
        let page = self.0.policy_list(&call, &place, (size, &message.page_token)).await?;
        let control_policies = page.items.into_iter().map(write::policy).collect();
        Ok(Response::new(pb::ListControlPoliciesResponse { control_policies, next_page_token: page.next }))
    }

    async fn update_control_policy(
        &self,
        request: Request<pb::UpdateControlPolicyRequest>,
    ) -> Result<Response<pb::ControlPolicy>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let named = Named::read(&mut fields, message.update_mask, read::FIELDS);
        let asked = message.control_policy.unwrap_or_default();
        let (name, etag) = (asked.name.clone(), asked.etag.clone());
        let ids = parse::ids(&mut fields, &call, "control_policy.name", ResourceKind::ControlPolicy, &name);
        let draft = Draft::read(&mut fields, &call, asked, &named);
        let Some([instance, id]) = ids else { return Err(fields.into_status()) };
        fields.finish()?;
        let change = |policy: &mut _| draft.take(policy);
        Ok(parse::done(self.0.update(&call, &key, (instance, id, &etag), change).await?, write::policy))
    }

    async fn delete_control_policy(
        &self,
        request: Request<pb::DeleteControlPolicyRequest>,
    ) -> Result<Response<()>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let kind = ResourceKind::ControlPolicy;
        let Some([instance, id]) = parse::ids(&mut fields, &call, "name", kind, &message.name) else {
            return Err(fields.into_status());
        };
        fields.finish()?;
        let of = (instance, id, message.etag.as_str());
        Ok(parse::done(self.0.delete::<ControlPolicy>(&call, &key, of).await?, |()| ()))
    }

    async fn evaluate_control_policy(
        &self,
        request: Request<pb::EvaluateControlPolicyRequest>,
    ) -> Result<Response<pb::EvaluateControlPolicyResponse>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let instance = parse::instance_id(&mut fields, &call, "parent", &message.parent);
        let kind = ResourceKind::User;
        let user = parse::id_within(&mut fields, "bastion_user", kind, &message.parent, &message.bastion_user);
        let kind = ResourceKind::AssetAccount;
        let account = parse::ids(&mut fields, &call, "asset_account", kind, &message.asset_account);
        if let (Some(instance), Some([within, _, _])) = (&instance, account) {
            fields.check("asset_account", within == instance, "must be of the same bastion host");
        }
        let source = fields.parse("source_ip", &message.source_ip);
        let time = parse::moment(&mut fields, "time", message.time.as_ref());
        let channel = read::channel_asked(&mut fields, message.channel, &message.forward_target);
        let bytes = message.command_line.len();
        let most = bailiwick_shell::LINE_MAX;
        fields.check("command_line", bytes <= most, format!("must have at most {most} bytes"));
        let (Some(instance), Some(user), Some([_, asset, account]), Some(source)) = (instance, user, account, source)
        else {
            return Err(fields.into_status());
        };
        fields.finish()?;
        let command_line = (!message.command_line.is_empty()).then_some(message.command_line.as_str());
        let asked = Asked { instance: &instance, user: &user, asset, account, source, time, channel, command_line };
        let rulings = self.0.policy_evaluate(&call, &asked).await?;
        Ok(Response::new(write::evaluated(&message.parent, rulings)))
    }
}
