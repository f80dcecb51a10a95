//! Who may come in: the guard in front of a role's handlers. It lets nothing through but by the end of
//! [`Guard::admit`]; each error on the way is a refusal. Access itself is decided by `bailiwick_core::authz`.

use std::sync::Arc;

use bailiwick_api::{CONSISTENCY_TOKEN, decode_token, errors::v1::ErrorReason};
use bailiwick_core::{
    Clock, Entropy, Operator, Role,
    authz::{Caller, CallerContext, ContextKey, Environment, Permit, Rule, Seat, Snapshot, Targets, decide},
};
use http::Request;
use tokio::{
    sync::Semaphore,
    time::{Duration, Instant, timeout_at},
};
use tonic::{Status, body::Body, metadata::MetadataMap};

use crate::{
    CALLER_CONTEXT, Call, Kind, OPERATOR, PositionError, Positions, Problem, first_message::undecodable,
    read_first_message, refusal,
};

const MAX_TOKENS: usize = 8;
const MAX_POSITIONS: usize = 32;
/// Most bytes of a caller context or an operator.
const MAX_BINARY: usize = 32 << 10;
/// Most roles that a call has come through.
const MAX_VIA: usize = 8;
/// How long before the deadline waiting for a position ends, so that the caller learns why.
const MARGIN: Duration = Duration::from_millis(100);

/// How long a call waits for a position before it needs one of the places for those that wait.
const PATIENCE: Duration = Duration::from_millis(100);

/// What a role's server needs to tell who calls.
#[derive(Clone)]
pub struct Guard {
    /// The role that is served: the audience of caller contexts.
    pub role: Role,
    /// The key that the gateway signs with.
    pub context_key: ContextKey,
    /// For the expiry of caller contexts.
    pub clock: Arc<dyn Clock>,
    /// For ids of calls that come without.
    pub entropy: Arc<dyn Entropy>,
    /// For consistency tokens.
    pub positions: Arc<dyn Positions>,
}

/// A request on its way in.
pub(crate) struct Arrival {
    pub(crate) rule: &'static Rule,
    pub(crate) peer: Role,
    pub(crate) call_id: String,
    pub(crate) deadline: Instant,
    /// Places for calls that wait for a position: any caller can name one that is not reached for long.
    pub(crate) waiting: Arc<Semaphore>,
    pub(crate) request: Request<Body>,
}

/// Who calls, before the request has been read.
enum Claim {
    /// A user, by the gateway's word.
    User(Box<Permit>),
    /// A role, and the operator that it names.
    Role(Box<Operator>),
}

impl Guard {
    /// The rule of a method that this role serves.
    ///
    /// # Errors
    /// UNIMPLEMENTED if there is none.
    pub(crate) fn rule(&self, path: &str) -> Result<&'static Rule, Status> {
        let served = |rule: &&Rule| rule.role.map_or_else(|| self.role.has_database(), |role| role == self.role);
        bailiwick_api::rule(path).filter(served).ok_or_else(|| {
            Problem::new(Kind::Unimplemented, ErrorReason::MethodUnknown, "there is no such method")
                .with("method", path)
                .into()
        })
    }

    /// The request with its [`Call`], if it may come in.
    pub(crate) async fn admit(&self, arrival: Arrival) -> Result<Request<Body>, Status> {
        let Arrival { rule, peer, call_id, deadline, waiting, request } = arrival;
        let (mut parts, body) = request.into_parts();
        let metadata = MetadataMap::from_headers(std::mem::take(&mut parts.headers));
        if metadata.get("grpc-encoding").is_some_and(|encoding| encoding != "identity") {
            return Err(undecodable("compressed requests are not supported"));
        }
        // Who calls is known before the body is read: strangers cannot make the role hold their messages.
        let claim = self.claim(rule, peer, &metadata)?;
        let consistency = self.consistent(&metadata, deadline, &waiting).await?;
        let (targets, request_json, body) = match reads(rule) {
            false => (Targets::default(), String::new(), body),
            true => {
                let first = read_first_message(body).await?;
                let inspected =
                    bailiwick_api::inspect(rule, &first.message).map_err(|e| undecodable(&e.to_string()))?;
                (inspected.targets, inspected.json, first.body)
            }
        };
        let permit = permit(rule, peer, claim, &targets, &self.environment())?;
        let operator = permit.operator().cloned().unwrap_or_else(|| Operator::service(peer));
        let operator = passed_through(operator, peer, &call_id)?;
        let permit = permit.with_operator(operator.clone());
        parts.headers = metadata.into_headers();
        parts.extensions.insert(Call { permit, operator, request_json, call_id, deadline, consistency });
        Ok(Request::from_parts(parts, body))
    }

    fn environment(&self) -> Environment {
        Environment::at(self.clock.now())
    }

    fn claim(&self, rule: &'static Rule, peer: Role, metadata: &MetadataMap) -> Result<Claim, Status> {
        let context = binary(metadata, CALLER_CONTEXT)?;
        if rule.seat == Seat::Internal {
            // The gateway forwards no user to an internal method; what looks like it is not its own call either.
            if context.is_some() {
                return Err(not_authorized("a caller context on an internal method"));
            }
            // Refused by the rule before the body is read; the permit is made when the targets are known.
            decide_role(rule, peer, &Targets::default(), &self.environment())?;
            let Some(operator) = binary(metadata, OPERATOR)? else {
                return Ok(Claim::Role(Box::new(Operator::service(peer))));
            };
            let operator = postcard::from_bytes(&operator).map_err(|_| undecodable("the operator is malformed"))?;
            return Ok(Claim::Role(Box::new(operator)));
        }
        if peer != Role::Gateway {
            return Err(not_authorized("not from the gateway"));
        }
        let context = context.ok_or_else(|| not_authorized("no caller context"))?;
        CallerContext::verify(&context, &self.context_key, self.role, rule, self.clock.now())
            .map(|permit| Claim::User(Box::new(permit)))
            .map_err(|error| not_authorized(&error.to_string()))
    }

    /// The consistency tokens of a call, when what they stand for can be seen.
    async fn consistent(
        &self,
        metadata: &MetadataMap,
        deadline: Instant,
        waiting: &Semaphore,
    ) -> Result<Vec<String>, Status> {
        let malformed = || position_problem(PositionError::Invalid, "");
        let mut tokens = Vec::new();
        let mut positions = Vec::new();
        for value in metadata.get_all(CONSISTENCY_TOKEN) {
            let token = value.to_str().map_err(|_| malformed())?;
            positions.extend(decode_token(token).map_err(|_| malformed())?);
            tokens.push(token.to_owned());
            if tokens.len() > MAX_TOKENS || positions.len() > MAX_POSITIONS {
                return Err(malformed());
            }
        }
        let until = deadline.checked_sub(MARGIN).unwrap_or(deadline);
        let patience = until.min(Instant::now() + PATIENCE);
        let mut place = None;
        for position in &positions {
            let mut reached = self.positions.wait(position, until);
            let mut waited = timeout_at(patience, &mut reached).await;
            if waited.is_err() {
                place = place.or_else(|| waiting.try_acquire().ok());
                let until = if place.is_some() { until } else { patience };
                waited = timeout_at(until, reached).await;
            }
            waited.unwrap_or(Err(PositionError::NotReached)).map_err(|e| position_problem(e, &position.role))?;
        }
        Ok(tokens)
    }
}

