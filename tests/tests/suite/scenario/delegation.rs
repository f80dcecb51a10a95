//! Trusted services and delegated administrators.

use serde_json::{Value, json};
use tonic::Code;

use crate::{
    client::Client,
    live::{
        Databases, Suite, create_member, designate, enable_directory, enable_service, join, register, subscribe, text,
        user,
    },
};

const DESIGNATE: &str = "delegation.v1.DelegatedAdministratorService/CreateDelegatedAdministrator";
const DEREGISTER: &str = "delegation.v1.DelegatedAdministratorService/DeleteDelegatedAdministrator";
const ELIGIBLE: &str = "delegation.v1.DelegatedAdministratorService/ListEligibleAccounts";
const LIST: &str = "delegation.v1.DelegatedAdministratorService/ListDelegatedAdministrators";
const ENABLE: &str = "delegation.v1.TrustedServiceService/EnableTrustedService";
const DISABLE: &str = "delegation.v1.TrustedServiceService/DisableTrustedService";
const LIST_CONTROLLED: &str = "securitycenter.v1.MonitoredAccountService/ListMonitoredAccounts";
const ADD_CONTROLLED: &str = "securitycenter.v1.MonitoredAccountService/CreateMonitoredAccount";

/// covers: R-DEL-01, R-DEL-02, R-DEL-03, R-DEL-04, R-DEL-05, R-DEL-06, R-DEL-08, R-DEL-09, R-DEL-10, R-DEL-12
/// covers: R-DEL-13, R-GW-02, R-GW-03, R-GW-11, E-DEL-01, E-DEL-02, E-DEL-03, E-DEL-04, E-DEL-06, E-DEL-08, E-DEL-09
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_designated_member_administers_one_service_and_nothing_else_until_it_is_deregistered() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let suite = Suite::start(databases).await;
        let operator = suite.operator().await;
        let a = register(&operator, "account-a", "Example").await;
        let b = register(&operator, "account-b", "Example").await;
        let outsider = register(&operator, "outsider", "Example").await;
        let directory = enable_directory(&a).await;
        let c = create_member(&a, &directory, "account-c").await;
        join(&a, &directory, &b).await;
        let center = format!("{directory}/trustedServices/security-center");
        let request = |account: &str| json!({"parent": center, "delegated_administrator": {"account": account}});

        let early = a.root.refused(DESIGNATE, request(&b.name)).await;
        assert_eq!((early.code, &*early.reason), (Code::FailedPrecondition, "TRUSTED_ACCESS_NOT_ENABLED"));
        let enabled = a.root.call(ENABLE, json!({"name": center})).await.unwrap();
        assert_eq!(text(&enabled, "state"), "TRUSTED_SERVICE_STATE_ENABLED");
        let unknown = json!({"name": format!("{directory}/trustedServices/nope")});
        assert_eq!(a.root.refused(ENABLE, unknown).await.reason, "UNKNOWN_TRUSTED_SERVICE");

        let eligible = a.root.call(ELIGIBLE, json!({"parent": center})).await.unwrap();
        let mut accounts: Vec<_> =
            eligible["eligibleAccounts"].as_array().unwrap().iter().map(|e| text(e, "account")).collect();
        accounts.sort_unstable();
        let mut expected = [b.name.as_str(), c.as_str()];
        expected.sort_unstable();
        assert_eq!(accounts, expected, "members, without the management account and outsiders");

        let by_member = b.root.refused(DESIGNATE, request(&b.name)).await;
        assert_eq!((by_member.code, &*by_member.reason), (Code::PermissionDenied, "SEAT_REQUIRED"));
        assert_eq!(by_member.metadata["required_seat"], "MANAGEMENT_ACCOUNT");
        assert!(by_member.message.contains("management account"), "{}", by_member.message);
        let stranger = a.root.refused(DESIGNATE, request(&outsider.name)).await;
        assert_eq!((stranger.code, &*stranger.reason), (Code::PermissionDenied, "ACCOUNT_NOT_IN_DIRECTORY"));
        assert_eq!(a.root.refused(DESIGNATE, request(&a.name)).await.reason, "MANAGEMENT_ACCOUNT_NOT_ELIGIBLE");
        let clerk = user(&a, "clerk", &["AliyunResourceDirectoryReadOnlyAccess"]).await;
        assert_eq!(clerk.refused(DESIGNATE, request(&b.name)).await.reason, "ACTION_NOT_ALLOWED");

        let members = json!({"parent": directory});
        let list_members = "directory.v1.MemberService/ListMembers";
        assert_eq!(b.root.refused(list_members, members.clone()).await.reason, "SEAT_REQUIRED");
        assert_eq!(b.root.refused(LIST_CONTROLLED, members.clone()).await.reason, "SEAT_REQUIRED");
        designate(&a, &directory, "security-center", &b.name).await;
        let again = a.root.refused(DESIGNATE, request(&b.name)).await;
        assert_eq!((again.code, &*again.reason), (Code::AlreadyExists, "DELEGATED_ADMINISTRATOR_EXISTS"));
        let second = a.root.refused(DESIGNATE, request(&c)).await;
        assert_eq!((second.code, &*second.reason), (Code::ResourceExhausted, "DELEGATED_ADMINISTRATOR_LIMIT"));

        let analysis = json!({"parent": format!("{directory}/trustedServices/threat-analysis")});
        let followed = a.root.call(LIST, analysis).await.unwrap();
        assert_eq!(text(&followed["delegatedAdministrators"][0], "account"), b.name);
        assert_eq!(text(&followed["delegatedAdministrators"][0], "follows"), "security-center");

        subscribe(&a).await;
        subscribe(&b).await;
        b.root.call(list_members, members.clone()).await.unwrap();
        b.root.call("directory.v1.DirectoryService/GetDirectory", json!({"name": directory})).await.unwrap();
        let add = json!({"parent": directory, "monitored_account": {"account": c}});
        b.root.call(ADD_CONTROLLED, add).await.unwrap();
        b.root.call("soc.v1.ScopeService/ListScopeAccounts", members.clone()).await.unwrap();
        enable_service(&a, &directory, "sase").await;
        let other = b.root.refused("sase.v1.SaseMemberService/ListSaseMembers", members.clone()).await;
        assert_eq!((&*other.reason, &*other.metadata["trusted_service"]), ("SEAT_REQUIRED", "sase"));
        let organisation = [
            (
                "directory.v1.InvitationService/CreateInvitation",
                json!({"parent": directory, "invitation": {"account": outsider.name}}),
            ),
            (
                "directory.v1.MemberService/CreateMember",
                json!({"parent": directory, "member": {"display_name": "mine"}}),
            ),
            (DESIGNATE, request(&c)),
            (DISABLE, json!({"name": center})),
        ];
        for (method, request) in organisation {
            assert_eq!(b.root.refused(method, request).await.reason, "SEAT_REQUIRED", "{method}");
        }

        let name = format!("{center}/delegatedAdministrators/{}", b.name.trim_start_matches("accounts/"));
        let impact = a.root.call(DEREGISTER, json!({"name": name, "validate_only": true})).await.unwrap();
        assert_eq!(impact["trustedServices"], json!(["security-center", "threat-analysis"]));
        assert_eq!(impact["enrolledMembers"], json!(1));
        b.root.call(LIST_CONTROLLED, members.clone()).await.unwrap();
        a.root.call(DEREGISTER, json!({"name": name})).await.unwrap();
        assert_eq!(b.root.refused(LIST_CONTROLLED, members.clone()).await.reason, "SEAT_REQUIRED");
        let kept = a.root.call(LIST_CONTROLLED, members).await.unwrap();
        assert_eq!(text(&kept["monitoredAccounts"][0], "account"), c, "the data of the service stays");
        assert_eq!(a.root.refused(DEREGISTER, json!({"name": name})).await.code, Code::NotFound);
        suite.stop().await;
    }
}

