//! What a well-known imitation of such a service leaves out (surface.md 3.3), row by row: each of these is a rule here.

use serde_json::json;
use tonic::Code;

use super::folder_scope::{create_folder, root_folder};
use crate::{
    client::Client,
    live::{
        Account, Databases, Suite, create_member, designate, enable_directory, enable_service, invite, join, register,
        subscribe, text,
    },
};

const DESIGNATE: &str = "delegation.v1.DelegatedAdministratorService/CreateDelegatedAdministrator";
const LIST_DESIGNATED: &str = "delegation.v1.DelegatedAdministratorService/ListDelegatedAdministrators";
const DISABLE: &str = "delegation.v1.TrustedServiceService/DisableTrustedService";

struct World {
    suite: Suite,
    operator: Client,
    management: Account,
    directory: String,
}

impl World {
    async fn new() -> Self {
        let suite = Suite::start(Databases::Sqlite).await;
        let operator = suite.operator().await;
        let management = register(&operator, "management", "Example").await;
        let directory = enable_directory(&management).await;
        Self { suite, operator, management, directory }
    }

    async fn refused(&self, method: &str, request: serde_json::Value) -> (Code, String) {
        let failure = self.management.root.refused(method, request).await;
        (failure.code, failure.reason)
    }

    async fn designated(&self, service: &str) -> usize {
        let parent = format!("{}/trustedServices/{service}", self.directory);
        let page = self.management.root.call(LIST_DESIGNATED, json!({"parent": parent})).await.unwrap();
        page["delegatedAdministrators"].as_array().map_or(0, Vec::len)
    }
}

/// Row 1: there is a handshake, with an end of each kind.
/// covers: R-DIR-14
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_1_a_member_is_invited_and_answers() {
    let world = World::new().await;
    let service = "directory.v1.InvitationService";
    let mismatch = "INVITATION_STATUS_MISMATCH";
    for (end, by_invitee) in [("AcceptInvitation", true), ("DeclineInvitation", true), ("CancelInvitation", false)] {
        let invitee = register(&world.operator, end, "Example").await;
        let name = json!({"name": invite(&world.management, &world.directory, &invitee).await});
        let by = if by_invitee { &invitee.root } else { &world.management.root };
        by.call(&format!("{service}/{end}"), name.clone()).await.unwrap();
        let late = invitee.root.refused(&format!("{service}/AcceptInvitation"), name.clone()).await;
        assert_eq!((late.code, &*late.reason), (Code::FailedPrecondition, mismatch), "{end}");
    }
    world.suite.stop().await;
}

/// Row 2: designating needs trusted access and has a maximum; trusted access is not taken back under an administrator.
/// covers: E-DEL-03, E-DEL-06, E-DEL-07
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_2_trusted_access_comes_first_and_goes_last() {
    let world = World::new().await;
    let mut accounts = Vec::new();
    for name in ["one", "two", "three", "four"] {
        accounts.push(create_member(&world.management, &world.directory, name).await);
    }
    let sase = format!("{}/trustedServices/sase", world.directory);
    let request = |account: &str| json!({"parent": sase, "delegated_administrator": {"account": account}});
    let not_enabled = (Code::FailedPrecondition, "TRUSTED_ACCESS_NOT_ENABLED".to_owned());
    assert_eq!(world.refused(DESIGNATE, request(&accounts[0])).await, not_enabled);
    enable_service(&world.management, &world.directory, "sase").await;
    for account in &accounts[..3] {
        designate(&world.management, &world.directory, "sase", account).await;
    }
    let limit = (Code::ResourceExhausted, "DELEGATED_ADMINISTRATOR_LIMIT".to_owned());
    assert_eq!(world.refused(DESIGNATE, request(&accounts[3])).await, limit);
    let in_use = world.management.root.refused(DISABLE, json!({"name": sase})).await;
    assert_eq!((in_use.code, &*in_use.reason), (Code::FailedPrecondition, "TRUSTED_ACCESS_IN_USE"));
    assert_eq!(in_use.metadata["delegated_administrators"], "3");
    let forced = world.management.root.call(DISABLE, json!({"name": sase, "force": true})).await.unwrap();
    assert_eq!(forced["delegatedAdministrators"], json!(3));
    assert_eq!(world.designated("sase").await, 0, "none is left behind");
    world.suite.stop().await;
}

