//! Control list, SOC scope, SASE members, bastion members, and the audit trail.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use tonic::Code;

use crate::{
    client::Client,
    live::{
        Account, Databases, Suite, create_member, designate, enable_directory, enable_service, join, register,
        subscribe, text, user,
    },
    patience::PATIENCE,
};

/// A directory with an administrator of every service, one created and one invited member.
struct Scene {
    suite: Suite,
    management: Account,
    administrator: Account,
    invited: Account,
    created: String,
    directory: String,
}

impl Scene {
    async fn start(databases: Databases) -> Self {
        let suite = Suite::start(databases).await;
        let operator = suite.operator().await;
        let management = register(&operator, "management", "Example").await;
        let directory = enable_directory(&management).await;
        let created = create_member(&management, &directory, "created").await;
        let administrator = register(&operator, "administrator", "Example").await;
        let invited = register(&operator, "invited", "Example").await;
        join(&management, &directory, &administrator).await;
        join(&management, &directory, &invited).await;
        for service in ["security-center", "sase", "bastionhost"] {
            enable_service(&management, &directory, service).await;
            designate(&management, &directory, service, &administrator.name).await;
        }
        subscribe(&administrator).await;
        Self { suite, management, administrator, invited, created, directory }
    }

    fn entry(&self, collection: &str, account: &str) -> String {
        format!("{}/{collection}/{}", self.directory, account.trim_start_matches("accounts/"))
    }
}

/// The four lists: service and method names, collection, and field.
const LISTS: [(&str, &str, &str, &str); 4] = [
    ("securitycenter.v1.MonitoredAccountService", "MonitoredAccount", "monitoredAccounts", "monitored_account"),
    ("soc.v1.ScopeService", "ScopeAccount", "scopeAccounts", "scope_account"),
    ("sase.v1.SaseMemberService", "SaseMember", "saseMembers", "sase_member"),
    ("bastion.v1.BastionMemberService", "BastionMember", "bastionMembers", "bastion_member"),
];

/// covers: R-SC-01, R-SC-09, R-SC-20, R-SC-21, R-SOC-19, R-SASE-01, R-SASE-07, R-SASE-08, R-SASE-09, R-SASE-10
/// covers: R-SASE-11, R-SASE-12, R-SASE-13, R-GW-04, R-GW-10, E-SC-03, E-GW-06
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_are_added_described_and_removed_and_then_out_of_reach() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::start(databases).await;
        let (b, directory) = (&scene.administrator.root, &scene.directory);
        for (service, resource, collection, field) in LISTS {
            let method = |verb: &str| format!("{service}/{verb}{resource}");
            let name = scene.entry(collection, &scene.created);
            let before = b.refused(&method("Get"), json!({"name": name})).await;
            assert_eq!((before.code, &*before.reason), (Code::PermissionDenied, "ACCOUNT_NOT_ENROLLED"));

            let create = json!({"parent": directory, field: {"account": scene.created, "remark": "first"}});
            let entry = b.call(&method("Create"), create).await.unwrap();
            assert_eq!(text(&entry, "name"), name);
            assert_eq!(text(&entry, "displayName"), "created");
            assert_eq!(text(&entry, "type"), "ACCOUNT_TYPE_RESOURCE");
            assert_eq!(text(&entry, "remark"), "first");
            assert_eq!(text(&entry, "addOperator"), format!("{}/users/root", scene.administrator.name));
            assert!(entry["addTime"].as_str().is_some());
            let all = json!({"parent": directory, "accounts": [scene.created, scene.invited.name]});
            b.call(&format!("{}s", method("BatchCreate")), all).await.unwrap();
            let list = format!("{}s", method("List"));
            let listed = b.call(&list, json!({"parent": directory})).await.unwrap();
            let listed: Vec<_> = listed[collection].as_array().unwrap().iter().map(|e| text(e, "account")).collect();
            assert_eq!(listed.len(), 2, "adding again keeps the entry: {listed:?}");

            let remark = json!({field: {"name": name, "remark": "second"}, "update_mask": "remark"});
            let updated = b.call(&method("Update"), remark.clone()).await.unwrap();
            assert_eq!(text(&updated, "remark"), "second");
            let other = scene.invited.root.refused(&method("Update"), remark).await;
            assert_eq!(other.reason, "SEAT_REQUIRED");

            let delete = json!({"name": name, "request_id": "2f0c2c62-3a0b-4bb8-8f4b-5f6f2f9f5a11"});
            b.call(&method("Delete"), delete.clone()).await.unwrap();
            b.call(&method("Delete"), delete).await.expect("a repeat gets the first result");
            let gone = b.refused(&method("Delete"), json!({"name": name})).await;
            assert_eq!((gone.code, &*gone.reason), (Code::NotFound, "RESOURCE_NOT_FOUND"));
            assert_eq!(b.refused(&method("Get"), json!({"name": name})).await.reason, "ACCOUNT_NOT_ENROLLED");
            let member = json!({"name": scene.entry("members", &scene.created)});
            b.call("directory.v1.MemberService/GetMember", member).await.unwrap();
            let again = json!({"parent": directory, field: {"account": scene.created}});
            let again = b.call(&method("Create"), again).await.unwrap();
            assert_eq!(text(&again, "remark"), "", "a new entry has nothing of the old one");
        }
        scene.suite.stop().await;
    }
}

