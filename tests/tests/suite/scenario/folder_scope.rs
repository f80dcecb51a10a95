//! Administrators of a folder (E-DEL-13): they see and change the members in it and below it, and no others.

use serde_json::{Value, json};
use tonic::Code;

use crate::{
    client::Client,
    live::{
        Account, Databases, Suite, create_member, enable_directory, enable_service, enrol, join, register, subscribe,
        text,
    },
};

const DESIGNATE: &str = "delegation.v1.DelegatedAdministratorService/CreateDelegatedAdministrator";
const UPDATE: &str = "delegation.v1.DelegatedAdministratorService/UpdateDelegatedAdministrator";
const GET: &str = "delegation.v1.DelegatedAdministratorService/GetDelegatedAdministrator";
const LIST: &str = "sase.v1.SaseMemberService/ListSaseMembers";
const GET_MEMBER: &str = "sase.v1.SaseMemberService/GetSaseMember";
const UPDATE_MEMBER: &str = "sase.v1.SaseMemberService/UpdateSaseMember";
const DELETE_MEMBER: &str = "sase.v1.SaseMemberService/DeleteSaseMember";
const ADD_BATCH: &str = "sase.v1.SaseMemberService/BatchCreateSaseMembers";

/// Creates a folder; returns its name.
pub(super) async fn create_folder(management: &Account, parent: &str, display_name: &str) -> String {
    let request = json!({"parent": parent, "folder": {"display_name": display_name}});
    let folder = management.root.call("directory.v1.FolderService/CreateFolder", request).await.unwrap();
    text(&folder, "name").to_owned()
}

pub(super) async fn root_folder(management: &Account, directory: &str) -> String {
    let request = json!({"name": directory});
    let found = management.root.call("directory.v1.DirectoryService/GetDirectory", request).await.unwrap();
    text(&found, "rootFolder").to_owned()
}

pub(super) async fn move_member(management: &Account, directory: &str, account: &str, destination: &str) {
    let name = format!("{directory}/members/{}", account.trim_start_matches("accounts/"));
    let request = json!({"name": name, "destination": destination});
    management.root.call("directory.v1.MemberService/MoveMember", request).await.unwrap();
}

async fn listed(client: &Client, directory: &str) -> Vec<String> {
    let page = client.call(LIST, json!({"parent": directory})).await.unwrap();
    let members = page["saseMembers"].as_array().cloned().unwrap_or_default();
    let mut accounts: Vec<_> = members.iter().map(|member| text(member, "account").to_owned()).collect();
    accounts.sort_unstable();
    accounts
}

fn entry(directory: &str, account: &str) -> Value {
    json!({"name": format!("{directory}/saseMembers/{}", account.trim_start_matches("accounts/"))})
}

