//! Calls that are asked about, as the requests describe them.

use bailiwick_api::gateway::v1::{CheckAccessRequest, ExplainAccessRequest, ExplainPrincipalAccessRequest};
use bailiwick_core::authz::{FieldPath, Rule, Targets};
use bailiwick_rpc::InvalidFields;
use tonic::Status;

use crate::routing::Routing;

/// Most accounts that a request names, in all that it asks.
const MAX_ACCOUNTS: usize = 1_024;
/// Most calls that a request asks about.
const MAX_CHECKS: usize = 1_000;
/// Most violations are told of the first calls that have any.
const MAX_VIOLATIONS: usize = 64;

/// A call that is asked about.
pub(super) struct Question {
    pub(super) rule: &'static Rule,
    pub(super) targets: Targets,
}

impl Question {
    /// Reads a question.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if there is no such method, or it names no such things.
    pub(super) fn parse(routing: &Routing, asked: CheckAccessRequest) -> Result<Self, Status> {
        let mut invalid = InvalidFields::new();
        invalid.check("accounts", asked.accounts.len() <= MAX_ACCOUNTS, "must not be over 1,024");
        match Self::read(routing, &mut invalid, "", asked) {
            Some(question) => invalid.finish().map(|()| question),
            None => Err(invalid.into_status()),
        }
    }

    /// Reads the questions of one request.
    ///
    /// # Errors
    /// The same; also if there are none, or too many.
    pub(super) fn parse_all(routing: &Routing, asked: Vec<CheckAccessRequest>) -> Result<Vec<Self>, Status> {
        let mut invalid = InvalidFields::new();
        invalid.check("checks", (1..=MAX_CHECKS).contains(&asked.len()), "must be 1 to 1,000");
        let accounts: usize = asked.iter().map(|check| check.accounts.len()).sum();
        invalid.check("checks", accounts <= MAX_ACCOUNTS, "must not name over 1,024 accounts together");
        let (mut questions, mut faults) = (Vec::new(), 0);
        for (place, check) in asked.into_iter().take(MAX_CHECKS).enumerate() {
            match Self::read(routing, &mut invalid, &format!("checks[{place}]."), check) {
                Some(question) => questions.push(question),
                None => faults += 1,
            }
            if faults == MAX_VIOLATIONS {
                break;
            }
        }
        invalid.finish().map(|()| questions)
    }

    fn read(routing: &Routing, invalid: &mut InvalidFields, within: &str, asked: CheckAccessRequest) -> Option<Self> {
        let CheckAccessRequest { method: name, resource, mut accounts, external_id } = asked;
        let rule = method(routing, invalid, format!("{within}method"), &name)?;
        let mut named = |field: &str, sound: bool| {
            invalid.check(format!("{within}{field}"), sound, "is nothing that the rule of the method names");
            sound
        };
        let sound = [
            named("resource", rule.resource.is_some() || resource.is_empty()),
            named("accounts", !rule.accounts.is_empty() || accounts.is_empty()),
            named("external_id", rule.external_id.is_some() || external_id.is_empty()),
        ];
        if sound.contains(&false) {
            return None;
        }
        if rule.accounts.iter().any(|path| names_resource(rule, path)) && !accounts.contains(&resource) {
            accounts.push(resource.clone());
        }
        Some(Self { rule, targets: Targets { resource, accounts, external_id } })
    }
}

/// The rule of a method, by its name without the leading slash.
pub(super) fn method(
    routing: &Routing,
    invalid: &mut InvalidFields,
    field: String,
    name: &str,
) -> Option<&'static Rule> {
    let route = routing.find(&format!("/{name}"));
    invalid.take(field, route.map(|route| route.rule).ok_or("must be a method of the suite"))
}

/// Whether an account acted on is the one that the resource of the call names.
pub(super) fn names_resource(rule: &Rule, account: &FieldPath) -> bool {
    rule.resource.is_some_and(|resource| resource.numbers == account.numbers)
}

/// The call that is to be explained.
pub(super) fn of_own(asked: ExplainAccessRequest) -> CheckAccessRequest {
    let ExplainAccessRequest { method, resource, accounts, external_id } = asked;
    CheckAccessRequest { method, resource, accounts, external_id }
}

/// The call of somebody else that is to be explained.
pub(super) fn of_principal(asked: ExplainPrincipalAccessRequest) -> CheckAccessRequest {
    let ExplainPrincipalAccessRequest { method, resource, accounts, external_id, .. } = asked;
    CheckAccessRequest { method, resource, accounts, external_id }
}