/// covers: R-SOC-18, R-SOC-20, R-SOC-21, R-SOC-68, R-DEL-14
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_scope_makes_the_service_linked_roles_in_the_member_and_takes_them_away() {
    let scene = Scene::start(Databases::Sqlite).await;
    let b = &scene.administrator.root;
    let roles = async || {
        let list = json!({"parent": scene.invited.name});
        let roles = scene.invited.root.call("directory.v1.RoleService/ListRoles", list).await.unwrap();
        let names =
            roles["roles"].as_array().unwrap().iter().map(|r| text(r, "name").rsplit('/').next().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    let create = json!({"parent": scene.directory, "scope_account": {"account": scene.invited.name}});
    assert_eq!(roles().await, Vec::<String>::new());
    b.call("soc.v1.ScopeService/CreateScopeAccount", create.clone()).await.unwrap();
    assert_eq!(roles().await, ["AliyunServiceRoleForSasCloudSiem", "AliyunServiceRoleForSasRd"]);
    let summary = b.call("soc.v1.ScopeService/GetScopeSummary", json!({"parent": scene.directory})).await.unwrap();
    assert_eq!(summary["totalMonitoredAccounts"], json!(1));
    let name = json!({"name": scene.entry("scopeAccounts", &scene.invited.name)});
    b.call("soc.v1.ScopeService/DeleteScopeAccount", name).await.unwrap();
    assert_eq!(roles().await, Vec::<String>::new());
    b.call("soc.v1.ScopeService/CreateScopeAccount", create).await.unwrap();
    assert_eq!(roles().await.len(), 2, "adding again creates them again");
    scene.suite.stop().await;
}

/// covers: E-SC-05
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_of_the_control_list_can_be_marked() {
    let scene = Scene::start(Databases::Sqlite).await;
    let b = &scene.administrator.root;
    let service = "securitycenter.v1.MonitoredAccountService";
    let create = json!({"parent": scene.directory, "monitored_account": {"account": scene.created}});
    b.call(&format!("{service}/CreateMonitoredAccount"), create).await.unwrap();
    let name = scene.entry("monitoredAccounts", &scene.created);
    for marked in [true, false] {
        let update = json!({"monitored_account": {"name": name, "marked": marked}, "update_mask": "marked"});
        let entry = b.call(&format!("{service}/UpdateMonitoredAccount"), update).await.unwrap();
        assert_eq!(entry["marked"], json!(marked));
    }
    let unknown = json!({"monitored_account": {"name": name}, "update_mask": "displayName"});
    let refused = b.refused(&format!("{service}/UpdateMonitoredAccount"), unknown).await;
    assert_eq!((refused.code, &*refused.reason), (Code::InvalidArgument, "INVALID_FIELD"));
    scene.suite.stop().await;
}

/// covers: R-BAS-07, R-GW-07
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ram_user_of_the_bastion_host_needs_both_policies() {
    let scene = Scene::start(Databases::Sqlite).await;
    let (list, parent) = ("bastion.v1.BastionMemberService/ListBastionMembers", json!({"parent": scene.directory}));
    let (bastion, directory) = ("AliyunYundunBastionHostFullAccess", "AliyunResourceDirectoryFullAccess");
    for (id, policies) in [("one", vec![bastion]), ("two", vec![directory])] {
        let client = user(&scene.administrator, id, &policies).await;
        assert_eq!(client.refused(list, parent.clone()).await.reason, "ACTION_NOT_ALLOWED", "{policies:?}");
    }
    let client = user(&scene.administrator, "both", &[bastion, directory]).await;
    client.call(list, parent).await.unwrap();
    scene.suite.stop().await;
}

/// Reads an audit trail until an entry of a method is in it: it follows the logs of the services.
async fn audited(client: &Client, method: &str, parent: &Value, wanted: &str) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let page = client.call(method, json!({"parent": parent, "page_size": 1000})).await.unwrap();
        let entries = page["auditEntries"].as_array().unwrap();
        if let Some(entry) = entries.iter().find(|entry| text(entry, "method").ends_with(wanted)) {
            return entry.clone();
        }
        assert!(Instant::now() < deadline, "{wanted} is not in the audit trail");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// covers: R-DIR-25, R-GW-09
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_is_on_record_with_its_operator_for_its_tenant_alone() {
    let scene = Scene::start(Databases::Sqlite).await;
    let create = json!({"parent": scene.directory, "sase_member": {"account": scene.created, "remark": "why"}});
    scene.administrator.root.call("sase.v1.SaseMemberService/CreateSaseMember", create).await.unwrap();
    let directory_trail = "audit.v1.AuditService/ListDirectoryAuditEntries";
    let account_trail = "audit.v1.AuditService/ListAccountAuditEntries";
    let parent = json!(scene.directory);
    let root = &scene.management.root;

    let designation = audited(root, directory_trail, &parent, "/CreateDelegatedAdministrator").await;
    assert_eq!(text(&designation["operator"], "principal"), format!("{}/users/root", scene.management.name));
    assert_eq!(text(&designation["operator"], "sourceIp"), "127.0.0.1");
    assert!(text(&designation, "requestJson").contains(&scene.administrator.name));
    let enrolment = audited(root, directory_trail, &parent, "/BatchCreateEnrolments").await;
    assert_eq!(text(&enrolment["operator"], "principal"), format!("{}/users/root", scene.administrator.name));
    assert_eq!(enrolment["accounts"], json!([scene.created]), "the member acted on");

    let key = audited(&scene.invited.root, account_trail, &json!(scene.invited.name), "/CreateRootAccessKey").await;
    assert!(text(&key["operator"], "principal").starts_with("operators/"));
    let trail = scene.invited.root.call(account_trail, json!({"parent": scene.invited.name, "page_size": 1000})).await;
    for entry in trail.unwrap()["auditEntries"].as_array().unwrap() {
        let foreign = text(entry, "requestJson").contains(&scene.created);
        assert!(!foreign, "an entry about another account: {entry}");
    }
    let refused = scene.administrator.root.refused(directory_trail, json!({"parent": parent})).await;
    assert_eq!(refused.metadata["required_seat"], "MANAGEMENT_ACCOUNT");
    let refused = scene.management.root.refused(account_trail, json!({"parent": scene.invited.name})).await;
    assert_eq!(refused.metadata["required_seat"], "OWN_ACCOUNT");
    scene.suite.stop().await;
}