/// Whether the first message is looked at. Of a request that is a stream, only for the rule: it may come late.
fn reads(rule: &Rule) -> bool {
    rule.reads_request() || !rule.client_streaming
}

fn permit(
    rule: &'static Rule,
    peer: Role,
    claim: Claim,
    targets: &Targets,
    environment: &Environment,
) -> Result<Permit, Status> {
    match claim {
        Claim::User(permit) if permit.covers(targets) => Ok(*permit),
        Claim::User(_) => Err(not_authorized("the request names other things than were authorized")),
        Claim::Role(operator) => {
            decide_role(rule, peer, targets, environment).map(|permit| permit.with_operator(*operator))
        }
    }
}

/// A role of the suite is decided by the rule alone.
fn decide_role(
    rule: &'static Rule,
    peer: Role,
    targets: &Targets,
    environment: &Environment,
) -> Result<Permit, Status> {
    decide(rule, &Caller::Service(peer), &Snapshot::empty(), targets, environment).map_err(|r| refusal(&r))
}

fn passed_through(mut operator: Operator, peer: Role, call_id: &str) -> Result<Operator, Status> {
    if operator.via.last() != Some(&peer) {
        operator.via.push(peer);
    }
    if operator.call_id.is_empty() {
        call_id.clone_into(&mut operator.call_id);
    }
    if operator.via.len() > MAX_VIA {
        Err(undecodable("the call has come through too many roles"))
    } else {
        Ok(operator)
    }
}

/// The only value of a binary key. Two are refused: which one counts would be anyone's guess.
fn binary(metadata: &MetadataMap, key: &str) -> Result<Option<Vec<u8>>, Status> {
    let mut values = metadata.get_all_bin(key).iter();
    let (Some(value), rest) = (values.next(), values.next()) else { return Ok(None) };
    let bytes = value.to_bytes().ok().filter(|bytes| rest.is_none() && bytes.len() <= MAX_BINARY);
    bytes.map(|bytes| Some(bytes.to_vec())).ok_or_else(|| undecodable(&format!("`{key}` is malformed")))
}

/// What is wrong is for the log alone: who tries contexts learns nothing.
fn not_authorized(problem: &str) -> Status {
    tracing::warn!(problem, "a call is not one that the gateway authorized");
    let message = "the call is not one that the gateway authorized";
    Problem::new(Kind::PermissionDenied, ErrorReason::CallerContextInvalid, message).into()
}

fn position_problem(error: PositionError, role: &str) -> Status {
    let problem = |kind, reason| Problem::new(kind, reason, error.to_string());
    match error {
        PositionError::NotReached => problem(Kind::Unavailable, ErrorReason::RevisionNotReached)
            .with("role", role)
            .retry_after(Duration::from_millis(500))
            .into(),
        PositionError::Invalid => problem(Kind::InvalidArgument, ErrorReason::ConsistencyTokenInvalid).into(),
        PositionError::Unavailable => problem(Kind::Unavailable, ErrorReason::DatabaseUnavailable).into(),
    }
}
