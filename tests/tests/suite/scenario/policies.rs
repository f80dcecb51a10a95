//! Custom policies and groups: what they let their users do, through the gateway.

use serde_json::{Value, json};
use tonic::Code;

use crate::{
    client::Client,
    live::{Account, Databases, Suite, enable_directory, join, register, text, user},
};

const CREATE_POLICY: &str = "directory.v1.PolicyService/CreatePolicy";
const CREATE_VERSION: &str = "directory.v1.PolicyService/CreatePolicyVersion";
const SET_DEFAULT: &str = "directory.v1.PolicyService/SetDefaultPolicyVersion";
const DELETE_POLICY: &str = "directory.v1.PolicyService/DeletePolicy";
const ATTACH: &str = "directory.v1.PolicyService/AttachPolicy";
const DETACH: &str = "directory.v1.PolicyService/DetachPolicy";
const LIST_POLICIES: &str = "directory.v1.PolicyService/ListPolicies";
const LIST_ATTACHMENTS: &str = "directory.v1.PolicyService/ListPolicyAttachments";
const CREATE_GROUP: &str = "directory.v1.GroupService/CreateGroup";
const DELETE_GROUP: &str = "directory.v1.GroupService/DeleteGroup";
const ADD_MEMBER: &str = "directory.v1.GroupService/AddGroupMember";
const REMOVE_MEMBER: &str = "directory.v1.GroupService/RemoveGroupMember";
const LIST_USERS: &str = "directory.v1.UserService/ListUsers";
const GET_USER: &str = "directory.v1.UserService/GetUser";

/// A document of these statements.
fn document(statements: &[Value]) -> String {
    json!({"Version": "1", "Statement": statements}).to_string()
}

/// A statement about everything in the account's identities.
fn statement(effect: &str, action: &str, condition: Value) -> Value {
    let mut statement = json!({"Effect": effect, "Action": action, "Resource": "*"});
    if !condition.is_null() {
        statement["Condition"] = condition;
    }
    statement
}

async fn create(account: &Account, id: &str, statements: &[Value]) -> String {
    let policy = json!({"document": document(statements)});
    let request = json!({"parent": account.name, "policy_id": id, "policy": policy});
    text(&account.root.call(CREATE_POLICY, request).await.unwrap(), "name").to_owned()
}

async fn put(account: &Account, method: &str, target: &str, policy: &str) {
    let request = json!({"target": format!("{}/{target}", account.name), "policy": policy});
    account.root.call(method, request).await.unwrap();
}

async fn may_list(client: &Client, account: &Account) -> bool {
    match client.call(LIST_USERS, json!({"parent": account.name})).await {
        Ok(_) => true,
        Err(refused) => {
            assert_eq!(refused.code, Code::PermissionDenied, "{refused:?}");
            assert!(["ACTION_NOT_ALLOWED", "ACTION_DENIED"].contains(&&*refused.reason), "{refused:?}");
            false
        }
    }
}

/// covers: R-DIR-31, R-GW-13, E-GW-01
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_may_do_what_its_custom_policies_allow_and_nothing_that_one_denies() {
    let suite = Suite::start(Databases::Sqlite).await;
    let account = register(&suite.operator().await, "account", "Example").await;
    let alice = user(&account, "alice", &[]).await;
    let reading = create(&account, "reading", &[statement("Allow", "ram:List*", Value::Null)]).await;
    assert!(!may_list(&alice, &account).await);
    put(&account, ATTACH, "users/alice", &reading).await;
    assert!(may_list(&alice, &account).await);
    let get = json!({"name": format!("{}/users/alice", account.name)});
    assert_eq!(alice.refused(GET_USER, get.clone()).await.reason, "ACTION_NOT_ALLOWED");

    let no_listing = create(&account, "no-listing", &[statement("Deny", "ram:ListUsers", Value::Null)]).await;
    put(&account, ATTACH, "users/alice", &format!("{}/policies/AdministratorAccess", account.name)).await;
    alice.call(GET_USER, get.clone()).await.unwrap();
    put(&account, ATTACH, "users/alice", &no_listing).await;
    let refused = alice.refused(LIST_USERS, json!({"parent": account.name})).await;
    assert_eq!((refused.code, &*refused.reason), (Code::PermissionDenied, "ACTION_DENIED"));
    assert_eq!((&*refused.metadata["policy"], &*refused.metadata["policy_type"]), (&*no_listing, "IDENTITY"));
    put(&account, DETACH, "users/alice", &no_listing).await;
    assert!(may_list(&alice, &account).await, "detaching counts at once");
    put(&account, DETACH, "users/alice", &format!("{}/policies/AdministratorAccess", account.name)).await;
    assert_eq!(alice.refused(GET_USER, get).await.reason, "ACTION_NOT_ALLOWED");
    put(&account, DETACH, "users/alice", &reading).await;
    assert!(!may_list(&alice, &account).await);
    suite.stop().await;
}