/// covers: R-DEL-11, R-DEL-12, E-DEL-07
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_administrator_the_management_account_acts_and_trusted_access_stays_while_it_is_used() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let management = register(&operator, "management", "Example").await;
    let directory = enable_directory(&management).await;
    let member = create_member(&management, &directory, "member").await;
    let add = json!({"parent": directory, "sase_member": {"account": member}});
    let create = "sase.v1.SaseMemberService/CreateSaseMember";
    let refused = management.root.refused(create, add.clone()).await;
    assert_eq!((refused.code, &*refused.reason), (Code::PermissionDenied, "TRUSTED_ACCESS_REQUIRED"));
    enable_service(&management, &directory, "sase").await;
    management.root.call(create, add).await.unwrap();

    let sase = json!({"name": format!("{directory}/trustedServices/sase")});
    let refused = management.root.refused(DISABLE, sase.clone()).await;
    assert_eq!((refused.code, &*refused.reason), (Code::FailedPrecondition, "TRUSTED_ACCESS_IN_USE"));
    let entry = json!({"name": format!("{directory}/saseMembers/{}", member.trim_start_matches("accounts/"))});
    management.root.call("sase.v1.SaseMemberService/DeleteSaseMember", entry).await.unwrap();
    let disabled = management.root.call(DISABLE, sase).await.unwrap();
    assert_eq!(text(&disabled["trustedService"], "state"), "TRUSTED_SERVICE_STATE_DISABLED");
    let list = management.root.refused("sase.v1.SaseMemberService/ListSaseMembers", json!({"parent": directory})).await;
    assert_eq!(list.reason, "TRUSTED_ACCESS_REQUIRED");
    suite.stop().await;
}

