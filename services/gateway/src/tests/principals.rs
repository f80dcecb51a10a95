//! Sessions of roles, single-purpose credentials and conditions: from the header of a call to its decision.

use bailiwick_api::{
    directory::v1::{CreateMemberRequest, GetCallerIdentityRequest, GetMemberRequest, ListMembersRequest},
    r#type::v1::{
        AccessFactChange, AccountFact, CredentialFact, DirectoryFact, IdentityFact, PolicyFact, PrincipalKind,
        access_fact::Kind,
    },
};
use prost::Message;
use sha2::{Digest, Sha256};
use tonic::Code;
use tonic_types::StatusExt;

use super::{
    client::{Answered, Client, encoded, open_body},
    world::*,
};

const READ_ONLY: &str = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"directory:Get*","Resource":"*"}]}"#;
const CREDENTIAL: &str = "0123456789abcdefghij";

fn member() -> GetMemberRequest {
    let name = format!("{DIRECTORY}/members/{}", MEMBER.trim_start_matches("accounts/"));
    GetMemberRequest { name }
}

fn create() -> CreateMemberRequest {
    CreateMemberRequest { parent: DIRECTORY.to_owned(), ..CreateMemberRequest::default() }
}

fn alice() -> String {
    user(MANAGEMENT, "alice")
}

/// `allowed`, or the reason of the refusal.
async fn outcome(client: &mut Client, path: &str, token: &str, message: &impl Message) -> String {
    let answered = client.unary(path, token, message).await;
    if answered.status().code() == Code::Ok { "allowed".to_owned() } else { answered.refused().1 }
}

fn alice_as(enabled: bool, generation: i64) -> Vec<AccessFactChange> {
    let Kind::Identity(fact) = identity(&alice(), PrincipalKind::User, &["AliyunResourceDirectoryFullAccess"]) else {
        panic!()
    };
    vec![AccessFactChange::holds(Kind::Identity(IdentityFact { enabled, generation, ..fact }))]
}

fn suspended(account: &str, suspended: bool) -> Vec<AccessFactChange> {
    let fact = AccountFact {
        account: account.to_owned(),
        directory: DIRECTORY.to_owned(),
        incarnation: "i1".to_owned(),
        suspended,
        ..AccountFact::default()
    };
    vec![AccessFactChange::holds(Kind::Account(fact))]
}

#[tokio::test]
async fn a_session_is_bounded_by_its_policy_and_ends_with_its_source() {
    let world = World::new().await;
    let mut client = world.client().await;
    let role = format!("{MANAGEMENT}/roles/auditor");
    let fact = identity(&role, PrincipalKind::Role, &["AliyunResourceDirectoryFullAccess"]);
    world.settle(vec![AccessFactChange::holds(fact)]).await;
    let session = |policy: Option<&str>| {
        world.token_with(&role, 600, |claims| {
            claims.session = Some("audit".to_owned());
            claims.session_policy = policy.map(str::to_owned);
            (claims.source, claims.source_generation) = (Some(alice()), Some(1));
        })
    };
    let (bounded, whole) = (session(Some(READ_ONLY)), session(None));
    assert_eq!(outcome(&mut client, GET, &bounded, &member()).await, "allowed");
    let operator = world.members.last().permit.operator().cloned().unwrap();
    assert_eq!((operator.session_name, operator.source_identity), ("audit".to_owned(), alice()));
    let refused = client.unary(CREATE, &bounded, &create()).await;
    assert_eq!(refused.refused(), (Code::PermissionDenied, "ACTION_NOT_ALLOWED".to_owned()));
    assert_eq!(refused.status().get_error_details().error_info().unwrap().metadata["policy_type"], "SESSION");
    assert_eq!(outcome(&mut client, CREATE, &whole, &create()).await, "allowed");

    for (changes, expected) in [
        (alice_as(false, 1), "CREDENTIAL_REVOKED"),
        (alice_as(true, 2), "CREDENTIAL_REVOKED"),
        (alice_as(true, 1), "allowed"),
        (suspended(MANAGEMENT, true), "ACCOUNT_SUSPENDED"),
        (suspended(MANAGEMENT, false), "allowed"),
    ] {
        world.settle(changes).await;
        assert_eq!(outcome(&mut client, GET, &whole, &member()).await, expected);
    }
    // What bounds a session must not be passed over.
    let unreadable = session(Some("{}"));
    assert_eq!(outcome(&mut client, GET, &unreadable, &member()).await, "CREDENTIAL_INVALID");
}

fn secret(last: char) -> String {
    format!("{}{last}", "s".repeat(42))
}

fn bearer(last: char) -> String {
    format!("Bearer bwc_{CREDENTIAL}_{}", secret(last))
}

fn credential(action: &str, seconds: i64) -> Kind {
    let now = bailiwick_core::Clock::now(&bailiwick_core::SystemClock).as_seconds();
    Kind::Credential(CredentialFact {
        credential: format!("{}/credentials/{CREDENTIAL}", alice()),
        secret_sha256: Sha256::digest(secret('x')).to_vec(),
        action: action.to_owned(),
        expire_time: Some(prost_types::Timestamp { seconds: now + seconds, nanos: 0 }),
    })
}