/// covers: R-GW-13
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conditions_are_held_against_the_call() {
    let suite = Suite::start(Databases::Sqlite).await;
    let account = register(&suite.operator().await, "account", "Example").await;
    let alice = user(&account, "alice", &[]).await;
    // Calls of this test come from 127.0.0.1, now, and not over TLS.
    for (id, condition, allows) in [
        ("ip", json!({"IpAddress": {"acs:SourceIp": ["127.0.0.0/8", "::1/128"]}}), true),
        ("other-ip", json!({"IpAddress": {"acs:SourceIp": "192.0.2.0/24"}}), false),
        ("not-ip", json!({"NotIpAddress": {"acs:SourceIp": ["127.0.0.0/8", "::1/128"]}}), false),
        ("after", json!({"DateGreaterThan": {"acs:CurrentTime": "2020-01-01T00:00:00Z"}}), true),
        ("before", json!({"DateLessThan": {"acs:CurrentTime": "2020-01-01T00:00:00Z"}}), false),
        ("tls", json!({"Bool": {"acs:SecureTransport": "true"}}), false),
        ("plain", json!({"Bool": {"acs:SecureTransport": "false"}}), true),
        (
            "all-of-them",
            json!({
                "IpAddress": {"acs:SourceIp": "127.0.0.1"},
                "DateLessThan": {"acs:CurrentTime": "2020-01-01T00:00:00Z"}
            }),
            false,
        ),
    ] {
        let policy = create(&account, id, &[statement("Allow", "ram:*", condition)]).await;
        put(&account, ATTACH, "users/alice", &policy).await;
        assert_eq!(may_list(&alice, &account).await, allows, "{id}");
        put(&account, DETACH, "users/alice", &policy).await;
    }
    suite.stop().await;
}

/// covers: R-GW-13
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_group_has_its_users_have_while_they_are_in_it() {
    let suite = Suite::start(Databases::Sqlite).await;
    let account = register(&suite.operator().await, "account", "Example").await;
    let alice = user(&account, "alice", &[]).await;
    let group = format!("{}/groups/clerks", account.name);
    let member = json!({"group": group, "user": format!("{}/users/alice", account.name)});
    account.root.call(CREATE_GROUP, json!({"parent": account.name, "group_id": "clerks"})).await.unwrap();
    let ram = format!("{}/policies/AliyunRAMFullAccess", account.name);
    put(&account, ATTACH, "groups/clerks", &ram).await;
    assert!(!may_list(&alice, &account).await);
    account.root.call(ADD_MEMBER, member.clone()).await.unwrap();
    assert!(may_list(&alice, &account).await);
    account.root.call(REMOVE_MEMBER, member.clone()).await.unwrap();
    assert!(!may_list(&alice, &account).await);
    account.root.call(ADD_MEMBER, member.clone()).await.unwrap();
    put(&account, DETACH, "groups/clerks", &ram).await;
    assert!(!may_list(&alice, &account).await);
    put(&account, ATTACH, "groups/clerks", &ram).await;
    assert!(may_list(&alice, &account).await);
    let refused = alice.refused(DELETE_GROUP, json!({"name": group, "etag": "stale"})).await;
    assert_eq!((refused.code, &*refused.reason), (Code::Aborted, "ETAG_MISMATCH"));
    account.root.call(DELETE_GROUP, json!({"name": group})).await.unwrap();
    assert!(!may_list(&alice, &account).await);

    let root = json!({"group": group, "user": format!("{}/users/root", account.name)});
    account.root.call(CREATE_GROUP, json!({"parent": account.name, "group_id": "clerks"})).await.unwrap();
    let refused = account.root.refused(ADD_MEMBER, root).await;
    assert_eq!((refused.code, &*refused.reason), (Code::FailedPrecondition, "ROOT_USER_IMMUTABLE"));
    let stranger = register(&suite.operator().await, "stranger", "Other").await;
    assert_eq!(stranger.root.refused(ADD_MEMBER, member).await.reason, "RESOURCE_NOT_FOUND");
    suite.stop().await;
}

