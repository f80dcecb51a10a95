//! The answers of AccessService.

use bailiwick_api::{
    gateway::v1::{
        access_policy_match::{Effect, Type},
        *,
    },
    r#type::v1::{AccessFactChange, IdentityFact, PolicyFact, PrincipalKind, access_fact::Kind},
};
use tonic::Code;

use super::world::*;

const EXPLAIN: &str = "/bailiwick.gateway.v1.AccessService/ExplainAccess";
const EXPLAIN_PRINCIPAL: &str = "/bailiwick.gateway.v1.AccessService/ExplainPrincipalAccess";
const CHECK: &str = "/bailiwick.gateway.v1.AccessService/CheckAccess";
const BATCH: &str = "/bailiwick.gateway.v1.AccessService/BatchCheckAccess";
const LIST: &str = "/bailiwick.gateway.v1.AccessService/ListAccessibleAccounts";

const CREATE_MEMBER: &str = "bailiwick.directory.v1.MemberService/CreateMember";
const GET_MEMBER: &str = "bailiwick.directory.v1.MemberService/GetMember";
const LIST_USERS: &str = "bailiwick.directory.v1.UserService/ListUsers";
const ASSUME: &str = "bailiwick.directory.v1.TokenService/AssumeRole";

fn explain(method: &str, resource: &str) -> ExplainAccessRequest {
    ExplainAccessRequest { method: method.to_owned(), resource: resource.to_owned(), ..Default::default() }
}

fn check(method: &str, resource: &str) -> CheckAccessRequest {
    CheckAccessRequest { method: method.to_owned(), resource: resource.to_owned(), ..Default::default() }
}

fn explain_principal(principal: &str, method: &str, resource: &str) -> ExplainPrincipalAccessRequest {
    ExplainPrincipalAccessRequest {
        principal: principal.to_owned(),
        method: method.to_owned(),
        resource: resource.to_owned(),
        ..Default::default()
    }
}

#[tokio::test]
async fn an_explanation_names_policies_scope_circumstances_and_what_is_missing() {
    let world = World::new().await;
    let mut client = world.client().await;
    let create = explain(CREATE_MEMBER, DIRECTORY);
    let alice = world.token(&user(MANAGEMENT, "alice"));
    let told: AccessExplanation = client.unary(EXPLAIN, &alice, &create).await.message();
    let [found] = told.policies.as_slice() else { panic!("{told:?}") };
    assert_eq!(
        (found.policy.as_str(), found.r#type(), found.effect()),
        ("AliyunResourceDirectoryFullAccess", Type::Identity, Effect::Allow)
    );
    assert_eq!(
        (found.statement, found.action.as_str(), found.resource.as_str()),
        (Some(0), "directory:CreateMember", DIRECTORY)
    );
    assert_eq!((told.scope.unwrap().whole, told.needed), (true, None));
    let environment = told.environment.unwrap();
    assert_eq!(
        (environment.source_ip.as_str(), environment.secure_transport, environment.mfa_present),
        ("127.0.0.1", false, false)
    );
    assert!(environment.evaluate_time.is_some_and(|time| time.seconds > 0));

    let bob = world.token(&user(MANAGEMENT, "bob"));
    let told: AccessExplanation = client.unary(EXPLAIN, &bob, &create).await.message();
    let needed = told.needed.unwrap();
    assert_eq!(
        (needed.action.as_str(), needed.policy_type(), needed.seat.as_str()),
        ("directory:CreateMember", Type::Identity, "")
    );
    assert_eq!(told.scope, None);
    let carol = world.token(&user(ADMIN, "carol"));
    let told: AccessExplanation = client.unary(EXPLAIN, &carol, &create).await.message();
    assert_eq!(told.needed.unwrap().seat, "MANAGEMENT_ACCOUNT");
    let eve = world.token(&user(STRANGER, "eve"));
    let told: AccessExplanation = client.unary(EXPLAIN, &eve, &create).await.message();
    assert_eq!((told.reason.as_str(), told.needed, told.policies.len()), ("RESOURCE_NOT_FOUND", None, 0));
    // What the rule does not name is not asked about.
    for wrong in [
        ExplainAccessRequest { accounts: vec![MEMBER.to_owned()], ..create.clone() },
        ExplainAccessRequest { external_id: "x".to_owned(), ..create },
        explain("bailiwick.directory.v1.TokenService/GetCallerIdentity", DIRECTORY),
    ] {
        assert_eq!(client.unary(EXPLAIN, &alice, &wrong).await.refused().1, "INVALID_FIELD");
    }
}

#[tokio::test]
async fn another_identity_of_the_account_is_explained_to_whoever_may_ask() {
    let world = World::new().await;
    let mut client = world.client().await;
    let (root, alice) = (world.token(&user(MANAGEMENT, "root")), user(MANAGEMENT, "alice"));
    let ask = |principal: &str| explain_principal(principal, CREATE_MEMBER, DIRECTORY);
    let told: AccessExplanation = client.unary(EXPLAIN_PRINCIPAL, &root, &ask(&alice)).await.message();
    assert!(told.allowed && told.policies.len() == 1);
    let told: AccessExplanation =
        client.unary(EXPLAIN_PRINCIPAL, &root, &ask(&user(MANAGEMENT, "bob"))).await.message();
    assert_eq!((told.allowed, told.reason.as_str()), (false, "ACTION_NOT_ALLOWED"));
    for (caller, principal, reason) in [
        (alice.clone(), user(MANAGEMENT, "bob"), "ACTION_NOT_ALLOWED"),
        (user(MANAGEMENT, "root"), user(ADMIN, "carol"), "SEAT_REQUIRED"),
        (user(MANAGEMENT, "root"), user(STRANGER, "eve"), "RESOURCE_NOT_FOUND"),
        (user(MANAGEMENT, "root"), user(MANAGEMENT, "nobody"), "RESOURCE_NOT_FOUND"),
        (user(MANAGEMENT, "root"), format!("{MANAGEMENT}/groups/x"), "INVALID_FIELD"),
    ] {
        let refused = client.unary(EXPLAIN_PRINCIPAL, &world.token(&caller), &ask(&principal)).await;
        assert_eq!(refused.refused().1, reason, "{caller} {principal}");
    }
    // Under circumstances that are assumed.
    let policy = format!("{MANAGEMENT}/policies/office");
    let document = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"acs:SourceIp":"10.0.0.0/8"},"Bool":{"acs:MFAPresent":"true"}}}]}"#;
    let erin = user(MANAGEMENT, "erin");
    world
        .settle(vec![
            AccessFactChange::holds(Kind::Policy(PolicyFact { policy: policy.clone(), document: document.to_owned() })),
            AccessFactChange::holds(identity(&erin, PrincipalKind::User, &[&policy])),
        ])
        .await;
    for (source_ip, mfa_present, allowed) in
        [("10.0.0.7", true, true), ("10.0.0.7", false, false), ("127.0.0.1", true, false), ("", true, false)]
    {
        let environment =
            AccessEnvironment { source_ip: source_ip.to_owned(), mfa_present, ..AccessEnvironment::default() };
        let asked = ExplainPrincipalAccessRequest { environment: Some(environment), ..ask(&erin) };
        let told: AccessExplanation = client.unary(EXPLAIN_PRINCIPAL, &root, &asked).await.message();
        assert_eq!(told.allowed, allowed, "{source_ip} {mfa_present}");
        assert_eq!(told.environment.unwrap().source_ip, source_ip);
    }
    let environment = AccessEnvironment { source_ip: "nowhere".to_owned(), ..AccessEnvironment::default() };
    let asked = ExplainPrincipalAccessRequest { environment: Some(environment), ..ask(&erin) };
    assert_eq!(client.unary(EXPLAIN_PRINCIPAL, &root, &asked).await.refused().1, "INVALID_FIELD");
}