/// Row 3: an administrator does not leave its directory, and is in no list afterwards.
/// covers: E-DIR-16
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_3_an_administrator_is_not_removed() {
    let world = World::new().await;
    let member = register(&world.operator, "member", "Example").await;
    join(&world.management, &world.directory, &member).await;
    enable_service(&world.management, &world.directory, "sase").await;
    designate(&world.management, &world.directory, "sase", &member.name).await;
    let id = member.name.trim_start_matches("accounts/");
    let (remove, name) = ("directory.v1.MemberService/RemoveMember", format!("{}/members/{id}", world.directory));
    let in_use = (Code::FailedPrecondition, "MEMBER_IN_USE".to_owned());
    assert_eq!(world.refused(remove, json!({"name": name})).await, in_use);
    assert_eq!(world.designated("sase").await, 1);
    let designation = format!("{}/trustedServices/sase/delegatedAdministrators/{id}", world.directory);
    let end = "delegation.v1.DelegatedAdministratorService/DeleteDelegatedAdministrator";
    world.management.root.call(end, json!({"name": designation})).await.unwrap();
    world.management.root.call(remove, json!({"name": name})).await.unwrap();
    assert_eq!(world.designated("sase").await, 0);
    world.suite.stop().await;
}

/// Row 4: folders are deleted empty, nest to a depth, and have names that are unique among their siblings only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_4_folders_keep_their_members_depth_and_names() {
    let world = World::new().await;
    let root = root_folder(&world.management, &world.directory).await;
    let sales = create_folder(&world.management, &root, "sales").await;
    create_folder(&world.management, &sales, "sales").await;
    let create = "directory.v1.FolderService/CreateFolder";
    let sibling = world.refused(create, json!({"parent": root, "folder": {"display_name": "sales"}})).await;
    assert_eq!(sibling.0, Code::AlreadyExists);
    let delete = world.refused("directory.v1.FolderService/DeleteFolder", json!({"name": sales})).await;
    assert_eq!(delete.0, Code::FailedPrecondition);
    let mut deepest = sales;
    for level in 2..=5 {
        deepest = create_folder(&world.management, &deepest, &format!("level-{level}")).await;
    }
    let below = json!({"parent": deepest, "folder": {"display_name": "too-deep"}});
    let refused = world.refused(create, below).await;
    assert!([Code::FailedPrecondition, Code::ResourceExhausted].contains(&refused.0), "{refused:?}");
    world.suite.stop().await;
}

/// Row 5: the last control policy of a node stays, and what is not attached is not detached.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_5_the_last_control_policy_stays() {
    let world = World::new().await;
    let root = root_folder(&world.management, &world.directory).await;
    let on = json!({"name": world.directory, "control_policies_enabled": true});
    let enable = json!({"directory": on, "update_mask": "controlPoliciesEnabled"});
    world.management.root.call("directory.v1.DirectoryService/UpdateDirectory", enable).await.unwrap();
    let detach = "directory.v1.ControlPolicyService/DetachControlPolicy";
    let full = format!("{}/controlPolicies/FullAliyunAccess", world.directory);
    assert_eq!(world.refused(detach, json!({"name": full, "target": root})).await.0, Code::FailedPrecondition);
    let document = json!({"Version": "1", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let policy = json!({"document": document.to_string()});
    let create = json!({"parent": world.directory, "control_policy_id": "mine", "control_policy": policy});
    let mine = world.management.root.call("directory.v1.ControlPolicyService/CreateControlPolicy", create).await;
    let mine = mine.unwrap();
    let loose = world.refused(detach, json!({"name": text(&mine, "name"), "target": root})).await;
    assert_eq!(loose, (Code::FailedPrecondition, "CONTROL_POLICY_NOT_ATTACHED".to_owned()));
    world.suite.stop().await;
}

/// Row 6: a move says where from, and is no move if the member is there already.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_6_a_member_is_moved_from_where_it_is() {
    let world = World::new().await;
    let root = root_folder(&world.management, &world.directory).await;
    let sales = create_folder(&world.management, &root, "sales").await;
    let member = create_member(&world.management, &world.directory, "member").await;
    let name = format!("{}/members/{}", world.directory, member.trim_start_matches("accounts/"));
    let to = |source: &str| json!({"name": name, "source": source, "destination": sales});
    let (request, method) = (to(&sales), "directory.v1.MemberService/MoveMember");
    assert_eq!(world.refused(method, request).await.0, Code::Aborted, "it is not there");
    world.management.root.call(method, to(&root)).await.unwrap();
    let again = world.refused(method, to(&sales)).await;
    assert_eq!(again.0, Code::FailedPrecondition, "it is there already");
    world.suite.stop().await;
}

