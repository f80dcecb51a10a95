//! The answer to a request that Envoy asks about.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::{Map, Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::{Code, Status, metadata::MetadataMap};

use super::{
    Limits,
    envoy::{
        CheckRequest, CheckResponse, DeniedHttpResponse, HeaderValueOption, HttpResponse, HttpStatus, OkHttpResponse,
        RpcStatus,
    },
    target::{self, Unclear},
};
use crate::access::{Admitted, Decided, Decision, Enforcement, EnforcementPoint, Passing, Turned, Unanswered};

/// Points whose places are kept while nobody has one.
const POINTS_MAX: usize = 10_000;
/// Headers that only bailiwick says anything by.
const OWN: &str = "x-bailiwick-";
const USER: &str = "x-bailiwick-user";
const DECISION: &str = "x-bailiwick-decision";
const DECIDED_BY: &str = "x-bailiwick-decided-by";
const REASON: &str = "x-bailiwick-reason";
const DEVICE: &str = "x-bailiwick-device";
const DEVICE_KEY: &str = "x-bailiwick-device-key";

/// Answers.
pub(super) struct Checker {
    enforcement: Enforcement,
    places: Mutex<HashMap<String, Places>>,
    pub(super) limits: Limits,
}

/// The places of one point.
#[derive(Clone)]
struct Places {
    deciding: Arc<Semaphore>,
    /// With those that wait.
    all: Arc<Semaphore>,
}

/// A place to be decided at, as long as it is kept.
pub(super) type Place = [OwnedSemaphorePermit; 2];

/// A refusal as the client sees it.
struct Refusal {
    http: u16,
    reason: &'static str,
    message: String,
}

impl Checker {
    pub(super) fn new(enforcement: Enforcement, limits: Limits) -> Self {
        Self { enforcement, places: Mutex::default(), limits }
    }

    /// The point whose credential is shown.
    ///
    /// # Errors
    /// UNAUTHENTICATED for a credential that is none, UNAVAILABLE if that cannot be told.
    pub(super) async fn admit(&self, metadata: &MetadataMap) -> Result<Admitted, Status> {
        let shown = metadata.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let credential = shown.strip_prefix("Bearer ").unwrap_or_default();
        self.enforcement.admit(credential).await.map_err(status)
    }

    /// A place of the point, when there is one.
    ///
    /// # Errors
    /// UNAVAILABLE if too many wait for one.
    pub(super) async fn place(&self, admitted: &Admitted) -> Result<Place, Status> {
        let Places { deciding, all } = self.places(admitted);
        let full = |_| Status::unavailable("too many requests of the enforcement point wait to be decided on");
        let waiting = all.try_acquire_owned().map_err(full)?;
        let stopping = |_| Status::unavailable("the service is stopping");
        Ok([deciding.acquire_owned().await.map_err(stopping)?, waiting])
    }

    /// Whether a request may pass.
    ///
    /// # Errors
    /// UNAVAILABLE if nothing can be decided. Envoy stops the request then.
    pub(super) async fn check(&self, admitted: &Admitted, request: CheckRequest) -> Result<CheckResponse, Status> {
        let context = request.attributes.unwrap_or_default();
        let http = context.request.as_ref().and_then(|request| request.http.as_ref());
        let http = http.ok_or_else(|| Status::invalid_argument("only requests by HTTP are decided on"))?;
        let wanted = match target::wanted(&context, http) {
            Ok(wanted) => wanted,
            Err(unclear) => return Ok(denied(&unclear.into(), None)),
        };
        let header = |name: &str| http.headers.get(name).map(String::as_str).unwrap_or_default();
        let passing = Passing {
            headers: &http.headers,
            source: target::source(&context),
            wanted,
            device: (header(DEVICE), header(DEVICE_KEY)),
        };
        Ok(match self.enforcement.pass(admitted, passing).await {
            Ok(Ok(decided)) if decided.decision.is_allowed() => allowed(&admitted.point, &http.headers, &decided),
            Ok(Ok(decided)) => denied(&Refusal::of(&decided.decision), Some(&decided)),
            Ok(Err(turned)) => denied(&turned.into(), None),
            Err(unanswered) => denied(&unavailable(&unanswered)?, None),
        })
    }

    fn places(&self, admitted: &Admitted) -> Places {
        let mut points = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let name = admitted.name();
        if points.len() >= POINTS_MAX && !points.contains_key(&name) {
            points.retain(|_, places| Arc::strong_count(&places.all) > 1);
        }
        let Limits { calls, waiting, .. } = self.limits;
        let new = || Places {
            deciding: Arc::new(Semaphore::new(calls)),
            all: Arc::new(Semaphore::new(calls.saturating_add(waiting))),
        };
        // Only points that there are get here.
        points.entry(name).or_insert_with(new).clone()
    }
}

