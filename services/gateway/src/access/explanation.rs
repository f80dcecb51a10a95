//! What is told of a decision.

use bailiwick_api::gateway::v1::{
    AccessEnvironment, AccessExplanation, AccessNeed, AccessPolicyMatch, AccessScope, AccessStep,
    access_policy_match::{Effect, Type},
};
use bailiwick_core::{
    Timestamp,
    authz::{
        Caller, Environment, Permit, PolicyMatch, PolicyType, Reason, Refusal, Rule, Scope, Step, Tenant, explain,
    },
};

use crate::facts::Version;

use super::question::Question;

/// How a call would be decided.
pub(super) fn of(
    question: &Question,
    caller: &Caller,
    version: &Version,
    environment: &Environment,
) -> AccessExplanation {
    let Question { rule, targets } = question;
    let (decided, told) = explain(rule, caller, &version.snapshot, targets, environment);
    let (reason, message) = match &decided {
        Ok(_) => (String::new(), String::new()),
        Err(refusal) => (refusal.reason.as_str().to_owned(), refusal.message.clone()),
    };
    AccessExplanation {
        allowed: decided.is_ok(),
        reason,
        message,
        action: rule.action.to_owned(),
        required_seat: rule.seat.as_str().to_owned(),
        trusted_service: trusted_service(rule),
        steps: told.steps.into_iter().map(step).collect(),
        revision: version.position.revision,
        policies: told.policies.into_iter().map(policy_match).collect(),
        scope: decided.as_ref().ok().map(scope),
        environment: Some(circumstances(environment, caller)),
        needed: decided.err().and_then(|refusal| needed(rule, &refusal)),
    }
}

/// The same, if whoever asks cannot see the resource: the words for what does not exist.
pub(super) fn unseen(explained: AccessExplanation, refusal: &Refusal, resource: &str) -> AccessExplanation {
    let condition = "the resource belongs to a tenant of the caller".to_owned();
    AccessExplanation {
        allowed: false,
        reason: refusal.reason.as_str().to_owned(),
        message: refusal.message.clone(),
        steps: vec![AccessStep { condition, holds: false, because: format!("`{resource}`") }],
        policies: Vec::new(),
        scope: None,
        needed: None,
        ..explained
    }
}

fn step(step: Step) -> AccessStep {
    let Step { condition, holds, because } = step;
    AccessStep { condition, holds, because }
}

fn policy_match(found: PolicyMatch) -> AccessPolicyMatch {
    let PolicyMatch { policy, kind, action, resource, allows, statement, sid } = found;
    AccessPolicyMatch {
        policy,
        r#type: policy_type(kind).into(),
        effect: if allows { Effect::Allow } else { Effect::Deny }.into(),
        statement: statement.and_then(|place| i32::try_from(place).ok()),
        sid,
        action,
        resource,
    }
}

fn policy_type(kind: PolicyType) -> Type {
    match kind {
        PolicyType::Control => Type::Control,
        PolicyType::Session => Type::Session,
        PolicyType::Identity => Type::Identity,
        PolicyType::Credential => Type::Credential,
    }
}

fn scope(permit: &Permit) -> AccessScope {
    let directory = match permit.tenant() {
        Tenant::Directory(directory) => Some(directory),
        Tenant::Account(_) | Tenant::Platform => permit.directory(),
    };
    match (permit.scope(), directory) {
        (Scope::Folders(folders), Some(directory)) => {
            let name = |folder: &String| format!("{}/folders/{folder}", directory.name());
            AccessScope { whole: false, folders: folders.iter().map(name).collect() }
        }
        (Scope::Folders(_), None) => AccessScope::default(),
        (Scope::Whole, _) => AccessScope { whole: true, folders: Vec::new() },
    }
}

fn circumstances(environment: &Environment, caller: &Caller) -> AccessEnvironment {
    let mfa = matches!(caller, Caller::Identity(principal) if principal.mfa);
    AccessEnvironment {
        source_ip: environment.source_ip.map(|address| address.to_string()).unwrap_or_default(),
        evaluate_time: Some(timestamp(environment.now)),
        secure_transport: environment.secure_transport,
        mfa_present: mfa,
    }
}

fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let nanos = time.as_micros().rem_euclid(1_000_000) * 1_000;
    prost_types::Timestamp { seconds: time.as_seconds(), nanos: i32::try_from(nanos).unwrap_or_default() }
}

/// The seat or the policy that a refused call lacks.
fn needed(rule: &Rule, refusal: &Refusal) -> Option<AccessNeed> {
    let told = |key: &str| {
        let found = refusal.metadata.iter().find(|(name, _)| *name == key);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let none = AccessNeed::default();
    match refusal.reason {
        Reason::SeatRequired | Reason::OutsideFolderScope => {
            Some(AccessNeed { seat: rule.seat.as_str().to_owned(), trusted_service: trusted_service(rule), ..none })
        }
        Reason::ActionDenied | Reason::ActionNotAllowed => {
            let kinds = [PolicyType::Control, PolicyType::Session, PolicyType::Identity, PolicyType::Credential];
            let kind = kinds.into_iter().find(|kind| kind.as_str() == told("policy_type"));
            Some(AccessNeed {
                action: told("action"),
                policy_type: kind.map(policy_type).unwrap_or_default().into(),
                denied_by: told("policy"),
                node: told("node"),
                ..none
            })
        }
        _ => None,
    }
}

fn trusted_service(rule: &Rule) -> String {
    rule.trusted_service.map(|service| service.id().to_owned()).unwrap_or_default()
}
