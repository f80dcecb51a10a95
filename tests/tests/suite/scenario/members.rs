//! The life of members: how they leave, and how they are deleted.

use serde_json::{Value, json};
use tonic::Code;

use crate::{
    client::Client,
    live::{
        Account, Databases, Suite, create_member, designate, enable_directory, enable_service, join, register,
        subscribe, text, user,
    },
    patience::until,
};

const GET: &str = "directory.v1.MemberService/GetMember";
const LIST: &str = "directory.v1.MemberService/ListMembers";
const REMOVE: &str = "directory.v1.MemberService/RemoveMember";
const LEAVE: &str = "directory.v1.MemberService/LeaveDirectory";
const CHECK: &str = "directory.v1.MemberService/CheckMemberDeletion";
const DELETE: &str = "directory.v1.MemberService/DeleteMember";
const UNDELETE: &str = "directory.v1.MemberService/UndeleteMember";
const UNDESIGNATE: &str = "delegation.v1.DelegatedAdministratorService/DeleteDelegatedAdministrator";
const MONITOR: &str = "securitycenter.v1.MonitoredAccountService/CreateMonitoredAccount";
const MONITORED: &str = "securitycenter.v1.MonitoredAccountService/ListMonitoredAccounts";
const SASE_MEMBERS: &str = "sase.v1.SaseMemberService/ListSaseMembers";

fn member(directory: &str, account: &str) -> String {
    format!("{directory}/members/{}", account.trim_start_matches("accounts/"))
}

/// Undoes a designation.
async fn undesignate(management: &Account, directory: &str, service: &str, account: &str) {
    let id = account.trim_start_matches("accounts/");
    let name = format!("{directory}/trustedServices/{service}/delegatedAdministrators/{id}");
    management.root.call(UNDESIGNATE, json!({"name": name})).await.unwrap();
}

/// Puts a member into the scope of Security Center.
async fn monitor(management: &Account, directory: &str, account: &str) {
    subscribe(management).await;
    let request = json!({"parent": directory, "monitored_account": {"account": account}});
    management.root.call(MONITOR, request).await.unwrap();
}

async fn monitored(management: &Account, directory: &str) -> Vec<Value> {
    let answer = management.root.call(MONITORED, json!({"parent": directory})).await.unwrap();
    answer["monitoredAccounts"].as_array().unwrap().clone()
}

async fn allow_deletion(management: &Account, directory: &str) {
    let request = json!({
        "directory": {"name": directory, "member_deletion_enabled": true},
        "update_mask": "memberDeletionEnabled",
    });
    management.root.call("directory.v1.DirectoryService/UpdateDirectory", request).await.unwrap();
}

/// A user of a resource account, made by the management account through its access role.
async fn inhabit(admin: &Client, account: &str) -> Client {
    let role = json!({
        "role": format!("{account}/roles/ResourceDirectoryAccountAccessRole"),
        "session_name": "setup",
    });
    let session = admin.call("directory.v1.TokenService/AssumeRole", role).await.unwrap();
    let inside = admin.with_token(text(&session, "accessToken"));
    inside.call("directory.v1.UserService/CreateUser", json!({"parent": account, "user_id": "alice"})).await.unwrap();
    let user = format!("{account}/users/alice");
    let policy = json!({"target": user, "policy": format!("{account}/policies/AdministratorAccess")});
    inside.call("directory.v1.PolicyService/AttachPolicy", policy).await.unwrap();
    let key = inside.call("directory.v1.AccessKeyService/CreateAccessKey", json!({"parent": user})).await.unwrap();
    inside.sign_in(text(&key, "accessKeyId"), text(&key, "secret")).await.unwrap()
}

