//! Every call from outside passes here, by its rule alone: there is no code for any one method.
//!
//! Path to rule, credential to caller, fresh facts, the fields that the rule names, the decision; then the call goes to
//! its role with the caller's signed context, and frames pass in both directions as they come; but a unary request
//! goes on only when all of it is there.
//!
//! - What is not allowed is not forwarded, nor what is not known, cannot be read, or cannot be decided now.
//! - Statuses and trailers of services pass untouched; a call that ends otherwise gets a status of ours. A call that may
//!   have reached its service is never sent again.
//! - What was acknowledged through a gateway is enforced by it at once: before the answer to a change is passed on, the
//!   gateway waits, at most half a second, until its own facts include the position of the answer's consistency token.
//!   An answer is passed on without that if they do not: the change is made, and other gateways know it no later.
//!
//! It does not decode, translate or cache answers.

use std::{collections::HashMap, net::IpAddr, pin::Pin, sync::Arc, time::Duration};

use bailiwick_api::{CONSISTENCY_TOKEN, decode_token, encode_token, errors::v1::ErrorReason, r#type::v1::LogPosition};
use bailiwick_core::{
    Clock, Entropy, Operator, Role, Timestamp,
    authz::{
        Audit, Caller, CallerContext, ContextKey, Environment, Facts as _, Permit, Principal, Refusal, Rule, Seat,
        Snapshot, Targets, decide,
    },
    random_token,
};
use bailiwick_rpc::{
    CALL_ID, CALLER_CONTEXT, Kind, Problem, refusal,
    telemetry::{self, CallDurations},
    with_call_id,
};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, header::HeaderName};
use http_body::Body as _;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, service::Routes};
use tower::Service;
use tracing::Instrument;

pub mod backend;
pub mod body;
pub mod deadline;
pub mod ending;
pub mod first;
pub mod headers;

use backend::{Backend, lost};
use body::{Answer, Forwarded, Inbound, Relay, Source};
use ending::{Ending, Stream, StreamTimes};

use crate::{
    access::LocalCall,
    credential::{Credential, Presented},
    facts::{Facts, Version, foreign_token},
    routing::{Route, Routing},
    token::Tokens,
};

/// Who calls, in traces and metrics.
const CLIENT: &str = "client";
/// The header, or trailer, that has the status of a call.
const GRPC_STATUS: &str = "grpc-status";
/// Most bytes of a signed caller context: it travels as a header, and services take no more.
const MAX_CONTEXT: usize = 32 << 10;
/// Most consistency tokens of a call, and positions in them: one less than roles take, since one is added.
const MAX_TOKENS: usize = 7;
const MAX_POSITIONS: usize = 31;
const CALL_ID_DIGITS: usize = 20;

/// Times of calls.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Of a unary call without a deadline, and until a stream has begun.
    pub default: Duration,
    /// Of any unary call.
    pub max: Duration,
    /// For facts to reach the position of a consistency token.
    pub consistency: Duration,
    /// Of streams.
    pub streams: StreamTimes,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            default: Duration::from_secs(30),
            // Less than a caller context lives.
            max: Duration::from_secs(55),
            consistency: Duration::from_millis(500),
            streams: StreamTimes {
                idle: Duration::from_secs(600),
                lifetime: Duration::from_secs(4 * 3600),
                stale: Duration::from_secs(10),
            },
        }
    }
}

/// What answers calls.
pub struct Proxy {
    /// The methods.
    pub routing: Routing,
    /// The verifier of credentials.
    pub tokens: Arc<Tokens>,
    /// The facts.
    pub facts: Arc<Facts>,
    /// The key of caller contexts.
    pub context_key: ContextKey,
    /// For their expiry.
    pub clock: Arc<dyn Clock>,
    /// For ids of calls.
    pub entropy: Arc<dyn Entropy>,
    /// The roles that serve calls.
    pub backends: HashMap<Role, Backend>,
    /// What the gateway serves itself.
    pub local: Routes,
    /// Reads the beginnings of requests.
    pub first: first::Reader,
    /// Times.
    pub times: Times,
    /// How long calls take.
    pub durations: CallDurations,
    /// Ends streams when the gateway stops.
    pub stopping: CancellationToken,
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The address.
    pub address: IpAddr,
    /// Whether the connection is TLS.
    pub secure: bool,
}

/// A call on its way.
struct Call {
    rule: &'static Rule,
    id: String,
    from: Peer,
    deadline: Option<Instant>,
}

