//! Errors of risks and their rules as callers see them.

use bailiwick_api::errors::v1::ErrorReason;
use bailiwick_changelog::database_problem;
use bailiwick_rpc::{Kind, Problem, refusal};
use tonic::Status;

use crate::posture::{app::RisksError, domain::RiskError};

impl From<RisksError> for Status {
    fn from(error: RisksError) -> Self {
        let message = error.to_string();
        match error {
            RisksError::Domain(error) => domain(error, message).into(),
            RisksError::Closed(closed) => closed.into(),
            RisksError::Refusal(refused) => refusal(&refused),
            RisksError::Db(error) => database_problem(&error).into(),
            RisksError::Token(_) => Problem::new(Kind::InvalidArgument, ErrorReason::PageTokenInvalid, message).into(),
        }
    }
}

fn domain(error: RiskError, message: String) -> Problem {
    match error {
        RiskError::NotFound(name) => {
            Problem::new(Kind::NotFound, ErrorReason::ResourceNotFound, message).with("resource", name)
        }
        RiskError::EtagMismatch(name) => {
            Problem::new(Kind::Aborted, ErrorReason::EtagMismatch, message).with("resource", name)
        }
        RiskError::State(risk, state) => Problem::new(Kind::FailedPrecondition, ErrorReason::RiskState, message)
            .with("risk", risk)
            .with("state", state.short_name()),
        RiskError::RuleExists(name) => {
            Problem::new(Kind::AlreadyExists, ErrorReason::ResourceExists, message).with("resource", name)
        }
        RiskError::RuleQuota(limit) => {
            Problem::new(Kind::ResourceExhausted, ErrorReason::SuppressionRuleQuotaExceeded, message)
                .with("limit", limit.to_string())
        }
    }
}