/// covers: E-DIR-16, E-DIR-17, E-DIR-22, E-DIR-33
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_leaves_by_itself_unless_a_service_holds_it() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let management = register(&operator, "management", "Example").await;
    let directory = enable_directory(&management).await;
    let account = register(&operator, "leaving", "Example").await;
    let other = register(&operator, "other", "Example").await;
    let stranger = register(&operator, "stranger", "Example").await;
    join(&management, &directory, &account).await;
    join(&management, &directory, &other).await;
    let created = create_member(&management, &directory, "created").await;
    let leave = json!({"name": member(&directory, &account.name)});

    // Nobody leaves for another, and no one is told of a directory that is not theirs.
    for client in [&management.root, &other.root] {
        let refused = client.refused(LEAVE, leave.clone()).await;
        assert_eq!((refused.code, &*refused.reason), (Code::PermissionDenied, "SEAT_REQUIRED"));
        assert_eq!(refused.metadata["required_seat"], "MEMBER");
    }
    assert_eq!(stranger.root.refused(LEAVE, leave.clone()).await.reason, "RESOURCE_NOT_FOUND");
    let management_leaves = json!({"name": member(&directory, &management.name)});
    assert_eq!(management.root.refused(LEAVE, management_leaves).await.reason, "SEAT_REQUIRED");
    let bare = user(&account, "bare", &[]).await;
    assert_eq!(bare.refused(LEAVE, leave.clone()).await.reason, "ACTION_NOT_ALLOWED");

    enable_service(&management, &directory, "sase").await;
    enable_service(&management, &directory, "bastionhost").await;
    designate(&management, &directory, "sase", &account.name).await;
    designate(&management, &directory, "bastionhost", &account.name).await;
    let held = account.root.refused(LEAVE, leave.clone()).await;
    assert_eq!((held.code, &*held.reason), (Code::FailedPrecondition, "MEMBER_IN_USE"));
    assert_eq!(held.preconditions, ["bastionhost/designation", "sase/designation"], "each service is named");
    undesignate(&management, &directory, "sase", &account.name).await;
    let held = account.root.refused(LEAVE, leave.clone()).await;
    assert_eq!(held.preconditions, ["bastionhost/designation"]);
    undesignate(&management, &directory, "bastionhost", &account.name).await;

    for (client, method) in [(&account.root, LEAVE), (&management.root, REMOVE)] {
        let dry = json!({"name": member(&directory, &account.name), "validate_only": true});
        client.call(method, dry).await.unwrap();
        management.root.call(GET, leave.clone()).await.unwrap();
    }
    let dry = json!({"name": member(&directory, &created), "validate_only": true});
    assert_eq!(management.root.refused(REMOVE, dry).await.reason, "MEMBER_TYPE_MISMATCH");
    account.root.call(LEAVE, leave.clone()).await.unwrap();
    assert_eq!(management.root.refused(GET, leave.clone()).await.reason, "RESOURCE_NOT_FOUND");
    let own = account.root.call("directory.v1.AccountService/GetAccount", json!({"name": account.name})).await.unwrap();
    assert_eq!(text(&own, "directory"), "", "it lives on, standalone");
    assert_eq!(account.root.refused(LEAVE, leave).await.reason, "RESOURCE_NOT_FOUND");
    suite.stop().await;
}