#[tokio::test]
async fn a_single_purpose_credential_is_good_for_its_action_until_it_is_taken_back() {
    let world = World::new().await;
    let mut client = world.client().await;
    assert_eq!(outcome(&mut client, GET, &bearer('x'), &member()).await, "CREDENTIAL_INVALID");
    world.settle(vec![AccessFactChange::holds(credential("directory:GetMember", 600))]).await;
    assert_eq!(outcome(&mut client, GET, &bearer('x'), &member()).await, "allowed");
    let call = world.members.last();
    assert_eq!(call.permit.identity().map(ToString::to_string), Some(alice()));
    assert_eq!(call.permit.operator().map(|operator| operator.access_key_id.as_str()), Some(CREDENTIAL));
    assert_eq!(outcome(&mut client, CREATE, &bearer('x'), &create()).await, "ACTION_NOT_ALLOWED");
    assert_eq!(outcome(&mut client, WHO, &bearer('x'), &GetCallerIdentityRequest {}).await, "ACTION_NOT_ALLOWED");
    assert_eq!(outcome(&mut client, GET, &bearer('y'), &member()).await, "CREDENTIAL_INVALID");
    world.settle(alice_as(false, 1)).await;
    assert_eq!(outcome(&mut client, GET, &bearer('x'), &member()).await, "CREDENTIAL_REVOKED");
    world.settle(alice_as(true, 1)).await;
    world.settle(vec![AccessFactChange::holds(credential("directory:GetMember", -1))]).await;
    assert_eq!(outcome(&mut client, GET, &bearer('x'), &member()).await, "CREDENTIAL_INVALID");
    world.settle(vec![AccessFactChange::holds(credential("directory:GetMember", 600))]).await;
    assert_eq!(outcome(&mut client, GET, &bearer('x'), &member()).await, "allowed");
    world.settle(gone(credential("directory:GetMember", 600))).await;
    assert_eq!(outcome(&mut client, GET, &bearer('x'), &member()).await, "CREDENTIAL_INVALID");
}

#[tokio::test]
async fn conditions_see_where_a_call_comes_from() {
    let world = World::new().await;
    let mut client = world.client().await;
    let policy = format!("{MANAGEMENT}/policies/office");
    let erin = user(MANAGEMENT, "erin");
    let fact = identity(&erin, PrincipalKind::User, &[&policy]);
    let under = |condition: &str| {
        let statement = format!(r#"{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{condition}}}"#);
        let document = format!(r#"{{"Version":"1","Statement":[{statement}]}}"#);
        AccessFactChange::holds(Kind::Policy(PolicyFact { policy: policy.clone(), document }))
    };
    let token = world.token(&erin);
    for (condition, expected) in [
        (r#"{"IpAddress":{"acs:SourceIp":"127.0.0.0/8"}}"#, "allowed"),
        (r#"{"IpAddress":{"acs:SourceIp":"10.0.0.0/8"}}"#, "ACTION_NOT_ALLOWED"),
        (r#"{"Bool":{"acs:SecureTransport":"true"}}"#, "ACTION_NOT_ALLOWED"),
        (r#"{"Bool":{"acs:MFAPresent":"true"}}"#, "ACTION_NOT_ALLOWED"),
    ] {
        world.settle(vec![under(condition), AccessFactChange::holds(fact.clone())]).await;
        assert_eq!(outcome(&mut client, GET, &token, &member()).await, expected, "{condition}");
    }
    let with_factor = world.token_with(&erin, 600, |claims| claims.mfa = true);
    assert_eq!(outcome(&mut client, GET, &with_factor, &member()).await, "allowed");
}

#[tokio::test]
async fn streams_are_decided_again_when_a_bound_or_a_credential_changes() {
    let world = World::new().await;
    world.settle(vec![AccessFactChange::holds(credential("directory:ListEchoes", 600))]).await;
    let bounded = Kind::Directory(DirectoryFact {
        directory: DIRECTORY.to_owned(),
        management_account: MANAGEMENT.to_owned(),
        control_policies_enabled: true,
    });
    let carol = world.token(&user(ADMIN, "carol"));
    for (token, changes) in
        [(bearer('x'), gone(credential("directory:ListEchoes", 600))), (carol, vec![AccessFactChange::holds(bounded)])]
    {
        let mut client = world.client().await;
        let (sender, body) = open_body();
        let first = ListMembersRequest { parent: DIRECTORY.to_owned(), ..ListMembersRequest::default() };
        sender.send(encoded(&first)).unwrap();
        let response = client.begin("/test.Bidi/Open", &[("authorization", &token)], body).await;
        assert_eq!(world.echo.event().await, "begun");
        world.facts.change(changes);
        let answered = Answered::read(response).await;
        assert_eq!(answered.refused(), (Code::PermissionDenied, "AUTHORIZATION_REVOKED".to_owned()));
        assert_eq!(world.echo.event().await, "request broken off");
        drop(sender);
    }
}
