//! What comes through the guard, and what does not: the same on both networks.

use std::{sync::Arc, time::Duration};

use bailiwick_api::{CONSISTENCY_TOKEN, encode_token, r#type::v1::LogPosition};
use bailiwick_core::{Role, authz::ContextKey};
use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use http::HeaderMap;
use tokio::time::Instant;
use tonic::Code;
use tonic_types::StatusExt;

use super::fixture::*;
use crate::{CALL_ID, CALLER_CONTEXT, Limits, MAX_MESSAGE, OPERATOR, PositionError, Positions};

const OTHER: &str = "directories/rd-0000000000002/members/1000000000000002";

struct Case {
    what: &'static str,
    from: Role,
    path: &'static str,
    headers: HeaderMap,
    body: Bytes,
    expected: (Code, &'static str),
}

fn with_context(bytes: &[u8]) -> HeaderMap {
    HeaderMap::from_iter([binary(CALLER_CONTEXT, bytes)])
}

const CONTEXT: (Code, &str) = (Code::PermissionDenied, "CALLER_CONTEXT_INVALID");
const UNDECODABLE: (Code, &str) = (Code::InvalidArgument, "REQUEST_UNDECODABLE");
const OK: (Code, &str) = (Code::Ok, "");

/// Cases of users' calls: a context, sound but for one thing.
fn user_cases(served: &Served) -> Vec<Case> {
    let now = served.now();
    let made = |path, resource, audience, key: &ContextKey| with_context(&context(path, resource, audience, now, key));
    let sound = || as_user(GET_MEMBER, MEMBER, now);
    let case = |what, headers, expected| Case {
        what,
        from: Role::Gateway,
        path: GET_MEMBER,
        headers,
        body: get_member(MEMBER),
        expected,
    };
    let mut flipped = context(GET_MEMBER, MEMBER, Role::Directory, now, &key());
    *flipped.last_mut().unwrap() ^= 1;
    let mut twice = sound();
    let (name, value) = binary(CALLER_CONTEXT, &context(GET_MEMBER, OTHER_OWN, Role::Directory, now, &key()));
    twice.append(name, value);
    let mut gzip = sound();
    gzip.insert("grpc-encoding", "gzip".parse().unwrap());
    vec![
        case("a sound context", sound(), OK),
        case("no context", HeaderMap::new(), CONTEXT),
        case("no bytes", with_context(&[]), CONTEXT),
        case("a changed context", with_context(&flipped), CONTEXT),
        case("another key", made(GET_MEMBER, MEMBER, Role::Directory, &ContextKey::new([8; 32])), CONTEXT),
        case("another audience", made(GET_MEMBER, MEMBER, Role::Delegation, &key()), CONTEXT),
        case("another method", made(CREATE_MEMBER, MEMBER, Role::Directory, &key()), CONTEXT),
        case("another target", made(GET_MEMBER, OTHER_OWN, Role::Directory, &key()), CONTEXT),
        case("two contexts", twice, UNDECODABLE),
        case("a compressed request", gzip, UNDECODABLE),
        Case { from: Role::Delegation, ..case("not from the gateway", sound(), CONTEXT) },
        Case { body: get_member(OTHER), ..case("another tenant's member", sound(), CONTEXT) },
        Case { body: get_member(""), ..case("no target", sound(), CONTEXT) },
    ]
}

/// Another member of the same directory.
const OTHER_OWN: &str = "directories/rd-0000000000001/members/1000000000000003";

/// Cases of bodies and paths, and of roles' calls.
fn other_cases(served: &Served) -> Vec<Case> {
    let now = served.now();
    let user = |what, body, expected| Case {
        what,
        from: Role::Gateway,
        path: GET_MEMBER,
        headers: as_user(GET_MEMBER, MEMBER, now),
        body,
        expected,
    };
    let role = |what, from, headers, expected| Case {
        what,
        from,
        path: PLACE_CLAIMS,
        headers,
        body: place_claims(),
        expected,
    };
    let mut compressed = get_member(MEMBER).to_vec();
    compressed[0] = 1;
    let mut oversize = vec![0];
    oversize.extend_from_slice(&u32::try_from(MAX_MESSAGE + 1).unwrap().to_be_bytes());
    let internal = (Code::PermissionDenied, "INTERNAL_METHOD");
    let unknown = (Code::Unimplemented, "METHOD_UNKNOWN");
    let forged = HeaderMap::from_iter([binary(OPERATOR, &[0xff; 9])]);
    vec![
        user("a compressed message", compressed.into(), UNDECODABLE),
        user("an oversize message", oversize.into(), (Code::ResourceExhausted, "REQUEST_TOO_LARGE")),
        user("no message", Bytes::new(), UNDECODABLE),
        user("half a message", get_member(MEMBER).slice(..9), UNDECODABLE),
        user("another message", framed(&[0x0a, 0xff]), UNDECODABLE),
        Case { path: "/bailiwick.directory.v1.MemberService/Nope", ..user("no method", get_member(MEMBER), unknown) },
        Case {
            path: "/bailiwick.delegation.v1.TrustedServiceService/ListTrustedServices",
            ..user("another role's method", get_member(MEMBER), unknown)
        },
        role("a listed role", Role::Delegation, on_behalf_of_alice(), OK),
        role("a listed role of itself", Role::Delegation, HeaderMap::new(), OK),
        role("a malformed operator", Role::Delegation, forged, UNDECODABLE),
        role("another role", Role::SasePolicy, on_behalf_of_alice(), internal),
        role("the gateway", Role::Gateway, on_behalf_of_alice(), internal),
        role("a user", Role::Gateway, as_user(GET_MEMBER, MEMBER, now), CONTEXT),
        role("a user's context from a listed role", Role::Delegation, as_user(GET_MEMBER, MEMBER, now), CONTEXT),
    ]
}

async fn the_guard_decides(mut served: Served) {
    for case in user_cases(&served).into_iter().chain(other_cases(&served)) {
        let (status, _) = served.call(case.from, case.path, case.headers, case.body).await;
        let info = status.get_details_error_info();
        let reason = info.as_ref().map_or("", |info| &info.reason);
        assert_eq!((status.code(), reason), case.expected, "{}: {status:?}", case.what);
        assert_eq!(served.calls.try_recv().is_ok(), case.expected == OK, "{}", case.what);
        if case.expected != OK {
            assert!(!status.get_details_request_info().unwrap().request_id.is_empty(), "{}", case.what);
            assert_eq!(info.unwrap().domain, "bailiwick.dev");
        }
    }
}

// covers: R-GW-01
#[tokio::test]
async fn the_guard_decides_in_one_process() {
    the_guard_decides(Served::memory().await).await;
}

// covers: R-GW-01
#[tokio::test]
async fn the_guard_decides_over_tcp() {
    the_guard_decides(Served::tcp().await).await;
}

#[tokio::test]
async fn a_context_expires() {
    let served = Served::memory().await;
    let headers = as_user(GET_MEMBER, MEMBER, served.now());
    served.clock.advance(Duration::from_secs(60));
    let (status, _) = served.call(Role::Gateway, GET_MEMBER, headers.clone(), get_member(MEMBER)).await;
    assert_eq!(status.code(), Code::Ok);
    served.clock.advance(Duration::from_micros(1));
    let (status, _) = served.call(Role::Gateway, GET_MEMBER, headers, get_member(MEMBER)).await;
    assert_eq!(status.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn a_handler_learns_of_its_call() {
    let mut served = Served::memory().await;
    let mut headers = as_user(GET_MEMBER, MEMBER, served.now());
    headers.insert(CALL_ID, "a-1".parse().unwrap());
    served.call(Role::Gateway, GET_MEMBER, headers, get_member(MEMBER)).await;
    let call = served.calls.recv().await.unwrap();
    assert_eq!(call.permit.resource(), MEMBER);
    assert_eq!(call.permit.service(), None);
    assert_eq!(call.operator.principal, operator().principal);
    assert_eq!(call.operator.via, [Role::Gateway]);
    assert_eq!(call.operator.call_id, "the-call");
    assert_eq!(call.permit.operator(), Some(&call.operator));
    assert_eq!(call.call_id, "a-1");
    assert_eq!(call.request_json, format!(r#"{{"name":"{MEMBER}"}}"#));

    served.call(Role::Delegation, PLACE_CLAIMS, on_behalf_of_alice(), place_claims()).await;
    let call = served.calls.recv().await.unwrap();
    assert_eq!(call.permit.service(), Some(Role::Delegation));
    assert_eq!(call.permit.accounts(), ["accounts/1000000000000002"]);
    assert_eq!(call.operator.principal, operator().principal);
    assert_eq!(call.operator.via, [Role::Delegation]);

    served.call(Role::Delegation, PLACE_CLAIMS, HeaderMap::new(), place_claims()).await;
    let call = served.calls.recv().await.unwrap();
    assert_eq!(call.operator.principal, "roles/delegation");
    assert_eq!(call.operator.via, [Role::Delegation]);
    assert_eq!(call.operator.call_id, call.call_id);
}

#[tokio::test]
async fn an_answer_to_a_change_carries_its_position() {
    let served = Served::memory().await;
    let body = framed(&prost::Message::encode_to_vec(&bailiwick_api::directory::v1::CreateMemberRequest {
        parent: DIRECTORY.to_owned(),
        ..Default::default()
    }));
    let headers = as_user(CREATE_MEMBER, DIRECTORY, served.now());
    let (status, head) = served.call(Role::Gateway, CREATE_MEMBER, headers, body).await;
    assert_eq!(status.code(), Code::Ok);
    let token = head.get(CONSISTENCY_TOKEN).unwrap().to_str().unwrap();
    let position = LogPosition { role: "directory".to_owned(), epoch: "e".to_owned(), revision: 7 };
    assert_eq!(bailiwick_api::decode_token(token).unwrap(), [position]);
}

/// Knows the epoch `e`, is at revision 5, and never gets further.
struct AtFive;

impl Positions for AtFive {
    fn wait<'a>(&'a self, position: &'a LogPosition, _: Instant) -> BoxFuture<'a, Result<(), PositionError>> {
        match (position.epoch.as_str(), position.revision) {
            ("e", ..=5) => std::future::ready(Ok(())).boxed(),
            ("e", _) => std::future::pending().boxed(),
            _ => std::future::ready(Err(PositionError::Invalid)).boxed(),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_its_consistency_tokens() {
    let mut served = Served::start(Layout::memory().await, Limits::default(), Arc::new(AtFive));
    let token = |epoch: &str, revision| {
        encode_token(vec![LogPosition { role: "directory".to_owned(), epoch: epoch.to_owned(), revision }])
    };
    let reached = (Code::Ok, "");
    let late = (Code::Unavailable, "REVISION_NOT_REACHED");
    let invalid = (Code::InvalidArgument, "CONSISTENCY_TOKEN_INVALID");
    let cases: [(Vec<String>, _); 6] = [
        (vec![token("e", 5)], reached),
        (vec![token("e", 5), token("e", 4)], reached),
        (vec![token("e", 6)], late),
        (vec![token("e", 5), token("f", 1)], invalid),
        (vec!["nonsense!".to_owned()], invalid),
        (vec![token("e", 1); 9], invalid),
    ];
    for (tokens, expected) in cases {
        let mut headers = as_user(GET_MEMBER, MEMBER, served.now());
        for token in &tokens {
            headers.append(CONSISTENCY_TOKEN, token.parse().unwrap());
        }
        let (status, _) = served.call(Role::Gateway, GET_MEMBER, headers, get_member(MEMBER)).await;
        let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
        assert_eq!((status.code(), reason.as_str()), expected, "{tokens:?}");
        if expected == reached {
            assert_eq!(served.calls.recv().await.unwrap().consistency, tokens);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn few_calls_wait_long_for_a_position() {
    let limits = Limits { waiting: 0, ..Limits::default() };
    let served = Served::start(Layout::memory().await, limits, Arc::new(AtFive));
    for (revision, code, at_most) in [(5, Code::Ok, 50), (6, Code::Unavailable, 150)] {
        let mut headers = as_user(GET_MEMBER, MEMBER, served.now());
        let position = LogPosition { role: "directory".to_owned(), epoch: "e".to_owned(), revision };
        headers.append(CONSISTENCY_TOKEN, encode_token(vec![position]).parse().unwrap());
        let began = Instant::now();
        let (status, _) = served.call(Role::Gateway, GET_MEMBER, headers, get_member(MEMBER)).await;
        assert_eq!(status.code(), code);
        assert!(began.elapsed().as_millis() < at_most, "{:?}", began.elapsed());
    }
}