/// covers: E-DIR-16, E-DIR-33
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_left_and_joins_again_has_nothing_of_before() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let management = register(&operator, "management", "Example").await;
    let directory = enable_directory(&management).await;
    let account = register(&operator, "returning", "Example").await;
    join(&management, &directory, &account).await;
    for service in ["sase", "security-center"] {
        enable_service(&management, &directory, service).await;
    }
    designate(&management, &directory, "sase", &account.name).await;
    monitor(&management, &directory, &account.name).await;
    assert_eq!(monitored(&management, &directory).await.len(), 1);
    let name = json!({"name": member(&directory, &account.name)});
    let before = management.root.call(GET, name.clone()).await.unwrap();
    let role = json!({"name": format!("{}/roles/AliyunServiceRoleForSas", account.name)});
    account.root.call("directory.v1.RoleService/GetRole", role.clone()).await.unwrap();
    undesignate(&management, &directory, "sase", &account.name).await;
    account.root.call(LEAVE, name.clone()).await.unwrap();
    assert_eq!(
        account.root.refused("directory.v1.RoleService/GetRole", role.clone()).await.reason,
        "RESOURCE_NOT_FOUND"
    );
    // Another client reads here, which has seen nothing of the leave.
    until("nobody is in the list", async || monitored(&management, &directory).await.is_empty()).await;

    join(&management, &directory, &account).await;
    let after = management.root.call(GET, name.clone()).await.unwrap();
    assert_ne!(text(&before, "incarnation"), text(&after, "incarnation"));
    assert_ne!(text(&before, "etag"), text(&after, "etag"));
    assert_eq!(account.root.refused("directory.v1.RoleService/GetRole", role).await.reason, "RESOURCE_NOT_FOUND");
    assert!(monitored(&management, &directory).await.is_empty(), "in the scope of nothing");
    let list = json!({"parent": directory});
    assert_eq!(account.root.refused(SASE_MEMBERS, list).await.reason, "SEAT_REQUIRED", "administrator of nothing");
    // No claim of before holds it.
    account.root.call(LEAVE, name).await.unwrap();
    suite.stop().await;
}

/// covers: E-DIR-15, E-DIR-19
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_are_deleted_only_where_that_is_switched_on_and_by_named_operators() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let management = register(&operator, "management", "Example").await;
    let admin = user(&management, "admin", &["AdministratorAccess"]).await;
    let directory = enable_directory(&management).await;
    let cloud = register(&operator, "cloud", "Example").await;
    join(&management, &directory, &cloud).await;
    let created = create_member(&management, &directory, "created").await;
    let created = json!({"name": member(&directory, &created)});

    let refused = management.root.refused(DELETE, created.clone()).await;
    assert_eq!((refused.code, &*refused.reason), (Code::PermissionDenied, "OPERATOR_REQUIRED"));
    let stranger = register(&operator, "stranger", "Example").await;
    for method in [DELETE, CHECK, UNDELETE] {
        assert_eq!(cloud.root.refused(method, created.clone()).await.reason, "SEAT_REQUIRED", "{method}");
        assert_eq!(stranger.root.refused(method, created.clone()).await.reason, "RESOURCE_NOT_FOUND", "{method}");
    }
    let off = admin.refused(DELETE, created.clone()).await;
    assert_eq!((off.code, &*off.reason), (Code::FailedPrecondition, "MEMBER_DELETION_DISABLED"));
    let check = admin.call(CHECK, created.clone()).await.unwrap();
    assert_eq!(check["allowed"], false);
    assert_eq!(check["findings"][0]["id"], "member-deletion-disabled");
    assert_eq!(check["findings"][0]["ignorable"], false);

    let name = member(&directory, &cloud.name);
    let both = admin.refused(DELETE, json!({"name": name, "skip_silence_period": true})).await;
    assert_eq!((both.code, &*both.reason), (Code::FailedPrecondition, "MEMBER_TYPE_MISMATCH"));
    assert_eq!(both.preconditions, ["cloud-account", "member-deletion-disabled", "access-key"]);
    let unknown = json!({"name": name, "ignored_findings": ["everything"]});
    assert_eq!(admin.refused(DELETE, unknown).await.fields, ["ignored_findings"]);
    let nothing = admin.refused(UNDELETE, created).await;
    assert_eq!((nothing.code, &*nothing.reason), (Code::FailedPrecondition, "MEMBER_NOT_PENDING_DELETION"));
    suite.stop().await;
}

