//! `bailiwick.sase.v1.SaseAccessService`.

use bailiwick_api::sase::v1::{self as pb, sase_access_service_server::SaseAccessService};
use bailiwick_core::{DirectoryId, Timestamp};
use bailiwick_rpc::{Call, InvalidFields, refusal, split};
use prost::Message;
use tonic::{Request, Response, Status};

use super::{
    access_policy_read::{action as read_action, strength},
    access_policy_write::action,
    applications::read_protocol,
    parse::{self, timestamp},
};
use crate::access::{
    app::{Asked, DecisionFilter, Sase},
    domain::{Decision, DecisionReason, ResourceKind, Target, UserPolicy, Wanted},
};

const BATCH_MAX: usize = 100;
const HOST_MAX: usize = 253;
const PATH_MAX: usize = 8_192;

/// The service.
pub(super) struct Access(pub(super) Sase);

#[tonic::async_trait]
impl SaseAccessService for Access {
    async fn evaluate_access(
        &self,
        request: Request<pb::EvaluateAccessRequest>,
    ) -> Result<Response<pb::AccessDecision>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let asked = message.access_request.unwrap_or_default();
        let Some(asked) = read(&mut fields, &call, "access_request", &asked, true) else {
            return Err(fields.into_status());
        };
        fields.finish()?;
        let directory = directory(&call)?;
        let decisions = self.0.evaluate(&call, vec![asked]).await?;
        let decision = decisions.into_iter().next().map(|decided| decision(directory, decided));
        Ok(Response::new(decision.unwrap_or_default()))
    }

    async fn batch_evaluate_access(
        &self,
        request: Request<pb::BatchEvaluateAccessRequest>,
    ) -> Result<Response<pb::BatchEvaluateAccessResponse>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let requests = message.access_requests;
        fields.check("access_requests", !requests.is_empty(), "must not be empty");
        parse::at_most(&mut fields, "access_requests", requests.len(), BATCH_MAX);
        let mut one = |(at, asked): (usize, &pb::AccessRequest)| {
            read(&mut fields, &call, &format!("access_requests[{at}]"), asked, true)
        };
        let asked = requests.iter().take(BATCH_MAX).enumerate().filter_map(&mut one).collect();
        fields.finish()?;
        let directory = directory(&call)?;
        let decisions = self.0.evaluate(&call, asked).await?;
        let decisions = decisions.into_iter().map(|decided| decision(directory, decided)).collect();
        Ok(Response::new(pb::BatchEvaluateAccessResponse { decisions }))
    }

    async fn list_user_applications(
        &self,
        request: Request<pb::ListUserApplicationsRequest>,
    ) -> Result<Response<pb::ListUserApplicationsResponse>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let asked = message.access_request.unwrap_or_default();
        let Some(asked) = read(&mut fields, &call, "access_request", &asked, false) else {
            return Err(fields.into_status());
        };
        fields.finish()?;
        let (directory, size) = (directory(&call)?, parse::page(message.page_size)?);
        let page = self.0.user_applications(&call, asked, (size, &message.page_token)).await?;
        let application = |(decided, display_name): (Decision, String)| pb::UserApplication {
            application: ResourceKind::Application.name(directory, &decided.application),
            display_name,
            account: decided.account.map(|account| account.name()).unwrap_or_default(),
            decided_by: decided.decided_by,
        };
        let applications = page.items.into_iter().map(application).collect();
        Ok(Response::new(pb::ListUserApplicationsResponse { applications, next_page_token: page.next }))
    }

    async fn list_user_policies(
        &self,
        request: Request<pb::ListUserPoliciesRequest>,
    ) -> Result<Response<pb::ListUserPoliciesResponse>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let Some(user) = parse::id(&mut fields, &call, "sase_user", ResourceKind::SaseUser, &message.sase_user) else {
            return Err(fields.into_status());
        };
        let size = parse::page(message.page_size)?;
        let page = self.0.user_policies(&call, &user, (size, &message.page_token)).await?;
        let policy = |policy: UserPolicy| pb::UserPolicy {
            name: policy.name,
            display_name: policy.display_name,
            priority: policy.priority.into(),
            action: action(policy.action).into(),
            conditional: policy.conditional,
        };
        let policies = page.items.into_iter().map(policy).collect();
        Ok(Response::new(pb::ListUserPoliciesResponse { policies, next_page_token: page.next }))
    }

    async fn list_access_decisions(
        &self,
        request: Request<pb::ListAccessDecisionsRequest>,
    ) -> Result<Response<pb::ListAccessDecisionsResponse>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let filter = filter(&mut fields, &call, &message, self.0.now());
        fields.finish()?;
        let (directory, size) = (directory(&call)?, parse::page(message.page_size)?);
        let fingerprint = pb::ListAccessDecisionsRequest { page_size: 0, page_token: String::new(), ..message.clone() };
        let page = (size, message.page_token.as_str());
        let page = self.0.decision_list(&call, &filter, &fingerprint.encode_to_vec(), page).await?;
        let decisions = page.decisions.into_iter().map(|decided| decision(directory, decided)).collect();
        Ok(Response::new(pb::ListAccessDecisionsResponse { decisions, next_page_token: page.next }))
    }
}

fn directory(call: &Call) -> Result<DirectoryId, Status> {
    call.permit.tenant_directory().map_err(|refused| refusal(&refused))
}

