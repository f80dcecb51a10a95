//! Sessions of roles, the end of tokens, and the rotation of keys.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tonic::Code;

use crate::{
    client::{Client, Failure},
    live::{Account, Databases, Suite, create_member, enable_directory, register, text, user},
    patience::PATIENCE,
};

const WHO_AM_I: &str = "directory.v1.TokenService/GetCallerIdentity";
const ASSUME: &str = "directory.v1.TokenService/AssumeRole";
const REVOKE: &str = "directory.v1.TokenService/RevokeTokens";
const CREATE_KEY: &str = "directory.v1.AccessKeyService/CreateAccessKey";
const LIST_KEYS: &str = "directory.v1.AccessKeyService/ListAccessKeys";
const ROTATE: &str = "directory.v1.AccessKeyService/RotateAccessKey";
const CREATE_USER: &str = "directory.v1.UserService/CreateUser";
const UPDATE_USER: &str = "directory.v1.UserService/UpdateUser";
const GET_USER: &str = "directory.v1.UserService/GetUser";
const ATTACH: &str = "directory.v1.PolicyService/AttachPolicy";
const CREATE_ROLE: &str = "directory.v1.RoleService/CreateRole";

/// A role with one policy that whoever is named may assume.
async fn role(account: &Account, id: &str, trusts: &str, policy: &str, condition: Value) -> String {
    let mut statement = json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": [trusts]}});
    if !condition.is_null() {
        statement["Condition"] = condition;
    }
    let trust_policy = json!({"Version": "1", "Statement": [statement]}).to_string();
    let role = json!({"trust_policy": trust_policy, "max_session_seconds": 7200});
    let create = json!({"parent": account.name, "role_id": id, "role": role});
    let made = account.root.call(CREATE_ROLE, create).await.unwrap();
    let attach = json!({"target": made["name"], "policy": format!("{}/policies/{policy}", account.name)});
    account.root.call(ATTACH, attach).await.unwrap();
    text(&made, "name").to_owned()
}

async fn assume(by: &Client, role: &str, more: Value) -> Result<Client, Failure> {
    let mut request = json!({"role": role, "session_name": "ops@desk-7"});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let session = by.call(ASSUME, request).await?;
    assert_eq!(text(&session, "principal"), role);
    Ok(by.with_token(text(&session, "accessToken")))
}

fn reason(result: Result<Client, Failure>) -> (Code, String) {
    let failure = result.map(drop).unwrap_err();
    (failure.code, failure.reason)
}