/// covers: E-DIR-16, E-DIR-17, E-DIR-19, E-DIR-20, E-DEL-05
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_member_can_do_nothing_at_once_and_comes_back_until_it_is_gone() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let management = register(&operator, "management", "Example").await;
    let admin = user(&management, "admin", &["AdministratorAccess"]).await;
    let directory = enable_directory(&management).await;
    allow_deletion(&management, &directory).await;
    let account = create_member(&management, &directory, "created").await;
    let alice = inhabit(&admin, &account).await;
    let own = json!({"name": account});
    alice.call("directory.v1.AccountService/GetAccount", own.clone()).await.unwrap();
    for service in ["sase", "security-center"] {
        enable_service(&management, &directory, service).await;
    }
    designate(&management, &directory, "sase", &account).await;
    monitor(&management, &directory, &account).await;
    let name = member(&directory, &account);
    let of = json!({"name": name});

    let held = admin.refused(DELETE, json!({"name": name, "ignored_findings": ["access-key"]})).await;
    assert_eq!((held.code, &*held.reason), (Code::FailedPrecondition, "MEMBER_IN_USE"));
    assert_eq!(held.preconditions, ["designation/sase", "enrolment/security-center"]);
    undesignate(&management, &directory, "sase", &account).await;
    let unnamed = admin.refused(DELETE, of.clone()).await;
    assert_eq!((unnamed.code, &*unnamed.reason), (Code::FailedPrecondition, "MEMBER_DELETION_FINDINGS"));
    let check = admin.call(CHECK, of.clone()).await.unwrap();
    assert_eq!(check["allowed"], true);
    let found: Vec<&str> = check["findings"].as_array().unwrap().iter().map(|f| text(f, "id")).collect();
    assert_eq!(found, ["enrolment/security-center", "access-key"]);
    assert_eq!(unnamed.preconditions, found);
    let dry = json!({"name": name, "ignored_findings": found, "validate_only": true});
    admin.call(DELETE, dry).await.unwrap();
    alice.call("directory.v1.AccountService/GetAccount", own.clone()).await.unwrap();

    let delete = json!({"name": name, "ignored_findings": found});
    let waiting = admin.call(DELETE, delete.clone()).await.unwrap();
    assert_eq!(text(&waiting, "state"), "MEMBER_STATE_PENDING_DELETION");
    assert!(waiting["purgeTime"].is_string());
    let refused = alice.refused("directory.v1.AccountService/GetAccount", own.clone()).await;
    assert!(["ACCOUNT_SUSPENDED", "CREDENTIAL_REVOKED"].contains(&&*refused.reason), "{refused:?}");
    assert_eq!(admin.refused(DELETE, delete.clone()).await.reason, "MEMBER_PENDING_DELETION");
    let designation = json!({
        "parent": format!("{directory}/trustedServices/sase"),
        "delegated_administrator": {"account": account},
    });
    let method = "delegation.v1.DelegatedAdministratorService/CreateDelegatedAdministrator";
    assert_eq!(management.root.refused(method, designation).await.reason, "MEMBER_PENDING_DELETION");
    let taken = json!({"parent": directory, "member": {"display_name": "created"}});
    let create = "directory.v1.MemberService/CreateMember";
    assert_eq!(management.root.refused(create, taken.clone()).await.reason, "DISPLAY_NAME_USED");

    let back = management.root.call(UNDELETE, of.clone()).await.unwrap();
    assert_eq!(text(&back, "state"), "MEMBER_STATE_ACTIVE");
    let dead = alice.refused("directory.v1.AccountService/GetAccount", own.clone()).await;
    assert_eq!(dead.reason, "CREDENTIAL_REVOKED", "tokens of before stay dead");

    let at_once = json!({"name": name, "ignored_findings": found, "skip_silence_period": true});
    admin.call(DELETE, at_once).await.unwrap();
    assert_eq!(management.root.refused(GET, of.clone()).await.reason, "RESOURCE_NOT_FOUND");
    assert_eq!(management.root.refused(UNDELETE, of).await.reason, "RESOURCE_NOT_FOUND");
    let members = management.root.call(LIST, json!({"parent": directory})).await.unwrap();
    assert_eq!(members["members"], json!([]));
    until("nobody is in the list", async || monitored(&management, &directory).await.is_empty()).await;
    let gone = alice.refused("directory.v1.AccountService/GetAccount", own).await;
    assert_eq!(gone.reason, "CREDENTIAL_REVOKED");
    management.root.call(create, taken).await.unwrap();
    suite.stop().await;
}