/// What is asked about; `wanted` says whether an application or a target must be.
fn read(
    fields: &mut InvalidFields,
    call: &Call,
    field: &str,
    asked: &pb::AccessRequest,
    wanted: bool,
) -> Option<Asked> {
    let at = |part: &str| format!("{field}.{part}");
    let user = parse::id(fields, call, &at("sase_user"), ResourceKind::SaseUser, &asked.sase_user);
    let device = match asked.device.as_str() {
        "" => Some(String::new()),
        name => parse::id(fields, call, &at("device"), ResourceKind::Device, name),
    };
    let source = match asked.source_ip.as_str() {
        "" => Some(None),
        text => fields.parse(at("source_ip"), text).map(Some),
    };
    let strength = match asked.authentication_strength {
        0 => Some(None),
        number => fields.enumeration(at("authentication_strength"), number).map(strength),
    };
    let wanted = match (asked.application.as_str(), &asked.target, wanted) {
        ("", None, false) => Some(None),
        ("", Some(asked), true) => target(fields, &at("target"), asked).map(|target| Some(Wanted::Target(target))),
        (name, None, true) if !name.is_empty() => {
            let id = parse::id(fields, call, &at("application"), ResourceKind::Application, name);
            id.map(|id| Some(Wanted::Application(id)))
        }
        (_, _, true) => {
            fields.violation(at("application"), "or `target` must be set, and not both");
            None
        }
        (_, _, false) => {
            fields.violation(at("application"), "and `target` must not be set");
            None
        }
    };
    Some(Asked { user: user?, wanted: wanted?, device: device?, source: source?, strength: strength? })
}

fn target(fields: &mut InvalidFields, field: &str, asked: &pb::AccessTarget) -> Option<Target> {
    let at = |part: &str| format!("{field}.{part}");
    let host = fields.text(at("host"), &asked.host, 1..=HOST_MAX);
    let port = u16::try_from(asked.port).ok().filter(|port| *port != 0);
    fields.check(at("port"), port.is_some(), "must be 1 to 65535");
    let protocol = fields.enumeration(at("protocol"), asked.protocol).and_then(read_protocol);
    let path = if asked.http_path.is_empty() { "/" } else { asked.http_path.as_str() };
    fields.check(at("http_path"), path.starts_with('/') && path.len() <= PATH_MAX, "must begin with `/`");
    let segments = || path.split(['/', '?']).any(|segment| matches!(segment, "." | ".."));
    // What a server makes of them is not known here: the application could be another.
    let plain = !segments() && !path.contains('%') && !path.contains("//") && !path.contains('\\');
    fields.check(at("http_path"), plain, "must be normalized, without escapes");
    Some(Target {
        host: host?.to_ascii_lowercase(),
        port: port?,
        protocol: protocol?,
        path: path.to_owned(),
        method: asked.http_method.to_ascii_uppercase(),
    })
}

fn filter(
    fields: &mut InvalidFields,
    call: &Call,
    message: &pb::ListAccessDecisionsRequest,
    now: Timestamp,
) -> DecisionFilter {
    let (start, end) = parse::period(fields, (message.start_time.as_ref(), message.end_time.as_ref()), now);
    let mut id = |field: &str, kind, name: &str| match name {
        "" => String::new(),
        name => parse::id(fields, call, field, kind, name).unwrap_or_default(),
    };
    let user = id("sase_user", ResourceKind::SaseUser, &message.sase_user);
    let application = id("application", ResourceKind::Application, &message.application);
    let decided_by = message.decided_by.clone();
    fields.check("decided_by", decided_by.len() <= 256, "must be the name of a policy or block");
    let account = match message.account.as_str() {
        "" => None,
        name => fields.account("account", name),
    };
    let action = match message.action {
        0 => None,
        number => fields.enumeration("action", number).and_then(read_action),
    };
    DecisionFilter { start, end, user, application, decided_by, account, action, before: None }
}

fn decision(directory: DirectoryId, decided: Decision) -> pb::AccessDecision {
    let reason = match decided.reason {
        DecisionReason::Policy => pb::AccessDecisionReason::Policy,
        DecisionReason::AccessBlock => pb::AccessDecisionReason::AccessBlock,
        DecisionReason::NoPolicy => pb::AccessDecisionReason::NoPolicy,
        DecisionReason::UserInactive => pb::AccessDecisionReason::UserInactive,
        DecisionReason::MemberNotManaged => pb::AccessDecisionReason::MemberNotManaged,
        DecisionReason::NoApplication => pb::AccessDecisionReason::NoApplication,
        DecisionReason::Fault => pb::AccessDecisionReason::Fault,
    };
    let name = |kind: ResourceKind, id: &str| if id.is_empty() { String::new() } else { kind.name(directory, id) };
    pb::AccessDecision {
        action: action(decided.action).into(),
        reason: reason.into(),
        policy_version: decided.version,
        explanation: decided.explanation(),
        sase_user: name(ResourceKind::SaseUser, &decided.user),
        application: name(ResourceKind::Application, &decided.application),
        account: decided.account.map(|account| account.name()).unwrap_or_default(),
        decide_time: Some(timestamp(decided.time)),
        device: name(ResourceKind::Device, &decided.device),
        decided_by: decided.decided_by,
        source_ip: decided.source,
    }
}
