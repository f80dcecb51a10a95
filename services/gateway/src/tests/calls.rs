use bailiwick_api::{
    CONSISTENCY_TOKEN, decode_token,
    directory::v1::{
        CreateMemberRequest, CreateTokenRequest, GetCallerIdentityRequest, GetMemberRequest, ListSigningKeysRequest,
        Member, RemoveMemberRequest, Token,
    },
    encode_token,
    sase::v1::{BatchCreateSaseMembersRequest, CreateSaseMemberRequest, GetSaseMemberRequest, ListSaseMembersRequest},
    r#type::v1::{LogPosition, PrincipalKind, access_fact::Kind},
};
use bytes::Bytes;
use http::StatusCode;
use tonic::Code;
use tonic_types::StatusExt;

use super::{
    client::{Answered, encoded, framed, full},
    world::*,
};

const ROLE: &str = "/bailiwick.sase.v1.SaseMemberService/";

fn get(account: &str) -> GetMemberRequest {
    let id = account.rsplit('/').next().unwrap();
    GetMemberRequest { name: format!("{DIRECTORY}/members/{id}") }
}

fn create() -> CreateMemberRequest {
    let member = Member { display_name: "payments".to_owned(), ..Default::default() };
    CreateMemberRequest { parent: DIRECTORY.to_owned(), member: Some(member), ..Default::default() }
}

#[tokio::test]
async fn a_call_that_is_allowed_reaches_its_service_as_it_is() {
    // covers: R-GW-01, R-GW-02, R-GW-09
    let world = World::new().await;
    let mut client = world.client().await;
    let answered = client.unary(CREATE, &world.token(&user(MANAGEMENT, "alice")), &create()).await;
    assert_eq!(answered.message::<Member>().display_name, "payments");
    let call = world.members.last();
    assert_eq!(answered.headers["bailiwick-request-id"], *call.call_id);
    assert_eq!(call.permit.resource(), DIRECTORY);
    assert!(call.request_json.contains("payments"));
    let operator = call.operator;
    assert_eq!(operator.principal, user(MANAGEMENT, "alice"));
    assert_eq!((operator.kind, operator.access_key_id.as_str()), (bailiwick_core::PrincipalKind::User, "AK1"));
    assert_eq!((operator.source_ip.as_str(), operator.call_id), ("127.0.0.1", call.call_id));
    assert_eq!(operator.via, [bailiwick_core::Role::Gateway]);
}