/// A call that is allowed.
struct Admitted {
    caller: Caller,
    expires: Option<i64>,
    targets: Targets,
    permit: Permit,
    version: Option<Arc<Version>>,
    first: first::First,
}

impl Call {
    fn is_stream(&self) -> bool {
        self.rule.client_streaming || self.rule.server_streaming
    }
}

impl Proxy {
    /// Answers a call from `from`.
    pub async fn answer(&self, request: Request<Inbound>, from: Peer) -> Response<Answer> {
        if let Some(status) = not_grpc(&request) {
            let mut response = Response::new(Answer::Empty);
            *response.status_mut() = status;
            return response;
        }
        let id = random_token(&*self.entropy, CALL_ID_DIGITS);
        let rule = self.routing.find(request.uri().path()).map(|route| route.rule);
        // What strangers send as a path is no label.
        let mut measurement = self.durations.start(CLIENT, rule.map_or("unknown", Rule::method));
        let span = telemetry::span(&request, CLIENT, Role::Gateway, &id);
        let mut response = match self.call(request, from, &id).instrument(span).await {
            Ok(mut response) => {
                let (parts, answer) = (response.headers().clone(), response.body_mut());
                answer.measured_by(measurement, &parts);
                response
            }
            Err(status) => {
                measurement.code = status.code();
                with_call_id(status, &id).into_http()
            }
        };
        if let Ok(value) = HeaderValue::try_from(&id) {
            response.headers_mut().insert(HeaderName::from_static(headers::REQUEST_ID), value);
        }
        response
    }