/// covers: E-GW-02, E-GW-03, E-GW-04, E-GW-09
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trusted_user_becomes_a_role_within_its_bounds() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let account = register(&operator, "account", "Example").await;
    let stranger = register(&operator, "stranger", "Other").await;
    let alice = user(&account, "alice", &["AdministratorAccess"]).await;
    let alice_name = format!("{}/users/alice", account.name);
    let bare = user(&account, "bare", &[]).await;
    let admin = role(&account, "admin", &account.name, "AdministratorAccess", Value::Null).await;

    for (seconds, ok) in [(900, true), (7_200, true), (899, false), (43_201, false)] {
        let assumed = assume(&alice, &admin, json!({"duration_seconds": seconds})).await;
        assert_eq!(assumed.is_ok(), ok, "{seconds}");
    }
    let too_long = alice.refused(ASSUME, json!({"role": admin, "session_name": "s1", "duration_seconds": 7_201})).await;
    assert_eq!((too_long.code, &*too_long.reason), (Code::InvalidArgument, "SESSION_TOO_LONG"));
    assert_eq!(too_long.metadata["max_seconds"], "7200");
    for (field, value) in [
        ("session_name", json!("no spaces")),
        ("session_policy", json!("{}")),
        ("external_id", json!("x")),
        ("duration_seconds", json!(-1)),
    ] {
        let mut request = json!({"role": admin, "session_name": "s1"});
        request[field] = value;
        assert_eq!(alice.refused(ASSUME, request).await.fields, [field]);
    }

    let session = assume(&alice, &admin, json!({})).await.unwrap();
    let me = session.call(WHO_AM_I, json!({})).await.unwrap();
    assert_eq!((text(&me, "principal"), text(&me, "kind")), (&*admin, "PRINCIPAL_KIND_ROLE"));
    assert_eq!((text(&me, "sessionName"), text(&me, "sourceIdentity")), ("ops@desk-7", &*alice_name));
    assert_eq!((text(&me, "account"), me["mfaPresent"].as_bool()), (&*account.name, Some(false)));

    // A session policy narrows, and gives nothing that the role has not.
    let policy = json!({"Version": "1", "Statement": [{"Effect": "Allow", "Action": "ram:*", "Resource": "*"}]});
    let narrow = assume(&alice, &admin, json!({"session_policy": policy.to_string()})).await.unwrap();
    narrow.call(GET_USER, json!({"name": alice_name})).await.unwrap();
    let beyond = narrow.refused("directory.v1.AccountService/GetAccount", json!({"name": account.name})).await;
    assert_eq!((beyond.code, &*beyond.reason), (Code::PermissionDenied, "ACTION_NOT_ALLOWED"));
    assert_eq!(beyond.metadata["policy_type"], "SESSION");
    let reader = role(&account, "reader", &account.name, "AliyunResourceDirectoryReadOnlyAccess", Value::Null).await;
    let wider = assume(&alice, &reader, json!({"session_policy": policy.to_string()})).await.unwrap();
    assert_eq!(wider.refused(GET_USER, json!({"name": alice_name})).await.reason, "ACTION_NOT_ALLOWED");

    // Wrong callers: root, one without a policy for it, one who is not trusted, a stranger.
    let by_root = reason(assume(&account.root, &admin, json!({})).await);
    assert_eq!(by_root, (Code::PermissionDenied, "OPERATOR_REQUIRED".to_owned()));
    let by_bare = reason(assume(&bare, &admin, json!({})).await);
    assert_eq!(by_bare, (Code::PermissionDenied, "ACTION_NOT_ALLOWED".to_owned()));
    let mallory = user(&stranger, "mallory", &["AdministratorAccess"]).await;
    let by_stranger = reason(assume(&mallory, &admin, json!({})).await);
    assert_eq!(by_stranger, (Code::NotFound, "RESOURCE_NOT_FOUND".to_owned()));
    let only_bare = format!("{}/users/bare", account.name);
    let other = role(&account, "other", &only_bare, "AdministratorAccess", Value::Null).await;
    let by_untrusted = reason(assume(&alice, &other, json!({})).await);
    assert_eq!(by_untrusted, (Code::PermissionDenied, "ROLE_NOT_TRUSTED".to_owned()));

    // An auditor of another account, with an external id against confused deputies.
    let condition = json!({"StringEquals": {"sts:ExternalId": "contract-42"}});
    let audited = role(&account, "audited", &stranger.name, "AliyunResourceDirectoryReadOnlyAccess", condition).await;
    for external_id in ["", "contract-43"] {
        let refused = reason(assume(&mallory, &audited, json!({"external_id": external_id})).await);
        assert_ne!(refused.0, Code::Ok, "{external_id}");
    }
    assume(&mallory, &audited, json!({"external_id": "contract-42"})).await.unwrap();
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_of_sessions_ends_with_its_first_session() {
    let suite = Suite::start(Databases::Sqlite).await;
    let account = register(&suite.operator().await, "account", "Example").await;
    let alice = user(&account, "alice", &["AdministratorAccess"]).await;
    let admin = role(&account, "admin", &account.name, "AdministratorAccess", Value::Null).await;
    let begin = async |by: &Client, seconds: i32| {
        let asked = json!({"role": admin, "session_name": "s1", "duration_seconds": seconds});
        let session = by.call(ASSUME, asked).await.unwrap();
        (by.with_token(text(&session, "accessToken")), text(&session, "expireTime").to_owned())
    };
    let (first, until) = begin(&alice, 1_000).await;
    let (second, same) = begin(&first, 3_600).await;
    let (_, still) = begin(&second, 3_600).await;
    assert_eq!((&same, &still), (&until, &until));
    suite.stop().await;
}

