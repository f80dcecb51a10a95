//! AccessService: how a call of the caller would be decided. It reaches its handler as any other call does, and tells of
//! the caller's own rights alone.

use std::sync::Arc;

use bailiwick_api::gateway::v1::{
    AccessExplanation, AccessStep, ExplainAccessRequest, access_service_server::AccessService,
};
use bailiwick_core::authz::{Caller, Environment, Rule, Targets, explain};
use bailiwick_rpc::InvalidFields;
use tonic::{Request, Response, Status};

use crate::{facts::Version, routing::Routing};

/// Most accounts that a question names.
const MAX_ACCOUNTS: usize = 1_024;

/// What a service of the gateway itself knows of its call; in the request's extensions.
#[derive(Clone, Debug)]
pub struct LocalCall {
    /// Who calls.
    pub caller: Caller,
    /// The facts that decided; none for public methods.
    pub version: Option<Arc<Version>>,
    /// Where it comes from, and when it was decided.
    pub environment: Environment,
}

/// The service.
#[derive(Debug)]
pub struct Access {
    /// The methods that can be asked about.
    pub routing: Routing,
}

#[tonic::async_trait]
impl AccessService for Access {
    async fn explain_access(
        &self,
        request: Request<ExplainAccessRequest>,
    ) -> Result<Response<AccessExplanation>, Status> {
        let (_, extensions, asked) = request.into_parts();
        let call = extensions.get::<LocalCall>().and_then(|call| Some((call, call.version.as_ref()?)));
        let (LocalCall { caller, environment, .. }, version) = call.ok_or_else(no_call)?;
        let (rule, targets) = self.parse(asked)?;
        Ok(Response::new(explanation(rule, caller, version, &targets, environment)))
    }
}

impl Access {
    fn parse(&self, asked: ExplainAccessRequest) -> Result<(&'static Rule, Targets), Status> {
        let mut invalid = InvalidFields::new();
        let route = self.routing.find(&format!("/{}", asked.method));
        let rule = invalid.take("method", route.map(|route| route.rule).ok_or("must be a method of the suite"));
        invalid.check("accounts", asked.accounts.len() <= MAX_ACCOUNTS, "must not be over 1,024");
        match rule {
            Some(rule) => {
                invalid.finish()?;
                Ok((rule, Targets { resource: asked.resource, accounts: asked.accounts, ..Targets::default() }))
            }
            None => Err(invalid.into_status()),
        }
    }
}

fn explanation(
    rule: &Rule,
    caller: &Caller,
    version: &Version,
    targets: &Targets,
    environment: &Environment,
) -> AccessExplanation {
    let (decided, explained) = explain(rule, caller, &version.snapshot, targets, environment);
    let (reason, message) = match &decided {
        Ok(_) => (String::new(), String::new()),
        Err(refusal) => (refusal.reason.as_str().to_owned(), refusal.message.clone()),
    };
    let step =
        |s: bailiwick_core::authz::Step| AccessStep { condition: s.condition, holds: s.holds, because: s.because };
    AccessExplanation {
        allowed: decided.is_ok(),
        reason,
        message,
        action: rule.action.to_owned(),
        required_seat: rule.seat.as_str().to_owned(),
        trusted_service: rule.trusted_service.map_or_else(String::new, |service| service.id().to_owned()),
        steps: explained.steps.into_iter().map(step).collect(),
        revision: version.position.revision,
    }
}

fn no_call() -> Status {
    let message = "a request to the gateway's own service passed no decision";
    bailiwick_rpc::Problem::new(
        bailiwick_rpc::Kind::Internal,
        bailiwick_api::errors::v1::ErrorReason::Internal,
        message,
    )
    .into()
}