/// Row 7: a list takes members only, from the administrator only, who is not replaced by another.
/// covers: R-DEL-02, R-DEL-03, E-DEL-02, E-DEL-03
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_7_lists_and_administrators_are_of_the_directory() {
    let world = World::new().await;
    let stranger = register(&world.operator, "stranger", "Example").await;
    let member = register(&world.operator, "member", "Example").await;
    join(&world.management, &world.directory, &member).await;
    let other = create_member(&world.management, &world.directory, "other").await;
    enable_service(&world.management, &world.directory, "security-center").await;
    let add = "securitycenter.v1.MonitoredAccountService/CreateMonitoredAccount";
    let of = |account: &str| json!({"parent": world.directory, "monitored_account": {"account": account}});
    assert_eq!(world.refused(add, of(&stranger.name)).await.1, "ACCOUNT_NOT_IN_DIRECTORY");
    assert_eq!(member.root.refused(add, of(&other)).await.reason, "SEAT_REQUIRED");
    assert_eq!(stranger.root.refused(add, of(&other)).await.code, Code::NotFound);
    designate(&world.management, &world.directory, "security-center", &member.name).await;
    let parent = format!("{}/trustedServices/security-center", world.directory);
    let second = json!({"parent": parent, "delegated_administrator": {"account": other}});
    assert_eq!(world.refused(DESIGNATE, second).await.1, "DELEGATED_ADMINISTRATOR_LIMIT");
    subscribe(&member).await;
    member.root.call(add, of(&other)).await.unwrap();
    world.suite.stop().await;
}

/// Row 8: concurrent changes are told apart, by etag and by request id.
/// covers: E-DEL-10, E-GW-06, E-GW-07
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn row_8_concurrent_and_repeated_calls_are_safe() {
    let world = World::new().await;
    let one = create_member(&world.management, &world.directory, "one").await;
    let two = create_member(&world.management, &world.directory, "two").await;
    enable_service(&world.management, &world.directory, "security-center").await;
    let parent = format!("{}/trustedServices/security-center", world.directory);
    let id = "0b8fba4e-7d1c-4f53-9c3a-08cc5b4f5a5f";
    let of = |account: &str| json!({"parent": parent, "delegated_administrator": {"account": account}});
    let root = &world.management.root;
    let (first, second) = tokio::join!(root.call(DESIGNATE, of(&one)), root.call(DESIGNATE, of(&two)));
    assert_eq!(world.designated("security-center").await, 1);
    let lost = [first, second].into_iter().find_map(Result::err).unwrap();
    assert!(["DELEGATED_ADMINISTRATOR_LIMIT", "CONCURRENT_CHANGE"].contains(&lost.reason.as_str()), "{lost:?}");
    let page = root.call(LIST_DESIGNATED, json!({"parent": parent})).await.unwrap();
    let name = text(&page["delegatedAdministrators"][0], "name").to_owned();
    let end = "delegation.v1.DelegatedAdministratorService/DeleteDelegatedAdministrator";
    let stale = world.refused(end, json!({"name": name, "etag": "stale"})).await;
    assert_eq!(stale, (Code::Aborted, "ETAG_MISMATCH".to_owned()));
    root.call(end, json!({"name": name, "request_id": id})).await.unwrap();
    root.call(end, json!({"name": name, "request_id": id})).await.unwrap();
    assert_eq!(world.refused(end, json!({"name": name})).await.0, Code::NotFound);
    world.suite.stop().await;
}