/// covers: R-DEL-14, R-DEL-15, E-DEL-11, E-DEL-12
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_has_service_linked_roles_from_templates_and_deletes_them_by_a_task() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let suite = Suite::start(databases).await;
        let operator = suite.operator().await;
        let management = register(&operator, "management", "Example").await;
        let member = register(&operator, "member", "Example").await;
        let directory = enable_directory(&management).await;
        let service = "delegation.v1.ServiceLinkedRoleService";
        let create = format!("{service}/CreateServiceLinkedRole");
        let role = "AliyunServiceRoleForCsas";
        let request = json!({"parent": member.name, "service_linked_role_id": role});
        let early = member.root.refused(&create, request.clone()).await;
        assert_eq!((early.code, &*early.reason), (Code::FailedPrecondition, "MEMBERSHIP_REQUIRED"));
        join(&management, &directory, &member).await;
        assert_eq!(member.root.refused(&create, request.clone()).await.reason, "TRUSTED_ACCESS_NOT_ENABLED");
        enable_service(&management, &directory, "sase").await;
        let nope = json!({"parent": member.name, "service_linked_role_id": "AliyunServiceRoleForNope"});
        assert_eq!(member.root.refused(&create, nope).await.reason, "UNKNOWN_SERVICE_LINKED_ROLE");
        let foreign = management.root.refused(&create, request.clone()).await;
        assert!(["SEAT_REQUIRED", "RESOURCE_NOT_FOUND"].contains(&foreign.reason.as_str()), "{foreign:?}");

        let templates = format!("{service}/ListServiceLinkedRoleTemplates");
        let templates = member.root.call(&templates, json!({})).await.unwrap();
        let template = templates["serviceLinkedRoleTemplates"].as_array().unwrap().iter();
        let template = template.clone().find(|template| template["roleName"] == role).unwrap();
        let made = member.root.call(&create, request.clone()).await.unwrap();
        assert_eq!(made["actions"], template["actions"], "just what its template allows");
        assert_eq!(member.root.call(&create, request).await.unwrap(), made);
        let list = format!("{service}/ListServiceLinkedRoles");
        let listed = member.root.call(&list, json!({"parent": member.name})).await.unwrap();
        assert_eq!(listed["serviceLinkedRoles"], json!([made]));
        let role = json!({"name": format!("{}/roles/{role}", member.name)});
        member.root.call("directory.v1.RoleService/GetRole", role.clone()).await.unwrap();

        let add = json!({"parent": directory, "sase_member": {"account": member.name}});
        management.root.call("sase.v1.SaseMemberService/CreateSaseMember", add).await.unwrap();
        let used = ended(&member.root, text(&made, "name")).await;
        assert_eq!(text(&used, "state"), "SERVICE_LINKED_ROLE_DELETION_STATE_FAILED");
        assert_eq!(used["usages"][0]["directory"], json!(directory));
        assert_eq!(used["usages"][0]["usage"], json!("enrolment"));
        let entry = format!("{directory}/saseMembers/{}", member.name.trim_start_matches("accounts/"));
        management.root.call("sase.v1.SaseMemberService/DeleteSaseMember", json!({"name": entry})).await.unwrap();
        // The enrolment took the role with it.
        let again = json!({"parent": member.name, "service_linked_role_id": "AliyunServiceRoleForCsas"});
        member.root.call(&create, again).await.unwrap();
        let gone = ended(&member.root, text(&made, "name")).await;
        assert_eq!(text(&gone, "state"), "SERVICE_LINKED_ROLE_DELETION_STATE_SUCCEEDED");
        assert_eq!(member.root.refused("directory.v1.RoleService/GetRole", role).await.code, Code::NotFound);
        suite.stop().await;
    }
}

