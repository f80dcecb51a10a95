//! `bailiwick.securitycenter.v1.SuppressionRuleService`.

use bailiwick_api::securitycenter::v1::{self as pb, suppression_rule_service_server::SuppressionRuleService};
use bailiwick_core::Timestamp;
use bailiwick_rpc::{InvalidFields, split};
use tonic::{Request, Response, Status};

use super::{
    parse::{self, timestamp},
    risk::REASON_MAX,
};
use crate::posture::{
    app::{NewRule, Risks, RuleView},
    domain::{RuleChange, rule_filter},
};

/// The fields that an update can name.
const FIELDS: [&str; 4] = ["filter", "reason", "expire_time", "disabled"];

/// The service over the rules.
pub(crate) struct SuppressionRuleCalls(Risks);

impl SuppressionRuleCalls {
    pub(crate) fn new(risks: Risks) -> Self {
        Self(risks)
    }
}

#[tonic::async_trait]
impl SuppressionRuleService for SuppressionRuleCalls {
    async fn create_suppression_rule(
        &self,
        request: Request<pb::CreateSuppressionRuleRequest>,
    ) -> Result<Response<pb::SuppressionRule>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let Some(new) = new_rule(&mut fields, self.0.now(), message) else { return Err(fields.into_status()) };
        fields.finish()?;
        Ok(parse::done(self.0.rule_create(&call, &key, &new).await?, rule))
    }

    async fn get_suppression_rule(
        &self,
        request: Request<pb::GetSuppressionRuleRequest>,
    ) -> Result<Response<pb::SuppressionRule>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let Some(id) = parse::rule_id(&mut fields, "name", &message.name) else { return Err(fields.into_status()) };
        Ok(Response::new(rule(self.0.rule_get(&call, id).await?)))
    }

    async fn list_suppression_rules(
        &self,
        request: Request<pb::ListSuppressionRulesRequest>,
    ) -> Result<Response<pb::ListSuppressionRulesResponse>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let Some(size) = fields.page_size("page_size", message.page_size) else { return Err(fields.into_status()) };
        let page = self.0.rule_list(&call, size, &message.page_token).await?;
        let suppression_rules = page.rules.into_iter().map(rule).collect();
        Ok(Response::new(pb::ListSuppressionRulesResponse { suppression_rules, next_page_token: page.next }))
    }

    async fn update_suppression_rule(
        &self,
        request: Request<pb::UpdateSuppressionRuleRequest>,
    ) -> Result<Response<pb::SuppressionRule>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let mask = message.update_mask.unwrap_or_default().paths;
        let Some(asked) = fields.required("suppression_rule", message.suppression_rule) else {
            return Err(fields.into_status());
        };
        let change = rule_change(&mut fields, self.0.now(), &mask, &asked);
        let Some(id) = parse::rule_id(&mut fields, "suppression_rule.name", &asked.name) else {
            return Err(fields.into_status());
        };
        fields.finish()?;
        Ok(parse::done(self.0.rule_update(&call, &key, (id, &asked.etag), &change).await?, rule))
    }

    async fn delete_suppression_rule(
        &self,
        request: Request<pb::DeleteSuppressionRuleRequest>,
    ) -> Result<Response<()>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let Some(id) = parse::rule_id(&mut fields, "name", &message.name) else { return Err(fields.into_status()) };
        fields.finish()?;
        Ok(parse::done(self.0.rule_delete(&call, &key, (id, &message.etag)).await?, |()| ()))
    }
}

fn new_rule(fields: &mut InvalidFields, now: Timestamp, message: pb::CreateSuppressionRuleRequest) -> Option<NewRule> {
    let id = message.suppression_rule_id;
    let sound = parse::is_rule_id(&id);
    fields.check("suppression_rule_id", sound, "must have 1 to 64 characters of a-z, 0-9 and -");
    let asked = fields.required("suppression_rule", message.suppression_rule)?;
    let all = FIELDS.map(str::to_owned);
    let RuleChange { filter, reason, expire, disabled } = rule_change(fields, now, &all, &asked);
    Some(NewRule { id, filter: filter?, reason: reason?, expire: expire?, disabled: disabled? }).filter(|_| sound)
}

/// What a mask names of a rule; all of it, if it names nothing.
fn rule_change(fields: &mut InvalidFields, now: Timestamp, mask: &[String], asked: &pb::SuppressionRule) -> RuleChange {
    for path in mask.iter().filter(|path| !FIELDS.contains(&path.as_str())) {
        fields.violation("update_mask", format!("`{path}` cannot be updated"));
    }
    let named = |field: &str| mask.is_empty() || mask.iter().any(|path| path == field);
    let mut change = RuleChange::default();
    if named("filter") {
        let sound = fields.take("suppression_rule.filter", rule_filter(&asked.filter));
        change.filter = sound.map(|_| asked.filter.clone());
    }
    if named("reason") {
        change.reason = fields.text("suppression_rule.reason", &asked.reason, 1..=REASON_MAX);
    }
    if named("expire_time") {
        const FIELD: &str = "suppression_rule.expire_time";
        change.expire = match &asked.expire_time {
            None => Some(None),
            Some(time) => parse::moment(fields, FIELD, Some(time)).map(|until| {
                fields.check(FIELD, now < until, "must be in the future");
                Some(until)
            }),
        };
    }
    if named("disabled") {
        change.disabled = Some(asked.disabled);
    }
    change
}

fn rule(view: RuleView) -> pb::SuppressionRule {
    let RuleView { rule, suppressed, applied } = view;
    pb::SuppressionRule {
        name: rule.name(),
        etag: rule.etag(),
        filter: rule.filter,
        reason: rule.reason,
        expire_time: rule.expire.map(timestamp),
        disabled: rule.disabled,
        suppressed,
        applied,
        operator: rule.operator,
        create_time: Some(timestamp(rule.create_time)),
    }
}