#[tokio::test]
async fn each_refusal_has_its_reason_and_reaches_nobody() {
    // covers: R-GW-01, R-GW-02, R-GW-03, R-GW-04, R-GW-05, R-GW-11
    let world = World::new().await;
    let mut client = world.client().await;
    let alice = world.token(&user(MANAGEMENT, "alice"));
    let carol = world.token(&user(ADMIN, "carol"));
    let call = async |path: &str, token: &str, body: Bytes| {
        let mut client = world.client().await;
        client.call(path, &[("authorization", token)], body).await
    };
    let none = client.call(GET, &[], encoded(&get(MEMBER))).await;
    assert_eq!(none.refused(), (Code::Unauthenticated, "CREDENTIAL_MISSING".to_owned()));
    let parent = DIRECTORY.to_owned();
    let enrol = CreateSaseMemberRequest {
        parent: parent.clone(),
        sase_member: Some(bailiwick_api::sase::v1::SaseMember { account: STRANGER.to_owned(), ..Default::default() }),
        ..Default::default()
    };
    let sase = |account: &str| {
        let id = account.rsplit('/').next().unwrap();
        encoded(&GetSaseMemberRequest { name: format!("{DIRECTORY}/saseMembers/{id}") })
    };
    let cases = [
        (GET.to_owned(), "Bearer x", encoded(&get(MEMBER)), Code::Unauthenticated, "CREDENTIAL_INVALID"),
        (GET.to_owned(), "Basic x", encoded(&get(MEMBER)), Code::Unauthenticated, "CREDENTIAL_INVALID"),
        (
            GET.to_owned(),
            &world.token(&user(MANAGEMENT, "gone")),
            encoded(&get(MEMBER)),
            Code::Unauthenticated,
            "CREDENTIAL_REVOKED",
        ),
        (CREATE.to_owned(), &carol, encoded(&create()), Code::PermissionDenied, "SEAT_REQUIRED"),
        (
            GET.to_owned(),
            &world.token(&user(MEMBER, "dave")),
            encoded(&get(MEMBER)),
            Code::PermissionDenied,
            "SEAT_REQUIRED",
        ),
        (
            CREATE.to_owned(),
            &world.token(&user(MANAGEMENT, "bob")),
            encoded(&create()),
            Code::PermissionDenied,
            "ACTION_NOT_ALLOWED",
        ),
        (
            GET.to_owned(),
            &world.token(&user(STRANGER, "eve")),
            encoded(&get(MEMBER)),
            Code::NotFound,
            "RESOURCE_NOT_FOUND",
        ),
        (GET.to_owned(), &alice, encoded(&GetMemberRequest::default()), Code::InvalidArgument, "INVALID_FIELD"),
        (GET.to_owned(), &alice, Bytes::new(), Code::InvalidArgument, "REQUEST_UNDECODABLE"),
        (GET.to_owned(), &alice, framed(&[0x08, 0x01]), Code::InvalidArgument, "REQUEST_UNDECODABLE"),
        (GET.to_owned(), &alice, Bytes::from_static(&[1, 0, 0, 0, 0]), Code::InvalidArgument, "REQUEST_UNDECODABLE"),
        (GET.to_owned(), &alice, Bytes::from_static(&[0, 0, 0x50, 0, 0]), Code::ResourceExhausted, "REQUEST_TOO_LARGE"),
        (
            format!("{ROLE}CreateSaseMember"),
            &carol,
            encoded(&enrol),
            Code::PermissionDenied,
            "ACCOUNT_NOT_IN_DIRECTORY",
        ),
        (format!("{ROLE}GetSaseMember"), &carol, sase(MEMBER), Code::PermissionDenied, "ACCOUNT_NOT_ENROLLED"),
        (
            "/bailiwick.directory.v1.SigningKeyService/ListSigningKeys".to_owned(),
            &alice,
            encoded(&ListSigningKeysRequest {}),
            Code::PermissionDenied,
            "INTERNAL_METHOD",
        ),
        (
            "/bailiwick.directory.v1.MemberService/Nope".to_owned(),
            &alice,
            Bytes::new(),
            Code::Unimplemented,
            "METHOD_UNKNOWN",
        ),
    ];
    for (path, token, body, code, reason) in cases {
        let answered = call(&path, token, body).await;
        assert_eq!(answered.refused(), (code, reason.to_owned()), "{path} {reason}");
        // A refusal is one frame of headers.
        assert!(answered.trailers.is_none() && answered.http == StatusCode::OK && answered.body.is_empty());
    }
    let seat = client.unary(CREATE, &carol, &create()).await.status();
    let info = seat.get_error_details().error_info().unwrap().clone();
    assert_eq!(info.metadata["required_seat"], "MANAGEMENT_ACCOUNT");
    assert_eq!(world.members.count() + world.sase.calls.lock().unwrap().len(), 0);
    // The same calls, rightly made, arrive.
    assert_eq!(call(&format!("{ROLE}GetSaseMember"), &carol, sase(ADMIN)).await.status().code(), Code::Ok);
    world.facts.change(gone(trusted_access()));
    until_refused(
        &world,
        &format!("{ROLE}ListSaseMembers"),
        &carol,
        encoded(&ListSaseMembersRequest { parent, ..Default::default() }),
        "TRUSTED_ACCESS_REQUIRED",
    )
    .await;
}