fn status(unanswered: Unanswered) -> Status {
    match unanswered {
        Unanswered::Credential => Status::unauthenticated(unanswered.to_string()),
        Unanswered::Stale | Unanswered::Unlogged(_) => Status::unavailable(unanswered.to_string()),
        Unanswered::Failed(error) => {
            tracing::error!(%error, "requests are refused, since nothing can be decided");
            Status::unavailable("nothing can be decided now")
        }
    }
}

fn unavailable(unanswered: &Unanswered) -> Result<Refusal, Status> {
    let reason = match unanswered {
        Unanswered::Stale => "FACTS_STALE",
        Unanswered::Unlogged(_) => "LOG_UNAVAILABLE",
        Unanswered::Credential => return Err(Status::unauthenticated(unanswered.to_string())),
        Unanswered::Failed(error) => {
            tracing::error!(%error, "a request is refused, since nothing can be decided");
            return Err(Status::unavailable("nothing can be decided now"));
        }
    };
    Ok(Refusal { http: 503, reason, message: unanswered.to_string() })
}

impl Refusal {
    fn of(decision: &Decision) -> Self {
        Self { http: 403, reason: decision.reason.as_str(), message: decision.explanation() }
    }
}

impl From<Turned> for Refusal {
    fn from(turned: Turned) -> Self {
        let (http, reason) = match turned {
            Turned::TokenMissing => (401, "TOKEN_MISSING"),
            Turned::TokenInvalid(_) => (401, "TOKEN_INVALID"),
            Turned::IssuerUnavailable => (503, "ISSUER_UNAVAILABLE"),
            Turned::UserUnknown => (403, "USER_UNKNOWN"),
            Turned::DeviceKey => (403, "DEVICE_KEY_INVALID"),
        };
        Self { http, reason, message: turned.to_string() }
    }
}

impl From<Unclear> for Refusal {
    fn from(unclear: Unclear) -> Self {
        let reason = match unclear {
            Unclear::Host => "HOST_MALFORMED",
            Unclear::Path => "PATH_AMBIGUOUS",
        };
        Self { http: 400, reason, message: unclear.to_string() }
    }
}

fn allowed(point: &EnforcementPoint, headers: &HashMap<String, String>, decided: &Decided) -> CheckResponse {
    let Decided { id, decision } = decided;
    let set = [(USER, decision.user.as_str()), (DECISION, id), (DECIDED_BY, &decision.decided_by)];
    // What a client says by headers of ours is not passed on, nor what is meant for us.
    let foreign = |name: &&String| {
        let own = name.starts_with(OWN) && !set.iter().any(|(set, _)| set == name);
        own || (**name == point.token_header && !point.forward_token)
    };
    let ok = OkHttpResponse {
        headers: set.iter().map(|(name, value)| HeaderValueOption::set(name, *value)).collect(),
        headers_to_remove: headers.keys().filter(foreign).cloned().collect(),
    };
    answer(Code::Ok, HttpResponse::Ok(ok))
}

fn denied(refusal: &Refusal, decided: Option<&Decided>) -> CheckResponse {
    let Refusal { http, reason, message } = refusal;
    let mut body = Map::new();
    let mut say = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
    say("reason", json!(reason));
    say("message", json!(message));
    let mut headers =
        vec![HeaderValueOption::set("content-type", "application/json"), HeaderValueOption::set(REASON, *reason)];
    if let Some(Decided { id, decision }) = decided {
        headers.push(HeaderValueOption::set(DECISION, id));
        say("decision", json!(id));
        if !decision.decided_by.is_empty() {
            headers.push(HeaderValueOption::set(DECIDED_BY, &decision.decided_by));
            say("decided_by", json!(decision.decided_by));
            say("policy_version", json!(decision.version));
        }
    }
    let code = match http {
        401 => {
            let problem = if *reason == "TOKEN_INVALID" { "Bearer error=\"invalid_token\"" } else { "Bearer" };
            headers.push(HeaderValueOption::set("www-authenticate", problem));
            Code::Unauthenticated
        }
        503 => Code::Unavailable,
        _ => Code::PermissionDenied,
    };
    let status = Some(HttpStatus { code: i32::from(*http) });
    answer(code, HttpResponse::Denied(DeniedHttpResponse { status, headers, body: Value::Object(body).to_string() }))
}

fn answer(code: Code, http_response: HttpResponse) -> CheckResponse {
    CheckResponse { status: Some(RpcStatus { code: code.into() }), http_response: Some(http_response) }
}