/// covers: E-DEL-13, R-DEL-08, R-DEL-10
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_of_a_folder_reaches_its_subtree_and_nothing_else() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let suite = Suite::start(databases).await;
        let operator = suite.operator().await;
        let management = register(&operator, "management", "Example").await;
        let administrator = register(&operator, "administrator", "Example").await;
        let directory = enable_directory(&management).await;
        join(&management, &directory, &administrator).await;
        let root = root_folder(&management, &directory).await;
        let sales = create_folder(&management, &root, "sales").await;
        let west = create_folder(&management, &sales, "west").await;
        let labs = create_folder(&management, &root, "labs").await;
        let mut members = Vec::new();
        for (name, folder) in [("in-sales", &sales), ("in-west", &west), ("in-labs", &labs), ("outside", &labs)] {
            let member = create_member(&management, &directory, name).await;
            move_member(&management, &directory, &member, folder).await;
            members.push(member);
        }
        enable_service(&management, &directory, "sase").await;
        enrol_in_sase(&management, &directory, &members[..3]).await;

        let parent = format!("{directory}/trustedServices/sase");
        let asked = |folder: &str| json!({"parent": parent, "delegated_administrator": {"account": administrator.name, "folder": folder}});
        let missing = management.root.refused(DESIGNATE, asked(&format!("{directory}/folders/fd-none"))).await;
        assert_eq!((missing.code, &*missing.reason), (Code::NotFound, "RESOURCE_NOT_FOUND"));
        let made = management.root.call(DESIGNATE, asked(&sales)).await.unwrap();
        assert_eq!(text(&made, "folder"), sales);

        let own = &administrator.root;
        let mut expected = members[..2].to_vec();
        expected.sort_unstable();
        assert_eq!(listed(own, &directory).await, expected);
        own.call(GET_MEMBER, entry(&directory, &members[1])).await.unwrap();
        let outside = |failure: crate::client::Failure| (failure.code, failure.reason);
        let refusal = (Code::PermissionDenied, "OUTSIDE_FOLDER_SCOPE".to_owned());
        assert_eq!(outside(own.refused(GET_MEMBER, entry(&directory, &members[2])).await), refusal);
        let update = json!({"sase_member": {"name": entry(&directory, &members[2])["name"], "remark": "mine"}});
        assert_eq!(outside(own.refused(UPDATE_MEMBER, update).await), refusal);
        assert_eq!(outside(own.refused(DELETE_MEMBER, entry(&directory, &members[2])).await), refusal);
        let batch = json!({"parent": directory, "accounts": [members[0], members[3]]});
        assert_eq!(outside(own.refused(ADD_BATCH, batch).await), refusal);
        assert_eq!(listed(&management.root, &directory).await.len(), 3, "the management account reaches all");

        // The designation is moved, and a member: both count at once.
        let name = text(&made, "name").to_owned();
        let to = |folder: &str| json!({"delegated_administrator": {"name": name, "folder": folder}, "update_mask": "folder"});
        assert_eq!(own.refused(UPDATE, to(&labs)).await.reason, "SEAT_REQUIRED");
        management.root.call(UPDATE, to(&labs)).await.unwrap();
        assert_eq!(listed(own, &directory).await, [members[2].clone()]);
        assert_eq!(outside(own.refused(GET_MEMBER, entry(&directory, &members[0])).await), refusal);
        move_member(&management, &directory, &members[0], &labs).await;
        own.call(GET_MEMBER, entry(&directory, &members[0])).await.unwrap();

        // A folder that is deleted is reached by nobody.
        management.root.call(UPDATE, to(&west)).await.unwrap();
        move_member(&management, &directory, &members[1], &sales).await;
        management.root.call("directory.v1.FolderService/DeleteFolder", json!({"name": west})).await.unwrap();
        assert!(listed(own, &directory).await.is_empty());
        assert_eq!(outside(own.refused(GET_MEMBER, entry(&directory, &members[1])).await), refusal);
        let shown = management.root.call(GET, json!({"name": name})).await.unwrap();
        assert_eq!(shown["folderDeleted"], json!(true));
        management.root.call(UPDATE, to("")).await.unwrap();
        assert_eq!(listed(own, &directory).await.len(), 3);
        suite.stop().await;
    }
}

/// covers: E-DEL-13, R-DEL-06
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lists_of_all_services_are_of_the_folder() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let management = register(&operator, "management", "Example").await;
    let administrator = register(&operator, "administrator", "Example").await;
    let directory = enable_directory(&management).await;
    join(&management, &directory, &administrator).await;
    let root = root_folder(&management, &directory).await;
    let sales = create_folder(&management, &root, "sales").await;
    let inside = create_member(&management, &directory, "inside").await;
    let outside = create_member(&management, &directory, "outside").await;
    move_member(&management, &directory, &inside, &sales).await;
    for service in ["security-center", "sase", "bastionhost"] {
        enable_service(&management, &directory, service).await;
        let parent = format!("{directory}/trustedServices/{service}");
        let asked = json!({"account": administrator.name, "folder": sales});
        let request = json!({"parent": parent, "delegated_administrator": asked});
        management.root.call(DESIGNATE, request).await.unwrap();
    }
    enrol(&management, &directory, &[&inside, &outside]).await;
    subscribe(&administrator).await;
    for (method, field) in [
        ("securitycenter.v1.MonitoredAccountService/ListMonitoredAccounts", "monitoredAccounts"),
        ("soc.v1.ScopeService/ListScopeAccounts", "scopeAccounts"),
        ("sase.v1.SaseMemberService/ListSaseMembers", "saseMembers"),
        ("bastion.v1.BastionMemberService/ListBastionMembers", "bastionMembers"),
    ] {
        let page = administrator.root.call(method, json!({"parent": directory})).await.unwrap();
        let members = page[field].as_array().unwrap();
        assert_eq!((members.len(), text(&members[0], "account")), (1, &*inside), "{method}");
        let whole = management.root.call(method, json!({"parent": directory})).await.unwrap();
        assert_eq!(whole[field].as_array().unwrap().len(), 2, "{method}");
    }
    let summary = "soc.v1.ScopeService/GetScopeSummary";
    let own = administrator.root.call(summary, json!({"parent": directory})).await.unwrap();
    let whole = management.root.call(summary, json!({"parent": directory})).await.unwrap();
    assert_ne!(own, whole);
    suite.stop().await;
}

async fn enrol_in_sase(management: &Account, directory: &str, accounts: &[String]) {
    management.root.call(ADD_BATCH, json!({"parent": directory, "accounts": accounts})).await.unwrap();
}