#[tokio::test]
async fn nobody_sees_with_the_eyes_of_somebody_else() {
    let world = World::new().await;
    let mut client = world.client().await;
    let (alice, bob) = (user(MANAGEMENT, "alice"), user(MANAGEMENT, "bob"));
    let role = format!("{STRANGER}/roles/partner");
    let trust = format!(
        r#"{{"Version":"1","Statement":[{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{{"RAM":["{alice}"]}}}}]}}"#
    );
    let Kind::Identity(fact) = identity(&role, PrincipalKind::Role, &[]) else { panic!() };
    let fact = Kind::Identity(IdentityFact { trust_policy: trust, ..fact });
    let bob_may = identity(&bob, PrincipalKind::User, &["AdministratorAccess"]);
    world.settle(vec![AccessFactChange::holds(fact), AccessFactChange::holds(bob_may)]).await;
    let own: AccessExplanation = client.unary(EXPLAIN, &world.token(&alice), &explain(ASSUME, &role)).await.message();
    assert_eq!(own.reason, "ACTION_NOT_ALLOWED");
    let asked = explain_principal(&alice, ASSUME, &role);
    let told: AccessExplanation = client.unary(EXPLAIN_PRINCIPAL, &world.token(&bob), &asked).await.message();
    assert_eq!((told.reason.as_str(), told.steps.len(), told.policies.len()), ("RESOURCE_NOT_FOUND", 1, 0));
    assert_eq!((told.scope, told.needed), (None, None));
}