/// covers: R-DIR-25, R-GW-09, E-GW-02
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_session_does_is_recorded_with_its_name_and_who_began_it() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let account = register(&operator, "account", "Example").await;
    let alice = user(&account, "alice", &["AdministratorAccess"]).await;
    let admin = role(&account, "admin", &account.name, "AdministratorAccess", Value::Null).await;
    let session = assume(&alice, &admin, json!({})).await.unwrap();
    session.call(CREATE_USER, json!({"parent": account.name, "user_id": "made-by-session"})).await.unwrap();

    let list = "audit.v1.AuditService/ListAccountAuditEntries";
    let until = Instant::now() + PATIENCE;
    loop {
        let trail = account.root.call(list, json!({"parent": account.name, "page_size": 1000})).await.unwrap();
        let entries = trail["auditEntries"].as_array().unwrap();
        let by = |method: &str| entries.iter().rfind(|entry| text(entry, "method").ends_with(method)).cloned();
        let began = entries.iter().find(|entry| text(entry, "method").ends_with("AssumeRole"));
        let made = entries.iter().find(|entry| {
            text(entry, "method").ends_with("CreateUser") && text(entry, "resource").ends_with("made-by-session")
        });
        let (Some(began), Some(made)) = (began, made) else {
            assert!(Instant::now() < until, "not in the trail: {:?}", by("AssumeRole"));
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let alice = format!("{}/users/alice", account.name);
        assert_eq!((text(began, "resource"), text(&began["operator"], "principal")), (&*admin, &*alice));
        assert!(text(began, "requestJson").contains("ops@desk-7"), "{began}");
        let by = &made["operator"];
        assert_eq!((text(by, "principal"), text(by, "sessionName")), (&*admin, "ops@desk-7"));
        assert_eq!(text(by, "sourceIdentity"), alice);
        break;
    }
    suite.stop().await;
}

/// covers: R-DIR-31, R-GW-13
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_management_account_gets_into_a_created_member_and_makes_a_user_of_least_privilege() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let management = register(&operator, "management", "Example").await;
    let directory = enable_directory(&management).await;
    let member = create_member(&management, &directory, "created").await;
    let other = create_member(&management, &directory, "other").await;
    let clerk = user(&management, "clerk", &["AdministratorAccess"]).await;
    let access = format!("{member}/roles/ResourceDirectoryAccountAccessRole");
    let by_root = reason(assume(&management.root, &access, json!({})).await);
    assert_eq!(by_root, (Code::PermissionDenied, "OPERATOR_REQUIRED".to_owned()));
    let session = assume(&clerk, &access, json!({})).await.unwrap();

    let made = session.call(CREATE_USER, json!({"parent": member, "user_id": "reader"})).await.unwrap();
    let policy = format!("{member}/policies/AliyunResourceDirectoryReadOnlyAccess");
    session.call(ATTACH, json!({"target": made["name"], "policy": policy})).await.unwrap();
    let key = session.call(CREATE_KEY, json!({"parent": made["name"]})).await.unwrap();
    let reader = suite.client().sign_in(text(&key, "accessKeyId"), text(&key, "secret")).await.unwrap();
    reader.call("directory.v1.AccountService/GetAccount", json!({"name": member})).await.unwrap();
    let beyond = reader.refused(CREATE_USER, json!({"parent": member, "user_id": "eve"})).await;
    assert_eq!((beyond.code, &*beyond.reason), (Code::PermissionDenied, "ACTION_NOT_ALLOWED"));
    let elsewhere = session.refused(CREATE_USER, json!({"parent": other, "user_id": "eve"})).await;
    assert_ne!(elsewhere.code, Code::Ok);
    suite.stop().await;
}