    async fn call(&self, request: Request<Inbound>, from: Peer, id: &str) -> Result<Response<Answer>, Status> {
        let (head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("", |path| path.as_str());
        let route = self.routing.find(path).ok_or_else(|| unknown(path))?;
        let rule = route.rule;
        let stream = rule.client_streaming || rule.server_streaming;
        let asked = deadline::requested(&head.headers)?;
        let now = Instant::now();
        let deadline = match (asked, stream) {
            (Some(asked), true) => Some(now + asked.min(self.times.streams.lifetime)),
            (Some(asked), false) => Some(now + asked.min(self.times.max)),
            (None, true) => None,
            (None, false) => Some(now + self.times.default),
        };
        let call = Call { rule, id: id.to_owned(), from, deadline };
        let begin = deadline.unwrap_or(now + self.times.default);
        let mut alarm = Box::pin(tokio::time::sleep_until(begin));
        let mut body = body;
        let admitted = tokio::select! {
            biased;
            admitted = self.admit(&call, route, &head.headers, &mut body) => admitted,
            () = &mut alarm => Err(too_late()),
        };
        let admitted = admitted.inspect_err(|status| {
            tracing::info!(
                rpc.method = rule.method(), call.id = %call.id, code = ?status.code(), reason = status.message(),
                "a call is refused"
            );
        })?;
        let alarm = deadline.map(|_| alarm);
        self.forward(call, admitted, &head.headers, body, alarm).await
    }

    /// Decides a call: credential, facts, fields, rule.
    async fn admit(
        &self,
        call: &Call,
        route: &Route,
        headers: &HeaderMap,
        body: &mut Inbound,
    ) -> Result<Admitted, Status> {
        let rule = call.rule;
        if rule.seat == Seat::Internal || rule.seat == Seat::Public {
            // Neither looks at credential, facts or request: an expired token does not keep anyone from a new one.
            let permit = self.anonymous(call);
            let permit = permit.map_err(|r| refusal(&r))?.with_operator(nobody(call));
            let targets = Targets::default();
            let first = self.begin(call, route, body, first::Sender::Stranger).await?;
            return Ok(Admitted { caller: Caller::Anonymous, expires: None, targets, permit, version: None, first });
        }
        let Some(credential) = self.credential(headers).await? else {
            // Refused by the rule before anything is read or waited for.
            let decided = self.anonymous(call);
            return Err(decided.err().map_or_else(|| unknown(rule.path), |r| refusal(&r)));
        };
        self.consistent(headers, call.deadline).await?;
        // Whoever only claims to be somebody is not let send more than a stranger may.
        self.identified(&credential)?;
        let first = self.begin(call, route, body, first::Sender::Known).await?;
        let targets = route.plan.scan(&first.message).map_err(|e| first::undecodable(&e.to_string()))?;
        // Facts and age are taken last: reading may have taken long.
        let (version, principal) = self.identified(&credential)?;
        let expires = principal.expires.map(Timestamp::as_seconds);
        let caller = Caller::Identity(principal);
        let environment = self.environment(call);
        let permit = decide(rule, &caller, &version.snapshot, &targets, &environment).map_err(|r| refusal(&r))?;
        let permit = with_operator(permit, &caller, &version, call);
        Ok(Admitted { caller, expires, targets, permit, version: Some(version), first })
    }

    /// The credential of a call, as far as it can be verified without facts.
    async fn credential(&self, headers: &HeaderMap) -> Result<Option<Credential>, Problem> {
        if let Some(presented) = Presented::of(headers) {
            return Ok(Some(Credential::SinglePurpose(presented?)));
        }
        Ok(self.tokens.authenticate(headers).await?.map(Credential::Token))
    }

    /// Whose the credential is by facts that are fresh, and these.
    fn identified(&self, credential: &Credential) -> Result<(Arc<Version>, Principal), Problem> {
        match credential {
            Credential::Token(verified) => {
                Ok((self.facts.fresh_for(&verified.epoch, Instant::now())?, verified.principal.clone()))
            }
            Credential::SinglePurpose(presented) => {
                let version = self.facts.fresh(Instant::now())?;
                let principal = presented.principal(&version.snapshot, self.clock.now())?;
                Ok((version, principal))
            }
        }
    }

    /// How the rule alone decides a call of nobody in particular.
    fn anonymous(&self, call: &Call) -> Result<Permit, Refusal> {
        let environment = self.environment(call);
        decide(call.rule, &Caller::Anonymous, &Snapshot::empty(), &Targets::default(), &environment)
    }

    fn environment(&self, call: &Call) -> Environment {
        Environment {
            source_ip: Some(call.from.address.to_canonical()),
            now: self.clock.now(),
            secure_transport: call.from.secure,
        }
    }

    /// What is read of a request before it goes on: of a unary one, all, so that one that never ends takes no place of a
    /// role; of a stream, the first message if the rule names fields of it.
    async fn begin(
        &self,
        call: &Call,
        route: &Route,
        body: &mut Inbound,
        from: first::Sender,
    ) -> Result<first::First, Problem> {
        match (call.is_stream(), route.plan.is_empty()) {
            (false, _) => self.first.only(body, from).await,
            (true, false) => self.first.first(body, from).await,
            (true, true) => Ok(first::First::default()),
        }
    }

    /// Returns when the facts include what the caller has seen.
    async fn consistent(&self, headers: &HeaderMap, deadline: Option<Instant>) -> Result<(), Status> {
        if !headers.contains_key(CONSISTENCY_TOKEN) {
            return Ok(());
        }
        let until = Instant::now() + self.times.consistency;
        let until = deadline.map_or(until, |deadline| deadline.min(until));
        for position in positions(headers).ok_or_else(foreign_token)? {
            self.facts.wait_for(&position, until).await?;
        }
        Ok(())
    }

    async fn forward(
        &self,
        call: Call,
        admitted: Admitted,
        headers: &HeaderMap,
        body: Inbound,
        alarm: Option<Pin<Box<Sleep>>>,
    ) -> Result<Response<Answer>, Status> {
        let role = call.rule.role.ok_or_else(|| unknown(call.rule.path))?;
        // A call whose request is all there, and that is no stream, ends with its answer.
        let ending = (call.is_stream() || !body.is_end_stream()).then(Ending::new);
        let over = ending.as_ref().map(|ending| ending.over().drop_guard());
        let head = self.head(&call, &admitted, headers, role)?;
        let environment = self.environment(&call);
        let local = LocalCall { caller: admitted.caller.clone(), version: admitted.version.clone(), environment };
        let Admitted { caller, expires, targets, permit, version, first } = admitted;
        let epoch = version.and_then(|version| version.epoch().map(str::to_owned));
        let body = Forwarded::new(first, body, ending.clone());
        if let (true, Some(ending)) = (call.is_stream(), &ending) {
            let expires = expires.map(|at| self.instant(at));
            let ending = Arc::clone(ending);
            let clock = Arc::clone(&self.clock);
            let stream =
                Stream { ending, rule: call.rule, caller, targets, permit, environment, clock, epoch, expires };
            tokio::spawn(stream.watch(Arc::clone(&self.facts), self.times.streams, self.stopping.clone()));
        }
        let mut alarm = alarm;
        let answered = tokio::select! {
            biased;
            answered = self.send(role, head, body, local, call.is_stream()) => answered?,
            () = passes(&mut alarm) => return Err(too_late()),
            () = ends(ending.as_deref()) => return Err(ending.map_or_else(too_late, |ending| ending.why())),
        };
        let (mut parts, source) = answered;
        if call.rule.audit == Audit::Write && !call.is_stream() {
            self.enforced(&parts.headers).await;
        }
        parts.headers = headers::outward(&parts.headers);
        let relay = Relay::new(source, &parts.headers, role, call.id).until(alarm).ended_by(ending);
        // From here on it is the relay that ends the call.
        drop(over.map(tokio_util::sync::DropGuard::disarm));
        Ok(Response::from_parts(parts, Answer::Relay(Box::new(relay))))
    }

    /// Sends a call to its role, or serves it here.
    async fn send(
        &self,
        role: Role,
        head: http::request::Parts,
        body: Forwarded,
        local: LocalCall,
        stream: bool,
    ) -> Result<(http::response::Parts, Source), Status> {
        if role == Role::Gateway {
            let mut request = Request::from_parts(head, tonic::body::Body::new(body));
            request.extensions_mut().insert(local);
            let response = match self.local.clone().call(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            let (parts, body) = response.into_parts();
            // An error of our own is told as the proxy's own are, with the id of the call.
            return match Status::from_header_map(&parts.headers) {
                Some(status) if status.code() != Code::Ok => Err(status),
                _ => Ok((parts, Source::Local(body))),
            };
        }
        let backend = self.backends.get(&role).ok_or_else(|| lost(role))?;
        let response = backend.send(Request::from_parts(head, body), stream).await?;
        let (parts, body) = response.into_parts();
        if parts.status != StatusCode::OK && !parts.headers.contains_key(GRPC_STATUS) {
            return Err(no_grpc(parts.status, role).into());
        }
        Ok((parts, Source::Backend(body)))
    }

    /// The head of the request as it goes on.
    fn head(
        &self,
        call: &Call,
        admitted: &Admitted,
        headers: &HeaderMap,
        role: Role,
    ) -> Result<http::request::Parts, Status> {
        let signed = CallerContext::new(&admitted.permit, role, self.clock.now()).sign(&self.context_key);
        if signed.len() > MAX_CONTEXT {
            let message = "the request names too many accounts";
            return Err(Problem::new(Kind::ResourceExhausted, ErrorReason::RequestTooLarge, message)
                .with("limit_bytes", MAX_CONTEXT.to_string())
                .into());
        }
        let fault = || Problem::new(Kind::Internal, ErrorReason::Internal, "a request to a role cannot be made");
        let mut passed = headers::inward(headers);
        headers::check(&passed)?;
        let context = HeaderValue::try_from(STANDARD_NO_PAD.encode(signed)).map_err(|_| fault())?;
        passed.insert(HeaderName::from_static(CALLER_CONTEXT), context);
        passed.insert(HeaderName::from_static(CALL_ID), HeaderValue::try_from(&call.id).map_err(|_| fault())?);
        if let Some(followed) = followed(headers, admitted.version.as_deref()) {
            passed.append(HeaderName::from_static(CONSISTENCY_TOKEN), followed);
        }
        if let Some(deadline) = call.deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            passed.insert(HeaderName::from_static(deadline::GRPC_TIMEOUT), deadline::header(left));
        }
        let uri = Uri::builder().scheme("http").authority(role.as_str()).path_and_query(call.rule.path).build();
        let (mut head, ()) = Request::new(()).into_parts();
        head.method = http::Method::POST;
        head.version = http::Version::HTTP_2;
        head.uri = uri.map_err(|_| fault())?;
        head.headers = passed;
        telemetry::inject_into_headers(&mut head.headers);
        Ok(head)
    }

    /// Returns when the gateway's own facts include what an answer acknowledges, or cannot soon.
    async fn enforced(&self, headers: &HeaderMap) {
        if !headers.contains_key(CONSISTENCY_TOKEN) || self.facts.fresh(Instant::now()).is_err() {
            return;
        }
        let until = Instant::now() + self.times.consistency;
        for position in positions(headers).unwrap_or_default() {
            if let Err(problem) = self.facts.wait_for(&position, until).await {
                tracing::warn!(error = %problem, role = position.role, "a change is acknowledged before it is enforced");
            }
        }
    }

    /// The moment of a time in seconds since 1970-01-01 UTC.
    fn instant(&self, at: i64) -> Instant {
        let left = at.saturating_mul(1_000_000).saturating_sub(self.clock.now().as_micros());
        let left = Duration::from_micros(u64::try_from(left).unwrap_or(0));
        Instant::now() + left.min(self.times.streams.lifetime)
    }
}

fn with_operator(permit: Permit, caller: &Caller, version: &Version, call: &Call) -> Permit {
    let Caller::Identity(principal) = caller else { return permit };
    let Some(fact) = version.snapshot.identity(&principal.identity) else { return permit };
    let session = principal.session.as_ref();
    let source = session.and_then(|session| session.source.as_ref()).map(ToString::to_string);
    let signed_in = principal.signed_in.as_deref();
    let source = source.or_else(|| signed_in.map(|person| person.provider.clone()));
    permit.with_operator(Operator {
        principal: principal.identity.to_string(),
        kind: fact.kind,
        account: principal.identity.account(),
        access_key_id: principal.access_key_id.clone(),
        source_ip: call.from.address.to_canonical().to_string(),
        call_id: call.id.clone(),
        via: Vec::new(),
        session_name: session.map(|session| session.name.clone()).unwrap_or_default(),
        source_identity: source.unwrap_or_default(),
        identity_provider: signed_in.map(|person| person.provider.clone()).unwrap_or_default(),
        subject: signed_in.map(|person| person.subject.clone()).unwrap_or_default(),
    })
}

/// The operator of a call by nobody in particular: where it came from is all that is known, and what `directory` keeps of
/// a sign-in.
fn nobody(call: &Call) -> Operator {
    Operator {
        source_ip: call.from.address.to_canonical().to_string(),
        call_id: call.id.clone(),
        ..Operator::service(Role::Gateway)
    }
}

/// The positions in the consistency tokens of `headers`; none if one is malformed, or there are too many.
fn positions(headers: &HeaderMap) -> Option<Vec<LogPosition>> {
    let mut positions = Vec::new();
    for (count, value) in headers.get_all(CONSISTENCY_TOKEN).iter().enumerate() {
        positions.extend(decode_token(value.to_str().ok()?).ok()?);
        if count >= MAX_TOKENS || positions.len() > MAX_POSITIONS {
            return None;
        }
    }
    Some(positions)
}

/// What a role must have followed to show what a caller has seen. All roles but `delegation` know of a change of
/// `directory` by the log of `delegation`: so it is where that log stood when the facts had the change.
fn followed(headers: &HeaderMap, version: Option<&Version>) -> Option<HeaderValue> {
    let of_directory = positions(headers)?.iter().any(|position| position.role == Role::Directory.as_str());
    let position = version.filter(|_| of_directory)?.position.clone();
    HeaderValue::try_from(encode_token(vec![position])).ok()
}

/// What is no gRPC call at all is answered in HTTP's words.
fn not_grpc(request: &Request<Inbound>) -> Option<StatusCode> {
    if request.version() != http::Version::HTTP_2 && matches!(request.body(), Inbound::Native(_)) {
        Some(StatusCode::HTTP_VERSION_NOT_SUPPORTED)
    } else if request.method() != http::Method::POST {
        Some(StatusCode::METHOD_NOT_ALLOWED)
    } else if !headers::is_grpc(request.headers()) {
        Some(StatusCode::UNSUPPORTED_MEDIA_TYPE)
    } else {
        None
    }
}

async fn passes(alarm: &mut Option<Pin<Box<Sleep>>>) {
    match alarm {
        Some(alarm) => alarm.await,
        None => std::future::pending().await,
    }
}

async fn ends(ending: Option<&Ending>) {
    match ending {
        Some(ending) => ending.over().cancelled().await,
        None => std::future::pending().await,
    }
}

fn unknown(path: &str) -> Status {
    Problem::new(Kind::Unimplemented, ErrorReason::MethodUnknown, "the suite has no such method")
        .with("method", path)
        .into()
}

fn too_late() -> Status {
    Status::deadline_exceeded("the deadline of the call has passed")
}

/// The error of an answer that is not gRPC: of something between gateway and service, or of a fault.
fn no_grpc(status: StatusCode, role: Role) -> Problem {
    match status.as_u16() {
        429 | 502..=504 => lost(role),
        _ => {
            let message = format!("`{role}` answered with HTTP status {status} and no status of gRPC");
            Problem::new(Kind::Internal, ErrorReason::Internal, message)
        }
    }
}