/// Calls until the facts have come.
async fn until_refused(world: &World, path: &str, token: &str, body: Bytes, reason: &str) {
    within(async {
        loop {
            let answered = world.client().await.call(path, &[("authorization", token)], body.clone()).await;
            if answered.status().code() != Code::Ok {
                return assert_eq!(answered.refused().1, reason);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_only_roles_may_say_is_not_taken_from_callers() {
    let world = World::new().await;
    let mut client = world.client().await;
    let token = world.token(&user(MANAGEMENT, "alice"));
    let headers = [
        ("authorization", token.as_str()),
        ("bw-caller-bin", "AAAA"),
        ("bw-caller-bin", "AAAA=="),
        ("bw-operator-bin", "AAAA"),
        ("bw-call-id", "mine"),
        ("x-forwarded-for", "10.0.0.1"),
        ("bailiwick-request-id", "mine"),
    ];
    let answered = client.call(GET, &headers, encoded(&get(MEMBER))).await;
    assert_eq!(answered.status().code(), Code::Ok);
    let call = world.members.last();
    assert_ne!(call.call_id, "mine");
    assert_eq!(call.operator.principal, user(MANAGEMENT, "alice"));
    assert_eq!(call.operator.source_ip, "127.0.0.1");
    // What a role would see, in full; and what of its answer comes back.
    let answered = client.call("/test.Unary/TrailersOnly", &headers, encoded(&list())).await;
    let heads = world.echo.heads.lock().unwrap();
    let head = heads.last().unwrap();
    let mut names: Vec<_> = head.headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["bw-call-id", "bw-caller-bin", "content-type", "grpc-timeout", "te"]);
    assert_eq!(head.headers.get_all("bw-caller-bin").iter().count(), 1);
    assert!(!answered.headers.contains_key("bw-secret") && answered.headers.contains_key("x-kept"));
}

fn list() -> bailiwick_api::directory::v1::ListMembersRequest {
    bailiwick_api::directory::v1::ListMembersRequest { parent: DIRECTORY.to_owned(), ..Default::default() }
}

#[tokio::test]
async fn a_path_is_compared_exactly() {
    let world = World::new().await;
    let mut client = world.client().await;
    let token = world.token(&user(MANAGEMENT, "alice"));
    for path in [
        "//bailiwick.directory.v1.MemberService/GetMember",
        "/bailiwick.directory.v1.MemberService//GetMember",
        "/bailiwick.directory.v1.MemberService/GetMember/",
        "/bailiwick.directory.v1.MemberService/getmember",
        "/bailiwick.directory.v1.memberservice/GetMember",
        "/bailiwick.directory.v1.MemberService/GetMembe%72",
        "/bailiwick.directory.v1.MemberService/GetMember?x=1",
        "/bailiwick.directory.v1.MemberService/./GetMember",
        "/x/../bailiwick.directory.v1.MemberService/GetMember",
        "/",
    ] {
        let answered = client.unary(path, &token, &get(MEMBER)).await;
        assert_eq!(answered.refused(), (Code::Unimplemented, "METHOD_UNKNOWN".to_owned()), "{path}");
    }
    assert_eq!(world.members.count(), 0);
}

#[tokio::test]
async fn what_is_no_grpc_is_answered_in_http() {
    let world = World::new().await;
    let mut client = world.client().await;
    let mut request = client.request(GET, &[], full(Bytes::new()));
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    assert_eq!(client.send(request).await.http, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let mut request = client.request(GET, &[], full(Bytes::new()));
    *request.method_mut() = http::Method::GET;
    assert_eq!(client.send(request).await.http, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn anyone_may_ask_for_a_token_whatever_credential_is_sent_along() {
    let world = World::without_facts(config()).await;
    let mut client = world.client().await;
    let path = "/bailiwick.directory.v1.TokenService/CreateToken";
    let asked = CreateTokenRequest { access_key_id: "AK1".to_owned(), secret: "s".to_owned() };
    for token in [world.token_for(&user(MANAGEMENT, "alice"), -60), "Bearer expired".to_owned()] {
        assert_eq!(client.unary(path, &token, &asked).await.message::<Token>().access_token, "AK1");
    }
    // Without facts nothing else is decided.
    let token = world.token(&user(MANAGEMENT, "alice"));
    let who = "/bailiwick.directory.v1.TokenService/GetCallerIdentity";
    let answered = client.unary(who, &token, &GetCallerIdentityRequest {}).await;
    assert_eq!(answered.refused(), (Code::Unavailable, "FACTS_NOT_READY".to_owned()));
    assert!(answered.status().get_error_details().retry_info().is_some());
}

#[tokio::test]
async fn errors_of_services_pass_with_their_details() {
    let world = World::new().await;
    let mut client = world.client().await;
    let token = world.token(&user(MANAGEMENT, "alice"));
    let request = RemoveMemberRequest { name: get(MEMBER).name, ..Default::default() };
    let path = "/bailiwick.directory.v1.MemberService/RemoveMember";
    let answered = client.unary(path, &token, &request).await;
    assert_eq!(answered.refused(), (Code::FailedPrecondition, "MEMBER_IN_USE".to_owned()));
    let details = answered.status().get_error_details();
    assert_eq!(details.error_info().unwrap().metadata["trusted_service"], "sase");

    let headers = [("authorization", token.as_str())];
    let only = client.call("/test.Unary/TrailersOnly", &headers, encoded(&list())).await;
    assert!(only.trailers.is_none());
    assert_eq!((only.status().code(), only.status().message()), (Code::FailedPrecondition, "not now"));
    assert_eq!(only.headers["grpc-status-details-bin"], "CAkSB25vdCBub3c");
    let late = client.call("/test.Unary/Details", &headers, encoded(&list())).await;
    let trailers = late.trailers.as_ref().unwrap();
    assert_eq!((&trailers["grpc-status"], &trailers["x-trailer"]), (&"5".parse().unwrap(), &"1".parse().unwrap()));
    assert_eq!(trailers["grpc-status-details-bin"].len(), 8_000);
    for path in ["/test.Unary/Html", "/test.Unary/NoStatus"] {
        let answered = client.call(path, &headers, encoded(&list())).await;
        assert_eq!(answered.refused(), (Code::Unavailable, "BACKEND_UNAVAILABLE".to_owned()), "{path}");
    }
    let nobody = "/bailiwick.securitycenter.v1.MonitoredAccountService/ListMonitoredAccounts";
    let answered = client.call(nobody, &headers, encoded(&list())).await;
    assert!(["BACKEND_UNAVAILABLE", "TRUSTED_ACCESS_REQUIRED", "ACTION_NOT_ALLOWED"].contains(&&*answered.refused().1));
}

#[tokio::test]
async fn deadlines_are_read_passed_on_and_kept() {
    let world = World::new().await;
    let mut client = world.client().await;
    let token = world.token(&user(MANAGEMENT, "alice"));
    for malformed in ["5", "1s", "-1S", "123456789S", ""] {
        let headers = [("authorization", token.as_str()), ("grpc-timeout", malformed)];
        let answered = client.call(GET, &headers, encoded(&get(MEMBER))).await;
        assert_eq!(answered.refused(), (Code::InvalidArgument, "REQUEST_UNDECODABLE".to_owned()), "{malformed}");
    }
    let headers = [("authorization", token.as_str()), ("grpc-timeout", "200m")];
    let answered = client.call("/test.Unary/Hang", &headers, encoded(&list())).await;
    assert_eq!(answered.status().code(), Code::DeadlineExceeded);
    assert_eq!((world.echo.event().await, world.echo.event().await), ("begun", "given up"));
    let left = {
        let heads = world.echo.heads.lock().unwrap();
        heads.last().unwrap().headers["grpc-timeout"].to_str().unwrap().to_owned()
    };
    let left: u64 = left.strip_suffix('u').unwrap().parse().unwrap();
    assert!(left > 0 && left <= 200_000);
    // Also while the answer is under way, and while the request is.
    let answered = client.call("/test.Unary/Open", &headers, encoded(&list())).await;
    assert_eq!(answered.status().code(), Code::DeadlineExceeded);
    assert!(answered.trailers.is_some());
    let (_open, body) = super::client::open_body();
    let response = client.begin(GET, &headers, body).await;
    assert_eq!(Answered::read(response).await.status().code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_caller_sees_what_it_has_seen_or_is_told_why_not() {
    let mut config = config();
    config.times.consistency = std::time::Duration::from_millis(500);
    let world = World::with(config).await;
    let mut client = world.client().await;
    let token = world.token(&user(MANAGEMENT, "alice"));
    let mut with = async |consistency: &str| {
        let headers = [("authorization", token.as_str()), (CONSISTENCY_TOKEN, consistency)];
        client.call(GET, &headers, encoded(&get(MEMBER))).await
    };
    let at = |role: &str, epoch: &str, revision| {
        encode_token(vec![LogPosition { role: role.to_owned(), epoch: epoch.to_owned(), revision }])
    };
    let invalid = (Code::InvalidArgument, "CONSISTENCY_TOKEN_INVALID".to_owned());
    assert_eq!(with("?").await.refused(), invalid);
    assert_eq!(with(&at("delegation", "restored", 1)).await.refused(), invalid);
    let missing = with(&at("directory", "d", 99)).await;
    assert_eq!(missing.refused(), (Code::Unavailable, "REVISION_NOT_REACHED".to_owned()));
    assert_eq!(with(&at("delegation", "e", 1)).await.status().code(), Code::Ok);
    // Of a log that decides nothing here: for its role.
    assert_eq!(with(&at("sase-policy", "s", 99)).await.status().code(), Code::Ok);
    assert_eq!(world.members.last().consistency, [at("sase-policy", "s", 99)]);
    // What a role knows of directory it has from the log of delegation: how far it must have followed that is added.
    let made = world.facts.change(vec![]);
    let seen = at("directory", &world.facts.directory_epoch(), 1);
    assert_eq!(with(&seen).await.status().code(), Code::Ok);
    let consistency = world.members.last().consistency;
    let [first, added] = consistency.as_slice() else { panic!("{consistency:?}") };
    assert_eq!(*first, seen);
    let [added] = decode_token(added).unwrap().try_into().unwrap();
    assert_eq!((added.role.as_str(), added.epoch), ("delegation", made.epoch));
    assert!((1..=made.revision).contains(&added.revision));
    // It is waited for, and decides: by the revision asked for, alice is gone.
    let mut alice = identity(&user(MANAGEMENT, "alice"), PrincipalKind::User, &[]);
    if let Kind::Identity(fact) = &mut alice {
        fact.generation = 2;
    }
    let (position, change) = world.facts.make(vec![bailiwick_api::r#type::v1::AccessFactChange::holds(alice)]);
    let facts = world.facts.clone();
    let token_of_change = encode_token(vec![position]);
    let (answered, ()) = futures::join!(with(&token_of_change), async {
        tokio::task::yield_now().await;
        facts.tell(change);
    });
    assert_eq!(answered.refused(), (Code::Unauthenticated, "CREDENTIAL_REVOKED".to_owned()));
}

#[tokio::test]
async fn what_is_acknowledged_is_enforced() {
    let world = World::new().await;
    let mut client = world.client().await;
    let token = world.token(&user(MANAGEMENT, "alice"));
    // The change takes dave's account out of the directory; the gateway hears of it late.
    let (position, change) =
        world.facts.make(vec![bailiwick_api::r#type::v1::AccessFactChange::holds(account(MEMBER, ""))]);
    *world.members.position.lock().unwrap() = Some(position.clone());
    let members = world.members.clone();
    let facts = world.facts.clone();
    let told = tokio::spawn(async move {
        while members.count() == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        facts.tell(change);
    });
    let answered = client.unary(CREATE, &token, &create()).await;
    assert_eq!(answered.headers[CONSISTENCY_TOKEN], encode_token(vec![position]));
    // At once and without a token.
    let list = encoded(&list());
    let answered =
        client.call("/test.Unary/Echo", &[("authorization", &world.token(&user(MEMBER, "dave")))], list).await;
    assert_eq!(answered.refused(), (Code::NotFound, "RESOURCE_NOT_FOUND".to_owned()));
    told.await.unwrap();
}

#[tokio::test]
async fn a_request_of_a_thousand_accounts_is_authorized_whole() {
    let world = World::new().await;
    let mut client = world.client().await;
    let token = world.token(&user(ADMIN, "carol"));
    let path = format!("{ROLE}BatchCreateSaseMembers");
    let mut request = BatchCreateSaseMembersRequest {
        parent: DIRECTORY.to_owned(),
        accounts: vec![MEMBER.to_owned(); 1_000],
        ..Default::default()
    };
    assert_eq!(client.unary(&path, &token, &request).await.status().code(), Code::Ok);
    assert_eq!(world.sase.calls.lock().unwrap().last().unwrap().permit.accounts().len(), 1_000);
    request.accounts.push(STRANGER.to_owned());
    assert_eq!(client.unary(&path, &token, &request).await.refused().1, "ACCOUNT_NOT_IN_DIRECTORY");
}
