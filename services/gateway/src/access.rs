//! AccessService: how calls would be decided. Its calls reach it as any other call does.
//!
//! - It decides with the facts, the caller and the circumstances by which its own call was let through: one revision for
//!   each answer.
//! - It tells of the caller's own rights, and of those of identities of the caller's account. Nothing is told that the
//!   caller could not learn by calling: what it cannot see does not exist.
//! - The work of an answer is bounded, and other calls get their turn in the midst of it.

use std::sync::Arc;

use bailiwick_api::gateway::v1::{
    AccessCheck, AccessExplanation, BatchCheckAccessRequest, BatchCheckAccessResponse, CheckAccessRequest,
    ExplainAccessRequest, ExplainPrincipalAccessRequest, ListAccessibleAccountsRequest, ListAccessibleAccountsResponse,
    access_service_server::AccessService,
};
use bailiwick_core::authz::{Caller, Environment, decide};
use bailiwick_rpc::{InvalidFields, Kind, Problem};
use tonic::{Request, Response, Status};

use crate::{facts::Version, routing::Routing};

mod explanation;
mod listing;
mod question;
mod simulation;

use question::{Question, method};

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

/// By what a question is answered.
struct Asking {
    caller: Caller,
    version: Arc<Version>,
    environment: Environment,
}

#[tonic::async_trait]
impl AccessService for Access {
    async fn explain_access(
        &self,
        request: Request<ExplainAccessRequest>,
    ) -> Result<Response<AccessExplanation>, Status> {
        let (asking, asked) = split(request)?;
        let question = Question::parse(&self.routing, question::of_own(asked))?;
        Ok(Response::new(explanation::of(&question, &asking.caller, &asking.version, &asking.environment)))
    }

    async fn explain_principal_access(
        &self,
        request: Request<ExplainPrincipalAccessRequest>,
    ) -> Result<Response<AccessExplanation>, Status> {
        let (asking, asked) = split(request)?;
        let simulation = simulation::parse(&asked, asking.environment.now)?;
        let question = Question::parse(&self.routing, question::of_principal(asked))?;
        Ok(Response::new(simulation.explained(&question, &asking)?))
    }

    async fn check_access(&self, request: Request<CheckAccessRequest>) -> Result<Response<AccessCheck>, Status> {
        let (asking, asked) = split(request)?;
        let question = Question::parse(&self.routing, asked)?;
        Ok(Response::new(asking.check(&question)))
    }

    async fn batch_check_access(
        &self,
        request: Request<BatchCheckAccessRequest>,
    ) -> Result<Response<BatchCheckAccessResponse>, Status> {
        let (asking, asked) = split(request)?;
        let questions = Question::parse_all(&self.routing, asked.checks)?;
        let mut checks = Vec::with_capacity(questions.len());
        for question in &questions {
            checks.push(asking.check(question));
            tokio::task::yield_now().await;
        }
        Ok(Response::new(BatchCheckAccessResponse { checks, revision: asking.version.position.revision }))
    }

    async fn list_accessible_accounts(
        &self,
        request: Request<ListAccessibleAccountsRequest>,
    ) -> Result<Response<ListAccessibleAccountsResponse>, Status> {
        let (asking, asked) = split(request)?;
        let mut invalid = InvalidFields::new();
        let rule = method(&self.routing, &mut invalid, "method".to_owned(), &asked.method);
        let size = invalid.page_size("page_size", asked.page_size);
        let form = rule.and_then(|rule| listing::Form::parse(&mut invalid, rule, &asked.resource));
        match (form, size) {
            (Some(form), Some(size)) => {
                invalid.finish()?;
                Ok(Response::new(asking.page(&form, size, &asked).await?))
            }
            _ => Err(invalid.into_status()),
        }
    }
}

impl Asking {
    fn check(&self, question: &Question) -> AccessCheck {
        let Question { rule, targets } = question;
        let decided = decide(rule, &self.caller, &self.version.snapshot, targets, &self.environment);
        AccessCheck {
            allowed: decided.is_ok(),
            reason: decided.err().map(|refusal| refusal.reason.as_str().to_owned()).unwrap_or_default(),
            required_seat: rule.seat.as_str().to_owned(),
            revision: self.version.position.revision,
        }
    }
}

fn split<T>(request: Request<T>) -> Result<(Asking, T), Status> {
    let (_, mut extensions, asked) = request.into_parts();
    let call = extensions.remove::<LocalCall>();
    match call {
        Some(LocalCall { caller, version: Some(version), environment }) => {
            Ok((Asking { caller, version, environment }, asked))
        }
        _ => {
            let message = "a request to the gateway's own service passed no decision";
            Err(Problem::new(Kind::Internal, bailiwick_api::errors::v1::ErrorReason::Internal, message).into())
        }
    }
}