/// covers: R-GW-13
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_default_version_is_the_one_that_counts() {
    let suite = Suite::start(Databases::Sqlite).await;
    let account = register(&suite.operator().await, "account", "Example").await;
    let alice = user(&account, "alice", &[]).await;
    let policy = create(&account, "auditors", &[statement("Allow", "ram:List*", Value::Null)]).await;
    put(&account, ATTACH, "users/alice", &policy).await;
    let narrower = document(&[statement("Allow", "ram:Get*", Value::Null)]);
    let version = json!({"parent": policy, "document": narrower});
    let version = account.root.call(CREATE_VERSION, version).await.unwrap();
    assert!(may_list(&alice, &account).await, "another version is not the default by itself");
    account.root.call(SET_DEFAULT, json!({"name": version["name"]})).await.unwrap();
    assert!(!may_list(&alice, &account).await);
    account.root.call(SET_DEFAULT, json!({"name": format!("{policy}/versions/v1")})).await.unwrap();
    assert!(may_list(&alice, &account).await);
    let deny = document(&[statement("Deny", "*", Value::Null)]);
    let deny = json!({"parent": policy, "document": deny, "set_default": true});
    account.root.call(CREATE_VERSION, deny.clone()).await.unwrap();
    assert!(!may_list(&alice, &account).await);
    for _ in 0..2 {
        account.root.call(CREATE_VERSION, deny.clone()).await.unwrap();
    }
    let refused = account.root.refused(CREATE_VERSION, deny).await;
    assert_eq!((refused.code, &*refused.reason), (Code::ResourceExhausted, "IDENTITY_QUOTA_EXCEEDED"));
    assert_eq!(refused.metadata["limit"], "5");
    let refused = account.root.refused(DELETE_POLICY, json!({"name": policy})).await;
    assert_eq!((refused.code, &*refused.reason), (Code::FailedPrecondition, "POLICY_IN_USE"));
    let attached = account.root.call(LIST_ATTACHMENTS, json!({"parent": policy})).await.unwrap();
    assert_eq!(attached["policyAttachments"][0]["target"], json!(format!("{}/users/alice", account.name)));
    put(&account, DETACH, "users/alice", &policy).await;
    account.root.call(DELETE_POLICY, json!({"name": policy})).await.unwrap();
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_in_documents_are_named_and_system_policies_stay() {
    let suite = Suite::start(Databases::Sqlite).await;
    let account = register(&suite.operator().await, "account", "Example").await;
    let wrong = document(&[
        statement("Allow", "ram:*", Value::Null),
        statement("Allow", "ram:*", Value::Null),
        statement("Permit", "ram:*", Value::Null),
    ]);
    let request = json!({"parent": account.name, "policy_id": "auditors", "policy": {"document": wrong}});
    let refused = account.root.refused(CREATE_POLICY, request).await;
    assert_eq!((refused.code, &*refused.reason), (Code::InvalidArgument, "INVALID_FIELD"));
    assert_eq!(refused.fields, ["policy.document"]);
    assert!(refused.message.contains("Statement[2].Effect"), "{}", refused.message);
    let long = json!({"document": format!("{}{}", " ".repeat(6_144), document(&[]))});
    let request = json!({"parent": account.name, "policy_id": "auditors", "policy": long});
    assert_eq!(account.root.refused(CREATE_POLICY, request).await.fields, ["policy.document"]);
    let taken = document(&[statement("Allow", "ram:*", Value::Null)]);
    let request = json!({"parent": account.name, "policy_id": "AdministratorAccess", "policy": {"document": taken}});
    assert_eq!(account.root.refused(CREATE_POLICY, request).await.fields, ["policy_id"]);
    let dry = json!({
        "parent": account.name, "policy_id": "auditors", "policy": {"document": taken}, "validate_only": true
    });
    account.root.call(CREATE_POLICY, dry).await.unwrap();
    let listed = account.root.call(LIST_POLICIES, json!({"parent": account.name})).await.unwrap();
    let listed = listed["policies"].as_array().unwrap();
    assert!(listed.len() == 9 && listed.iter().all(|policy| policy["system"] == true), "validate_only changes nothing");
    let system = json!({"name": format!("{}/policies/AdministratorAccess", account.name)});
    let refused = account.root.refused(DELETE_POLICY, system).await;
    assert_eq!((refused.code, &*refused.reason), (Code::FailedPrecondition, "SYSTEM_POLICY_IMMUTABLE"));
    let stranger = register(&suite.operator().await, "stranger", "Other").await;
    let foreign = stranger.root.refused(LIST_POLICIES, json!({"parent": account.name})).await;
    assert_eq!(foreign.reason, "RESOURCE_NOT_FOUND");
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denial_of_an_account_denies_what_is_done_to_it_as_a_member() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let management = register(&operator, "management", "Example").await;
    let directory = enable_directory(&management).await;
    let (kept, other) = (register(&operator, "kept", "Example").await, register(&operator, "other", "Example").await);
    let clerk = user(&management, "clerk", &["AdministratorAccess"]).await;
    let hands_off = json!({"Effect": "Deny", "Action": "directory:RemoveMember", "Resource": kept.name});
    let hands_off = create(&management, "hands-off", &[hands_off]).await;
    put(&management, ATTACH, "users/clerk", &hands_off).await;
    for account in [&kept, &other] {
        join(&management, &directory, account).await;
    }
    let remove = |account: &Account| json!({"name": format!("{directory}/members/{}", account.id())});
    let refused = clerk.refused("directory.v1.MemberService/RemoveMember", remove(&kept)).await;
    assert_eq!((refused.code, &*refused.reason), (Code::PermissionDenied, "ACTION_DENIED"));
    assert_eq!(refused.metadata["policy"], hands_off);
    clerk.call("directory.v1.MemberService/GetMember", remove(&kept)).await.unwrap();
    clerk.call("directory.v1.MemberService/RemoveMember", remove(&other)).await.unwrap();
    suite.stop().await;
}
