//! What another identity of the caller's account may do.

use std::net::IpAddr;

use bailiwick_api::gateway::v1::{AccessEnvironment, AccessExplanation, ExplainPrincipalAccessRequest};
use bailiwick_core::{
    IdentityName, Timestamp,
    authz::{Caller, Environment, Facts as _, Principal, Reason, Refusal, decide},
};
use bailiwick_rpc::{InvalidFields, refusal};
use tonic::Status;

use super::{Asking, explanation, question::Question};

/// Whom, and under what circumstances.
pub(super) struct Simulation {
    principal: IdentityName,
    environment: Environment,
    mfa: bool,
}

/// Reads whom a request is about.
///
/// # Errors
/// INVALID_ARGUMENT if it is no user or role, or the circumstances are malformed.
pub(super) fn parse(asked: &ExplainPrincipalAccessRequest, now: Timestamp) -> Result<Simulation, Status> {
    let mut invalid = InvalidFields::new();
    let principal = match asked.principal.parse() {
        Ok(IdentityName::Operator(_)) | Err(_) => Err("must be the name of a user or a role"),
        Ok(principal) => Ok(principal),
    };
    let principal = invalid.take("principal", principal);
    let default = AccessEnvironment::default();
    let assumed = asked.environment.as_ref().unwrap_or(&default);
    let source_ip = match assumed.source_ip.as_str() {
        "" => Some(None),
        text => invalid.parse::<IpAddr>("environment.source_ip", text).map(|address| Some(address.to_canonical())),
    };
    let now = match &assumed.evaluate_time {
        None => Some(now),
        Some(time) => invalid.take("environment.evaluate_time", moment(time).ok_or("must be a time")),
    };
    match (principal, source_ip, now) {
        (Some(principal), Some(source_ip), Some(now)) => {
            invalid.finish()?;
            let environment = Environment { source_ip, now, secure_transport: assumed.secure_transport };
            Ok(Simulation { principal, environment, mfa: assumed.mfa_present })
        }
        _ => Err(invalid.into_status()),
    }
}

impl Simulation {
    /// How a call of the identity would be decided, with a token of now.
    ///
    /// # Errors
    /// NOT_FOUND if there is no such identity.
    pub(super) fn explained(self, question: &Question, asking: &Asking) -> Result<AccessExplanation, Status> {
        let facts = &asking.version.snapshot;
        let name = self.principal.to_string();
        let fact = facts.identity(&self.principal).ok_or_else(|| refusal(&Refusal::not_found(&name)))?;
        let principal = Principal { mfa: self.mfa, ..Principal::new(self.principal, fact.generation, "") };
        let principal = Caller::Identity(principal);
        // A trust policy may show a role to one identity of an account and not to another.
        let own = decide(question.rule, &asking.caller, facts, &question.targets, &asking.environment);
        let explained = explanation::of(question, &principal, &asking.version, &self.environment);
        match own {
            Err(unseen) if unseen.reason == Reason::ResourceNotFound => {
                Ok(explanation::unseen(explained, &unseen, &question.targets.resource))
            }
            _ => Ok(explained),
        }
    }
}

fn moment(time: &prost_types::Timestamp) -> Option<Timestamp> {
    let nanos = Some(time.nanos).filter(|nanos| (0..1_000_000_000).contains(nanos))?;
    let micros = time.seconds.checked_mul(1_000_000)?.checked_add(i64::from(nanos / 1_000))?;
    Some(Timestamp::from_micros(micros))
}