/// covers: R-DIR-23
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoking_and_disabling_end_tokens_and_the_sessions_that_they_began() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let account = register(&operator, "account", "Example").await;
    let name = format!("{}/users/alice", account.name);
    user(&account, "alice", &["AdministratorAccess"]).await;
    let key = account.root.call(CREATE_KEY, json!({"parent": name})).await.unwrap();
    let sign_in = async || suite.client().sign_in(text(&key, "accessKeyId"), text(&key, "secret")).await;
    let admin = role(&account, "admin", &account.name, "AdministratorAccess", Value::Null).await;

    let disable = json!({"user": {"name": name, "enabled": false}, "update_mask": "enabled"});
    let enable = json!({"user": {"name": name, "enabled": true}, "update_mask": "enabled"});
    for (method, request) in [(REVOKE, json!({"identity": name})), (UPDATE_USER, disable)] {
        let alice = sign_in().await.unwrap();
        let session = assume(&alice, &admin, json!({})).await.unwrap();
        session.call(WHO_AM_I, json!({})).await.unwrap();
        account.root.call(method, request).await.unwrap();
        for client in [&alice, &session] {
            let dead = client.refused(WHO_AM_I, json!({})).await;
            assert_eq!((dead.code, &*dead.reason), (Code::Unauthenticated, "CREDENTIAL_REVOKED"), "{method}");
        }
    }
    assert_eq!(sign_in().await.map(drop).unwrap_err().reason, "CREDENTIAL_INVALID");
    account.root.call(UPDATE_USER, enable).await.unwrap();
    let alice = sign_in().await.unwrap();
    let session = assume(&alice, &admin, json!({})).await.unwrap();
    account.root.call(REVOKE, json!({"identity": admin})).await.unwrap();
    assert_eq!(session.refused(WHO_AM_I, json!({})).await.reason, "CREDENTIAL_REVOKED");
    alice.call(WHO_AM_I, json!({})).await.unwrap();
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoking_or_disabling_a_user_ends_its_tokens_at_once() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let account = register(&operator, "account", "Example").await;
    let stranger = register(&operator, "stranger", "Other").await;
    let name = format!("{}/users/alice", account.name);
    let alice = user(&account, "alice", &["AliyunRAMFullAccess"]).await;

    assert_eq!(stranger.root.refused(REVOKE, json!({"identity": name})).await.reason, "RESOURCE_NOT_FOUND");
    assert_eq!(alice.refused(REVOKE, json!({"identity": name})).await.reason, "ACTION_NOT_ALLOWED");
    let malformed = json!({"identity": format!("{}/groups/all", account.name)});
    assert_eq!(account.root.refused(REVOKE, malformed).await.fields, ["identity"]);
    alice.call(WHO_AM_I, json!({})).await.unwrap();
    account.root.call(REVOKE, json!({"identity": name})).await.unwrap();
    let dead = alice.refused(WHO_AM_I, json!({})).await;
    assert_eq!((dead.code, &*dead.reason), (Code::Unauthenticated, "CREDENTIAL_REVOKED"));

    let bob = user(&account, "bob", &["AliyunRAMFullAccess"]).await;
    let bob_name = format!("{}/users/bob", account.name);
    let change = |enabled: bool, mask: &str| json!({"user": {"name": bob_name, "display_name": "Bob", "enabled": enabled}, "update_mask": mask});
    assert_eq!(stranger.root.refused(UPDATE_USER, change(false, "enabled")).await.reason, "RESOURCE_NOT_FOUND");
    let renamed = account.root.call(UPDATE_USER, change(false, "")).await.unwrap();
    assert_eq!((text(&renamed, "displayName"), renamed["enabled"].as_bool()), ("Bob", Some(true)));
    bob.call(WHO_AM_I, json!({})).await.unwrap();
    account.root.call(UPDATE_USER, change(false, "enabled")).await.unwrap();
    assert_eq!(bob.refused(WHO_AM_I, json!({})).await.reason, "CREDENTIAL_REVOKED");
    account.root.call(UPDATE_USER, change(true, "enabled")).await.unwrap();
    assert_eq!(bob.refused(WHO_AM_I, json!({})).await.reason, "CREDENTIAL_REVOKED", "enabling revives nothing");
    let root = json!({"user": {"name": format!("{}/users/root", account.name)}, "update_mask": "enabled"});
    assert_eq!(account.root.refused(UPDATE_USER, root).await.reason, "ROOT_USER_IMMUTABLE");
    let unknown = account.root.refused(UPDATE_USER, change(true, "kind")).await;
    assert_eq!(unknown.fields, ["update_mask"]);
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_rotated_and_shows_when_it_was_used() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let account = register(&operator, "account", "Example").await;
    let stranger = register(&operator, "stranger", "Other").await;
    let alice = user(&account, "alice", &["AliyunRAMFullAccess"]).await;
    let name = format!("{}/users/alice", account.name);
    let keys = alice.call(LIST_KEYS, json!({"parent": name})).await.unwrap();
    let old = text(&keys["accessKeys"][0], "name").to_owned();

    let until = Instant::now() + PATIENCE;
    loop {
        let keys = alice.call(LIST_KEYS, json!({"parent": name})).await.unwrap();
        let read = alice.call(GET_USER, json!({"name": name})).await.unwrap();
        let key = &keys["accessKeys"][0];
        if !key["lastUseTime"].is_null() && !read["lastSignInTime"].is_null() {
            assert_eq!(text(key, "lastUseSourceIp"), "127.0.0.1");
            assert_eq!(read["lastSignInTime"], key["lastUseTime"]);
            break;
        }
        assert!(Instant::now() < until, "not written: {key}");
        sleep(Duration::from_millis(20)).await;
    }

    assert_eq!(stranger.root.refused(ROTATE, json!({"name": old})).await.reason, "RESOURCE_NOT_FOUND");
    let long = alice.refused(ROTATE, json!({"name": old, "grace": "604801s"})).await;
    assert_eq!(long.fields, ["grace"]);
    let rotated = alice.call(ROTATE, json!({"name": old, "grace": "3600s"})).await.unwrap();
    assert!(rotated["predecessor"]["enabled"].as_bool().unwrap() && !rotated["predecessor"]["disableTime"].is_null());
    alice.call(WHO_AM_I, json!({})).await.unwrap();
    let third = alice.refused(ROTATE, json!({"name": old})).await;
    assert_eq!((third.code, &*third.reason), (Code::ResourceExhausted, "ACCESS_KEY_QUOTA_EXCEEDED"));
    let new = &rotated["successor"];
    let with_new = suite.client().sign_in(text(new, "accessKeyId"), text(new, "secret")).await.unwrap();
    with_new.call("directory.v1.AccessKeyService/DeleteAccessKey", json!({"name": old})).await.unwrap();
    let with_new = suite.client().sign_in(text(new, "accessKeyId"), text(new, "secret")).await.unwrap();
    let at_once = with_new.call(ROTATE, json!({"name": new["name"], "grace": "0s"})).await.unwrap();
    assert_eq!(at_once["predecessor"]["enabled"].as_bool(), Some(false));
    assert_eq!(with_new.refused(WHO_AM_I, json!({})).await.reason, "CREDENTIAL_REVOKED");
    let disabled = account.root.refused(ROTATE, json!({"name": new["name"]})).await;
    assert_eq!((disabled.code, &*disabled.reason), (Code::FailedPrecondition, "ACCESS_KEY_DISABLED"));
    suite.stop().await;
}