/// Deletes a service-linked role; returns the task once it has ended.
async fn ended(client: &Client, role: &str) -> Value {
    let service = "delegation.v1.ServiceLinkedRoleService";
    let task = client.call(&format!("{service}/DeleteServiceLinkedRole"), json!({"name": role})).await.unwrap();
    let name = json!({"name": text(&task, "name")});
    let polling = async {
        loop {
            let method = format!("{service}/GetServiceLinkedRoleDeletion");
            let task = client.call(&method, name.clone()).await.unwrap();
            if task.get("endTime").is_some_and(|time| !time.is_null()) {
                return task;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), polling).await.expect("the deletion ends")
}

/// covers: E-DEL-04, E-DEL-07, E-DEL-08, R-DEL-05
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_change_of_delegation_would_do_is_told_before_it_is_done() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let suite = Suite::start(databases).await;
        let operator = suite.operator().await;
        let management = register(&operator, "management", "Example").await;
        let member = register(&operator, "member", "Example").await;
        let directory = enable_directory(&management).await;
        join(&management, &directory, &member).await;
        enable_service(&management, &directory, "security-center").await;
        let parent = format!("{directory}/trustedServices/security-center");
        let asked = json!({"account": member.name});
        let check = json!({"parent": parent, "delegated_administrator": asked, "validate_only": true});
        let checked = management.root.call(DESIGNATE, check.clone()).await.unwrap();
        assert_eq!((text(&checked, "account"), text(&checked, "etag")), (&*member.name, ""));
        let nobody = json!({"parent": parent});
        let listed = management.root.call(LIST, nobody).await.unwrap();
        assert_eq!(listed["delegatedAdministrators"], json!([]));
        designate(&management, &directory, "security-center", &member.name).await;
        let twice = management.root.refused(DESIGNATE, check).await;
        assert_eq!(twice.reason, "DELEGATED_ADMINISTRATOR_EXISTS");

        let id = member.name.trim_start_matches("accounts/");
        let of_member = json!({"parent": format!("{directory}/members/{id}")});
        let services = "delegation.v1.DelegatedAdministratorService/ListDelegatedServices";
        let listed = management.root.call(services, of_member.clone()).await.unwrap();
        assert_eq!(listed["delegatedAdministrators"].as_array().unwrap().len(), 2);
        assert_eq!(member.root.refused(services, of_member).await.reason, "SEAT_REQUIRED");
        subscribe(&management).await;
        subscribe(&member).await;
        let controlled = json!({"parent": directory, "monitored_account": {"account": member.name}});
        management.root.call(ADD_CONTROLLED, controlled).await.unwrap();

        let preview = json!({"name": parent, "validate_only": true});
        let preview = management.root.call(DISABLE, preview).await.unwrap();
        assert_eq!((&preview["delegatedAdministrators"], &preview["enrolledMembers"]), (&json!(1), &json!(1)));
        assert_eq!(text(&preview["trustedService"], "state"), "TRUSTED_SERVICE_STATE_ENABLED");
        let plain = json!({"name": parent});
        let refused = management.root.refused(DISABLE, plain).await;
        assert_eq!((&*refused.reason, &*refused.metadata["enrolled_members"]), ("TRUSTED_ACCESS_IN_USE", "1"));
        member.root.call(LIST_CONTROLLED, json!({"parent": directory})).await.unwrap();
        let force = json!({"name": parent, "force": true});
        assert_eq!(member.root.refused(DISABLE, force.clone()).await.reason, "SEAT_REQUIRED");
        management.root.call(DISABLE, force).await.unwrap();
        assert_eq!(member.root.refused(LIST_CONTROLLED, json!({"parent": directory})).await.reason, "SEAT_REQUIRED");
        // Nothing holds the member any more.
        let remove = json!({"name": format!("{directory}/members/{id}")});
        management.root.call("directory.v1.MemberService/RemoveMember", remove).await.unwrap();
        suite.stop().await;
    }
}
