//! Single-purpose credentials.

use serde_json::json;
use tonic::Code;

use crate::live::{Databases, Suite, register, text, user};

const CREATE: &str = "directory.v1.CredentialService/CreateCredential";
const LIST: &str = "directory.v1.CredentialService/ListCredentials";
const DELETE: &str = "directory.v1.CredentialService/DeleteCredential";
const LIST_USERS: &str = "directory.v1.UserService/ListUsers";

/// covers: R-GW-13
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credential_does_one_thing_until_it_is_deleted() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let account = register(&operator, "account", "Example").await;
    user(&account, "exporter", &["AliyunRAMFullAccess"]).await;
    let parent = format!("{}/users/exporter", account.name);
    let create = json!({"parent": parent, "credential": {"action": "ram:ListUsers"}});
    let made = account.root.call(CREATE, create).await.unwrap();
    let exporter = suite.client().with_token(text(&made, "bearer"));

    let users = json!({"parent": account.name});
    exporter.call(LIST_USERS, users.clone()).await.unwrap();
    let other = exporter.refused("directory.v1.UserService/GetUser", json!({"name": parent})).await;
    assert_eq!((other.code, &*other.reason), (Code::PermissionDenied, "ACTION_NOT_ALLOWED"));
    let who = exporter.refused("directory.v1.TokenService/GetCallerIdentity", json!({})).await;
    assert_eq!(who.code, Code::PermissionDenied);
    let bearer = text(&made, "bearer");
    let forged = format!("{}{}", &bearer[..bearer.len() - 4], "AAAA");
    let forged = suite.client().with_token(&forged).refused(LIST_USERS, users.clone()).await;
    assert_eq!((forged.code, &*forged.reason), (Code::Unauthenticated, "CREDENTIAL_INVALID"));
    let unbound = json!({"parent": parent, "credential": {"action": "directory:GetAccount"}});
    let unbound = account.root.call(CREATE, unbound).await.unwrap();
    let unbound = suite.client().with_token(text(&unbound, "bearer"));
    let beyond = unbound.refused("directory.v1.AccountService/GetAccount", json!({"name": account.name})).await;
    assert_eq!(beyond.reason, "ACTION_NOT_ALLOWED", "it can no more than its user");

    account.root.call(DELETE, json!({"name": made["name"]})).await.unwrap();
    assert_eq!(exporter.refused(LIST_USERS, users).await.code, Code::Unauthenticated);
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoking_tokens_tells_which_credentials_live_on_or_deletes_them() {
    const REVOKE: &str = "directory.v1.TokenService/RevokeTokens";
    let suite = Suite::start(Databases::Sqlite).await;
    let account = register(&suite.operator().await, "account", "Example").await;
    user(&account, "exporter", &["AliyunRAMFullAccess"]).await;
    let parent = format!("{}/users/exporter", account.name);
    let create = json!({"parent": parent, "credential": {"action": "ram:ListUsers"}});
    let made = account.root.call(CREATE, create).await.unwrap();
    let exporter = suite.client().with_token(text(&made, "bearer"));
    let users = json!({"parent": account.name});

    let revoked = account.root.call(REVOKE, json!({"identity": parent})).await.unwrap();
    let remaining = revoked["remainingCredentials"].as_array().unwrap();
    assert_eq!(remaining.iter().map(|one| &one["name"]).collect::<Vec<_>>(), [&made["name"]]);
    assert!(text(&remaining[0], "bearer").is_empty());
    exporter.call(LIST_USERS, users.clone()).await.unwrap();
    let whole = json!({"identity": parent, "include_credentials": true});
    let revoked = account.root.call(REVOKE, whole).await.unwrap();
    assert_eq!(revoked["remainingCredentials"], json!([]));
    assert_eq!(exporter.refused(LIST_USERS, users).await.code, Code::Unauthenticated);
    let listed = account.root.call(LIST, json!({"parent": parent})).await.unwrap();
    assert_eq!(listed["credentials"], json!([]));
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_are_made_for_actions_by_those_who_may() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let account = register(&operator, "account", "Example").await;
    let stranger = register(&operator, "stranger", "Other").await;
    let bare = user(&account, "bare", &[]).await;
    let parent = format!("{}/users/bare", account.name);
    let create = |action: &str, expire_time: Option<&str>| json!({"parent": parent, "credential": {"action": action, "expire_time": expire_time}});
    let good = create("directory:ListMembers", None);
    assert_eq!(stranger.root.refused(CREATE, good.clone()).await.reason, "RESOURCE_NOT_FOUND");
    assert_eq!(bare.refused(CREATE, good.clone()).await.reason, "ACTION_NOT_ALLOWED");
    for action in ["", "directory:*", "directory:NoSuchAction", "sts:GetCallerIdentity", "sts:AssumeRole"] {
        let refused = account.root.refused(CREATE, create(action, None)).await;
        assert_eq!(refused.fields, ["credential.action"], "{action}");
    }
    for expire_time in ["2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"] {
        let refused = account.root.refused(CREATE, create("directory:ListMembers", Some(expire_time))).await;
        assert_eq!((refused.code, refused.fields), (Code::InvalidArgument, vec!["credential.expire_time".to_owned()]));
    }
    let id = "0b8fba4e-7d1c-4f53-9c3a-08cc5b4f5a5f";
    let mut once = good.clone();
    once["request_id"] = json!(id);
    let made = account.root.call(CREATE, once.clone()).await.unwrap();
    assert!(text(&made, "bearer").starts_with("bwc_"));
    let again = account.root.call(CREATE, once).await.unwrap();
    assert_eq!((text(&again, "bearer"), &again["name"]), ("", &made["name"]), "the secret is shown once");
    for _ in 0..4 {
        account.root.call(CREATE, good.clone()).await.unwrap();
    }
    let sixth = account.root.refused(CREATE, good).await;
    assert_eq!((sixth.code, &*sixth.reason), (Code::ResourceExhausted, "CREDENTIAL_QUOTA_EXCEEDED"));
    let listed = account.root.call(LIST, json!({"parent": parent, "page_size": 3})).await.unwrap();
    let shown = listed["credentials"].as_array().unwrap();
    assert!(shown.len() == 3 && shown.iter().all(|one| text(one, "bearer").is_empty()));
    assert_eq!(bare.refused(DELETE, json!({"name": made["name"]})).await.reason, "ACTION_NOT_ALLOWED");
    let stale = json!({"name": made["name"], "etag": "stale"});
    assert_eq!(account.root.refused(DELETE, stale).await.reason, "ETAG_MISMATCH");
    suite.stop().await;
}
