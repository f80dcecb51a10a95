//! Roles, and who may assume them, through the gateway.

use serde_json::{Value, json};
use tonic::Code;

use crate::{
    client::{Client, Failure},
    live::{Account, Databases, Suite, create_member, enable_directory, register, text, user},
};

const CREATE_ROLE: &str = "directory.v1.RoleService/CreateRole";
const GET_ROLE: &str = "directory.v1.RoleService/GetRole";
const LIST_ROLES: &str = "directory.v1.RoleService/ListRoles";
const UPDATE_ROLE: &str = "directory.v1.RoleService/UpdateRole";
const DELETE_ROLE: &str = "directory.v1.RoleService/DeleteRole";
const ATTACH: &str = "directory.v1.PolicyService/AttachPolicy";
const ASSUME: &str = "directory.v1.TokenService/AssumeRole";
const LIST_USERS: &str = "directory.v1.UserService/ListUsers";

/// A trust policy for these principals.
fn trusting(principals: &[&str]) -> String {
    let statement = json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": principals}});
    json!({"Version": "1", "Statement": [statement]}).to_string()
}

async fn create(account: &Account, id: &str, trust_policy: &str) -> Value {
    let request = json!({"parent": account.name, "role_id": id, "role": {"trust_policy": trust_policy}});
    account.root.call(CREATE_ROLE, request).await.unwrap()
}

async fn assume(client: &Client, role: &str) -> Result<Client, Failure> {
    let session = client.call(ASSUME, json!({"role": role, "session_name": "test"})).await?;
    Ok(client.with_token(text(&session, "accessToken")))
}

/// covers: R-GW-01, E-GW-02, E-GW-07
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_are_kept_within_their_bounds() {
    let suite = Suite::start(Databases::Sqlite).await;
    let account = register(&suite.operator().await, "account", "Example").await;
    let trust = trusting(&[&account.name]);
    let role = create(&account, "auditor", &trust).await;
    assert_eq!((text(&role, "kind"), &role["maxSessionSeconds"]), ("PRINCIPAL_KIND_ROLE", &json!(3_600)));
    let again = json!({"parent": account.name, "role_id": "auditor", "role": {"trust_policy": trust}});
    let refused = account.root.refused(CREATE_ROLE, again).await;
    assert_eq!((refused.code, &*refused.reason), (Code::AlreadyExists, "RESOURCE_EXISTS"));
    for (role, field) in [
        (json!({"trust_policy": trust, "max_session_seconds": 3_599}), "role.max_session_seconds"),
        (json!({"trust_policy": trust, "max_session_seconds": 43_201}), "role.max_session_seconds"),
        (json!({"trust_policy": ""}), "role.trust_policy"),
        (json!({"trust_policy": trusting(&["everybody"])}), "role.trust_policy"),
    ] {
        let request = json!({"parent": account.name, "role_id": "other", "role": role});
        assert_eq!(account.root.refused(CREATE_ROLE, request).await.fields, [field]);
    }
    let linked = json!({"parent": account.name, "role_id": "AliyunServiceRoleForMe", "role": {"trust_policy": trust}});
    assert_eq!(account.root.refused(CREATE_ROLE, linked).await.fields, ["role_id"]);

    let change = json!({"name": role["name"], "max_session_seconds": 43_200, "etag": role["etag"]});
    let changed = account.root.call(UPDATE_ROLE, json!({"role": change})).await.unwrap();
    assert_eq!(changed["maxSessionSeconds"], 43_200);
    assert_eq!(changed["trustPolicy"], role["trustPolicy"], "what is not named stays");
    let refused = account.root.refused(UPDATE_ROLE, json!({"role": change})).await;
    assert_eq!((refused.code, &*refused.reason), (Code::Aborted, "ETAG_MISMATCH"));
    let bare = user(&account, "bare", &[]).await;
    assert_eq!(bare.refused(GET_ROLE, json!({"name": role["name"]})).await.reason, "ACTION_NOT_ALLOWED");
    account.root.call(DELETE_ROLE, json!({"name": role["name"]})).await.unwrap();
    assert_eq!(account.root.refused(GET_ROLE, json!({"name": role["name"]})).await.code, Code::NotFound);
    suite.stop().await;
}

/// covers: R-DIR-31, R-GW-13, E-GW-03
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_management_account_reaches_a_created_member_through_its_role_within_the_policies_of_the_role() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let management = register(&operator, "management", "Example").await;
    let directory = enable_directory(&management).await;
    let member = create_member(&management, &directory, "payments").await;
    let access = format!("{member}/roles/ResourceDirectoryAccountAccessRole");
    let admin = user(&management, "admin", &["AdministratorAccess"]).await;
    let session = assume(&admin, &access).await.unwrap();
    let roles = session.call(LIST_ROLES, json!({"parent": member})).await.unwrap();
    assert_eq!(roles["roles"][0]["name"], json!(access));
    let root = assume(&management.root, &access).await.map(drop).unwrap_err();
    assert_eq!(root.reason, "OPERATOR_REQUIRED");
    let bare = user(&management, "bare", &[]).await;
    assert_eq!(assume(&bare, &access).await.map(drop).unwrap_err().reason, "ACTION_NOT_ALLOWED");
    let stranger = register(&operator, "stranger", "Other").await;
    let eve = user(&stranger, "eve", &["AdministratorAccess"]).await;
    assert_eq!(assume(&eve, &access).await.map(drop).unwrap_err().reason, "RESOURCE_NOT_FOUND");

    // A narrower role, made by the wide one.
    let role = json!({"trust_policy": trusting(&[&management.name])});
    let create = json!({"parent": member, "role_id": "lister", "role": role});
    let lister = session.call(CREATE_ROLE, create).await.unwrap();
    let narrow = assume(&admin, text(&lister, "name")).await.unwrap();
    let list = json!({"parent": member});
    assert_eq!(narrow.refused(LIST_USERS, list.clone()).await.reason, "ACTION_NOT_ALLOWED");
    let attach = json!({"target": lister["name"], "policy": format!("{member}/policies/AliyunRAMFullAccess")});
    session.call(ATTACH, attach).await.unwrap();
    narrow.call(LIST_USERS, list.clone()).await.unwrap();
    session.call(DELETE_ROLE, json!({"name": lister["name"]})).await.unwrap();
    assert_eq!(narrow.refused(LIST_USERS, list).await.reason, "CREDENTIAL_REVOKED", "its sessions are dead at once");
    suite.stop().await;
}
