//! Users, keys, policies and tokens.

use serde_json::json;
use tonic::Code;

use crate::live::{Databases, Suite, register, text, user};

const WHO_AM_I: &str = "directory.v1.TokenService/GetCallerIdentity";
const GET_ACCOUNT: &str = "directory.v1.AccountService/GetAccount";
const CREATE_KEY: &str = "directory.v1.AccessKeyService/CreateAccessKey";
const DISABLE_KEY: &str = "directory.v1.AccessKeyService/DisableAccessKey";

/// covers: R-GW-01, R-DIR-18, R-GW-12, R-GW-13, E-GW-09
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_is_made_by_an_identity_within_its_policies() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let account = register(&operator, "account", "Example").await;

    let nobody = suite.client().refused(WHO_AM_I, json!({})).await;
    assert_eq!((nobody.code, &*nobody.reason), (Code::Unauthenticated, "CREDENTIAL_MISSING"));
    let forged = suite.client().with_token("not.a.token").refused(WHO_AM_I, json!({})).await;
    assert_eq!((forged.code, &*forged.reason), (Code::Unauthenticated, "CREDENTIAL_INVALID"));

    let me = operator.call(WHO_AM_I, json!({})).await.unwrap();
    assert_eq!(text(&me, "kind"), "PRINCIPAL_KIND_PLATFORM_OPERATOR");
    let me = account.root.call(WHO_AM_I, json!({})).await.unwrap();
    assert_eq!(text(&me, "kind"), "PRINCIPAL_KIND_ROOT");
    assert_eq!(text(&me, "account"), account.name);

    let get = json!({"name": account.name});
    account.root.call(GET_ACCOUNT, get.clone()).await.unwrap();
    let bare = user(&account, "bare", &[]).await;
    let refused = bare.refused(GET_ACCOUNT, get.clone()).await;
    assert_eq!((refused.code, &*refused.reason), (Code::PermissionDenied, "ACTION_NOT_ALLOWED"));
    assert_eq!(refused.metadata["action"], "directory:GetAccount");
    let reader = user(&account, "reader", &["AliyunResourceDirectoryReadOnlyAccess"]).await;
    reader.call(GET_ACCOUNT, get).await.unwrap();
    let create = json!({"parent": account.name, "user_id": "eve"});
    let refused = reader.refused("directory.v1.UserService/CreateUser", create.clone()).await;
    assert_eq!(refused.reason, "ACTION_NOT_ALLOWED");
    let ram = user(&account, "ram", &["AliyunRAMFullAccess"]).await;
    ram.call("directory.v1.UserService/CreateUser", create).await.unwrap();
    let unknown =
        json!({"target": format!("{}/users/eve", account.name), "policy": format!("{}/policies/Nope", account.name)});
    let refused = ram.refused("directory.v1.PolicyService/AttachPolicy", unknown).await;
    assert_eq!((refused.code, &*refused.reason), (Code::InvalidArgument, "UNKNOWN_POLICY"));
    let root = json!({"name": format!("{}/users/root", account.name)});
    assert_eq!(ram.refused("directory.v1.UserService/DeleteUser", root).await.reason, "ROOT_USER_IMMUTABLE");
    suite.stop().await;
}

/// covers: R-DIR-23
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disabling_a_key_or_deleting_its_user_ends_its_tokens_at_once() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let account = register(&operator, "account", "Example").await;
    let alice = user(&account, "alice", &["AdministratorAccess"]).await;
    let name = format!("{}/users/alice", account.name);

    let second = account.root.call(CREATE_KEY, json!({"parent": name})).await.unwrap();
    let third = account.root.refused(CREATE_KEY, json!({"parent": name})).await;
    assert_eq!((third.code, &*third.reason), (Code::ResourceExhausted, "ACCESS_KEY_QUOTA_EXCEEDED"));
    let keys =
        account.root.call("directory.v1.AccessKeyService/ListAccessKeys", json!({"parent": name})).await.unwrap();
    assert!(keys["accessKeys"].as_array().unwrap().iter().all(|key| text(key, "secret").is_empty()));

    let (id, secret) = (text(&second, "accessKeyId"), text(&second, "secret"));
    let with_second = suite.client().sign_in(id, secret).await.unwrap();
    with_second.call(WHO_AM_I, json!({})).await.unwrap();
    let key = json!({"name": second["name"]});
    account.root.call(DISABLE_KEY, key.clone()).await.unwrap();
    for client in [&with_second, &alice] {
        let refused = client.refused(WHO_AM_I, json!({})).await;
        assert_eq!((refused.code, &*refused.reason), (Code::Unauthenticated, "CREDENTIAL_REVOKED"));
    }
    let wrong_secret = suite.client().sign_in(id, "wrong").await.map(drop).unwrap_err();
    let disabled = suite.client().sign_in(id, secret).await.map(drop).unwrap_err();
    let unknown = suite.client().sign_in("AK00000000000000000000", secret).await.map(drop).unwrap_err();
    assert_eq!((&*disabled.reason, disabled.code), ("CREDENTIAL_INVALID", Code::Unauthenticated));
    for failure in [&wrong_secret, &unknown] {
        assert_eq!((&failure.reason, &failure.message), (&disabled.reason, &disabled.message));
    }

    account.root.call("directory.v1.AccessKeyService/EnableAccessKey", key).await.unwrap();
    let again = suite.client().sign_in(id, secret).await.unwrap();
    again.call(WHO_AM_I, json!({})).await.unwrap();
    account.root.call("directory.v1.UserService/DeleteUser", json!({"name": name})).await.unwrap();
    assert_eq!(again.refused(WHO_AM_I, json!({})).await.reason, "CREDENTIAL_REVOKED");
    user(&account, "alice", &["AdministratorAccess"]).await;
    assert_eq!(again.refused(WHO_AM_I, json!({})).await.reason, "CREDENTIAL_REVOKED", "a namesake revives nothing");
    suite.stop().await;
}