#[tokio::test]
async fn checks_answer_with_a_refusal_and_all_at_one_revision() {
    let world = World::new().await;
    let mut client = world.client().await;
    let elsewhere = DIRECTORY.replace("01", "02");
    let create = check(CREATE_MEMBER, DIRECTORY);
    for (caller, asked, reason) in [
        (user(MANAGEMENT, "alice"), &create, ""),
        (user(MANAGEMENT, "bob"), &create, "ACTION_NOT_ALLOWED"),
        (user(ADMIN, "carol"), &create, "SEAT_REQUIRED"),
        (user(STRANGER, "eve"), &create, "RESOURCE_NOT_FOUND"),
        (user(MANAGEMENT, "alice"), &check(CREATE_MEMBER, &elsewhere), "RESOURCE_NOT_FOUND"),
    ] {
        let answer: AccessCheck = client.unary(CHECK, &world.token(&caller), asked).await.message();
        assert_eq!((answer.allowed, answer.reason.as_str()), (reason.is_empty(), reason), "{caller}");
        assert_eq!((answer.required_seat.as_str(), answer.revision), ("MANAGEMENT_ACCOUNT", 1));
    }
    let alice = world.token(&user(MANAGEMENT, "alice"));
    let batch = |checks| BatchCheckAccessRequest { checks };
    let checks = vec![check(CREATE_MEMBER, &elsewhere), create.clone(), check(LIST_USERS, MEMBER)];
    let answer: BatchCheckAccessResponse = client.unary(BATCH, &alice, &batch(checks)).await.message();
    let reasons: Vec<_> = answer.checks.iter().map(|check| check.reason.as_str()).collect();
    assert_eq!(reasons, ["RESOURCE_NOT_FOUND", "", "SEAT_REQUIRED"]);
    assert!(answer.revision == 1 && answer.checks.iter().all(|check| check.revision == 1));
    let whole: BatchCheckAccessResponse =
        client.unary(BATCH, &alice, &batch(vec![create.clone(); 1_000])).await.message();
    assert!(whole.checks.len() == 1_000 && whole.checks.iter().all(|check| check.allowed));
    for checks in [vec![], vec![create.clone(); 1_001], vec![create.clone(), check("nope", "")]] {
        let refused = client.unary(BATCH, &alice, &batch(checks)).await;
        assert_eq!(refused.refused(), (Code::InvalidArgument, "INVALID_FIELD".to_owned()));
    }
}

#[tokio::test]
async fn accounts_are_listed_on_which_the_caller_may_call() {
    let world = World::new().await;
    let mut client = world.client().await;
    let members = format!("{DIRECTORY}/members/-");
    let ask = |method: &str, resource: &str, page_size, token: &str| ListAccessibleAccountsRequest {
        method: method.to_owned(),
        resource: resource.to_owned(),
        page_size,
        page_token: token.to_owned(),
    };
    for (caller, method, resource, expected) in [
        (user(MANAGEMENT, "alice"), GET_MEMBER, members.as_str(), &[MANAGEMENT, ADMIN, MEMBER][..]),
        (user(MANAGEMENT, "bob"), GET_MEMBER, &members, &[]),
        (user(STRANGER, "eve"), GET_MEMBER, &members, &[]),
        (user(MANAGEMENT, "root"), LIST_USERS, "accounts/-", &[MANAGEMENT]),
        (user(STRANGER, "eve"), LIST_USERS, "accounts/-", &[STRANGER]),
    ] {
        let token = world.token(&caller);
        let page: ListAccessibleAccountsResponse =
            client.unary(LIST, &token, &ask(method, resource, 0, "")).await.message();
        assert_eq!(page.accounts, expected, "{caller} {method}");
        assert_eq!((page.next_page_token.as_str(), page.revision), ("", 1));
    }
    let alice = world.token(&user(MANAGEMENT, "alice"));
    let (mut listed, mut token) = (Vec::new(), String::new());
    for _ in 0..3 {
        let page: ListAccessibleAccountsResponse =
            client.unary(LIST, &alice, &ask(GET_MEMBER, &members, 1, &token)).await.message();
        assert_eq!(page.accounts.len(), 1);
        listed.extend(page.accounts);
        assert_eq!(page.next_page_token.is_empty(), listed.len() == 3);
        if !page.next_page_token.is_empty() {
            token = page.next_page_token;
        }
    }
    assert_eq!(listed, [MANAGEMENT, ADMIN, MEMBER]);
    let carol = world.token(&user(ADMIN, "carol"));
    for (caller, asked, reason) in [
        (&carol, ask(GET_MEMBER, &members, 1, &token), "PAGE_TOKEN_INVALID"),
        (&alice, ask(LIST_USERS, "accounts/-", 1, &token), "PAGE_TOKEN_INVALID"),
        (&alice, ask(GET_MEMBER, &members, 1, "x"), "PAGE_TOKEN_INVALID"),
        (&alice, ask(GET_MEMBER, &members, -1, ""), "INVALID_FIELD"),
        (&alice, ask(GET_MEMBER, DIRECTORY, 1, ""), "INVALID_FIELD"),
        (&alice, ask(GET_MEMBER, "directories/-/members/-", 1, ""), "INVALID_FIELD"),
        (&alice, ask("bailiwick.directory.v1.TokenService/GetCallerIdentity", "", 1, ""), "INVALID_FIELD"),
    ] {
        assert_eq!(client.unary(LIST, caller, &asked).await.refused().1, reason);
    }
}
