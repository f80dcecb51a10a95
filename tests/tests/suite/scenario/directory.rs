//! Directories, members and invitations.

use serde_json::json;
use tonic::Code;

use crate::live::{
    Databases, Suite, create_member, designate, enable_directory, enable_service, invite, join, register, text,
};

const CREATE_DIRECTORY: &str = "directory.v1.DirectoryService/CreateDirectory";
const CREATE_MEMBER: &str = "directory.v1.MemberService/CreateMember";
const LIST_MEMBERS: &str = "directory.v1.MemberService/ListMembers";
const REMOVE_MEMBER: &str = "directory.v1.MemberService/RemoveMember";
const INVITE: &str = "directory.v1.InvitationService/CreateInvitation";
const ACCEPT: &str = "directory.v1.InvitationService/AcceptInvitation";
const DECLINE: &str = "directory.v1.InvitationService/DeclineInvitation";
const CANCEL: &str = "directory.v1.InvitationService/CancelInvitation";

/// covers: R-DIR-01, R-DIR-02, R-DIR-03, R-DIR-05, R-DIR-16
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verified_account_enables_one_directory_and_manages_it() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let unverified = json!({"account": {"display_name": "unverified", "provider": "aws", "external_id": "1"}});
    let unverified = operator.call("directory.v1.AccountService/CreateAccount", unverified).await.unwrap();
    let key = json!({"account": unverified["name"]});
    let key = operator.call("directory.v1.AccountService/CreateRootAccessKey", key).await.unwrap();
    let root = suite.client().sign_in(text(&key, "accessKeyId"), text(&key, "secret")).await.unwrap();
    let refused = root.refused(CREATE_DIRECTORY, json!({"account": unverified["name"]})).await;
    assert_eq!((refused.code, &*refused.reason), (Code::FailedPrecondition, "ENTERPRISE_IDENTITY_REQUIRED"));

    let account = register(&operator, "management", "Example").await;
    let stranger = register(&operator, "stranger", "Example").await;
    let refused = stranger.root.refused(CREATE_DIRECTORY, json!({"account": account.name})).await;
    assert_eq!(refused.reason, "RESOURCE_NOT_FOUND");

    let dry = json!({"account": account.name, "validate_only": true});
    account.root.call(CREATE_DIRECTORY, dry).await.unwrap();
    let read =
        account.root.call("directory.v1.AccountService/GetAccount", json!({"name": account.name})).await.unwrap();
    assert_eq!(text(&read, "directory"), "", "validate_only changes nothing");

    let directory = enable_directory(&account).await;
    let get = json!({"name": directory});
    let read = account.root.call("directory.v1.DirectoryService/GetDirectory", get).await.unwrap();
    assert_eq!(text(&read, "managementAccount"), account.name);
    let again = account.root.refused(CREATE_DIRECTORY, json!({"account": account.name})).await;
    assert_eq!((again.code, &*again.reason), (Code::FailedPrecondition, "ACCOUNT_ALREADY_IN_DIRECTORY"));
    suite.stop().await;
}

/// covers: R-DIR-08, R-DIR-13, R-DIR-14, E-DIR-03, E-DIR-11
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn created_members_are_resource_accounts_with_unique_names_up_to_the_quota() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let management = register(&operator, "management", "Example").await;
    let directory = enable_directory(&management).await;
    let first = create_member(&management, &directory, "member-01").await;
    let name = format!("{directory}/members/{}", first.trim_start_matches("accounts/"));
    let member = management.root.call("directory.v1.MemberService/GetMember", json!({"name": name})).await.unwrap();
    assert_eq!(text(&member, "type"), "ACCOUNT_TYPE_RESOURCE");
    assert_eq!(text(&member, "joinMethod"), "JOIN_METHOD_CREATED");
    let no_root = operator.refused("directory.v1.AccountService/CreateRootAccessKey", json!({"account": first})).await;
    assert_eq!((no_root.code, &*no_root.reason), (Code::FailedPrecondition, "ROOT_USER_DISABLED"));

    let same = json!({"parent": directory, "member": {"display_name": "member-01"}});
    let refused = management.root.refused(CREATE_MEMBER, same).await;
    assert_eq!((refused.code, &*refused.reason), (Code::AlreadyExists, "DISPLAY_NAME_USED"));
    let short = json!({"parent": directory, "member": {"display_name": "x"}});
    let refused = management.root.refused(CREATE_MEMBER, short).await;
    assert_eq!((refused.code, &*refused.reason), (Code::InvalidArgument, "INVALID_FIELD"));
    assert_eq!(refused.fields, ["member.display_name"]);

    let invited = register(&operator, "invited", "Example").await;
    invite(&management, &directory, &invited).await;
    // One member and one pending invitation are there: 18 more fit.
    for n in 2..20 {
        create_member(&management, &directory, &format!("member-{n:02}")).await;
    }
    let over = json!({"parent": directory, "member": {"display_name": "one-too-many"}});
    let refused = management.root.refused(CREATE_MEMBER, over).await;
    assert_eq!((refused.code, &*refused.reason), (Code::ResourceExhausted, "MEMBER_QUOTA_EXCEEDED"));

    for page_size in [1, 2, 3, 0] {
        let mut names = Vec::new();
        let mut token = String::new();
        loop {
            let page = json!({"parent": directory, "page_size": page_size, "page_token": token});
            let page = management.root.call(LIST_MEMBERS, page).await.unwrap();
            let members = page["members"].as_array().unwrap();
            assert!(page_size == 0 || members.len() <= page_size);
            names.extend(members.iter().map(|m| text(m, "displayName").to_owned()));
            token = text(&page, "nextPageToken").to_owned();
            if token.is_empty() {
                break;
            }
        }
        names.sort();
        let expected: Vec<_> = (1..20).map(|n| format!("member-{n:02}")).collect();
        assert_eq!(names, expected, "in pages of {page_size}");
    }
    suite.stop().await;
}

/// covers: R-DIR-09, R-DIR-10, R-DIR-11, R-DIR-12, R-DIR-15, E-DIR-06, E-DIR-07, E-DIR-08, E-DIR-09, E-DIR-10
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invited_account_joins_only_by_its_own_acceptance() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let management = register(&operator, "management", "Example").await;
    let directory = enable_directory(&management).await;
    let invited = register(&operator, "invited", "Example").await;
    let bystander = register(&operator, "bystander", "Example").await;

    let note = "n".repeat(1_025);
    let long = json!({"parent": directory, "invitation": {"account": invited.name, "note": note}});
    assert_eq!(management.root.refused(INVITE, long).await.fields, ["invitation.note"]);
    let name = invite(&management, &directory, &invited).await;
    let again = json!({"parent": directory, "invitation": {"account": invited.name}});
    assert_eq!(management.root.refused(INVITE, again).await.reason, "INVITATION_PENDING");

    let received = json!({"parent": invited.name});
    let list = "directory.v1.InvitationService/ListReceivedInvitations";
    let received = invited.root.call(list, received).await.unwrap();
    assert_eq!(text(&received["invitations"][0], "senderLegalName"), "Example");
    assert_eq!(text(&received["invitations"][0], "recipientLegalName"), "Example");
    let members = management.root.call(LIST_MEMBERS, json!({"parent": directory})).await.unwrap();
    assert_eq!(members["members"], json!([]), "an invitation alone makes no member");

    for method in [ACCEPT, DECLINE] {
        assert_eq!(bystander.root.refused(method, json!({"name": name})).await.reason, "RESOURCE_NOT_FOUND");
        let by_sender = management.root.refused(method, json!({"name": name})).await;
        assert_eq!((by_sender.code, &*by_sender.metadata["required_seat"]), (Code::PermissionDenied, "INVITEE"));
    }
    assert_eq!(invited.root.refused(CANCEL, json!({"name": name})).await.reason, "RESOURCE_NOT_FOUND");

    let accepted = invited.root.call(ACCEPT, json!({"name": name})).await.unwrap();
    assert_eq!(text(&accepted, "state"), "INVITATION_STATE_ACCEPTED");
    let members = management.root.call(LIST_MEMBERS, json!({"parent": directory})).await.unwrap();
    assert_eq!(members["members"].as_array().unwrap().len(), 1);
    let member = &members["members"][0];
    assert_eq!(text(member, "account"), invited.name);
    assert_eq!((text(member, "type"), text(member, "joinMethod")), ("ACCOUNT_TYPE_CLOUD", "JOIN_METHOD_INVITED"));

    for (client, method) in [(&invited.root, ACCEPT), (&invited.root, DECLINE), (&management.root, CANCEL)] {
        let final_state = client.refused(method, json!({"name": name})).await;
        assert_eq!(final_state.reason, "INVITATION_STATUS_MISMATCH", "{method}");
        assert_eq!(final_state.code, Code::FailedPrecondition);
    }
    let member_again = json!({"parent": directory, "invitation": {"account": invited.name}});
    assert_eq!(management.root.refused(INVITE, member_again).await.reason, "ACCOUNT_ALREADY_IN_DIRECTORY");

    let declined = invite(&management, &directory, &bystander).await;
    bystander.root.call(DECLINE, json!({"name": declined})).await.unwrap();
    assert_eq!(bystander.root.refused(ACCEPT, json!({"name": declined})).await.reason, "INVITATION_STATUS_MISMATCH");
    let cancelled = invite(&management, &directory, &bystander).await;
    management.root.call(CANCEL, json!({"name": cancelled})).await.unwrap();
    assert_eq!(bystander.root.refused(ACCEPT, json!({"name": cancelled})).await.reason, "INVITATION_STATUS_MISMATCH");

    let other = register(&operator, "other", "Other").await;
    let other = json!({"parent": directory, "invitation": {"account": other.name}});
    let refused = management.root.refused(INVITE, other).await;
    assert_eq!((refused.code, &*refused.reason), (Code::FailedPrecondition, "LEGAL_ENTITY_MISMATCH"));
    suite.stop().await;
}

/// covers: E-DIR-15, E-DIR-16, E-DIR-17
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_leaves_only_when_no_service_holds_it_and_comes_back_with_nothing() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let management = register(&operator, "management", "Example").await;
    let directory = enable_directory(&management).await;
    let created = create_member(&management, &directory, "created").await;
    let account = register(&operator, "administrator", "Example").await;
    join(&management, &directory, &account).await;
    enable_service(&management, &directory, "sase").await;
    designate(&management, &directory, "sase", &account.name).await;

    let member =
        |account: &str| json!({"name": format!("{directory}/members/{}", account.trim_start_matches("accounts/"))});
    let refused = management.root.refused(REMOVE_MEMBER, member(&created)).await;
    assert_eq!((refused.code, &*refused.reason), (Code::FailedPrecondition, "MEMBER_TYPE_MISMATCH"));
    let refused = management.root.refused(REMOVE_MEMBER, member(&account.name)).await;
    assert_eq!((refused.code, &*refused.reason), (Code::FailedPrecondition, "MEMBER_IN_USE"));
    assert_eq!(account.root.refused(REMOVE_MEMBER, member(&account.name)).await.reason, "SEAT_REQUIRED");

    let list = json!({"parent": directory});
    account.root.call("sase.v1.SaseMemberService/ListSaseMembers", list.clone()).await.unwrap();
    let designation = format!(
        "{directory}/trustedServices/sase/delegatedAdministrators/{}",
        account.name.trim_start_matches("accounts/")
    );
    let service = "delegation.v1.DelegatedAdministratorService/DeleteDelegatedAdministrator";
    management.root.call(service, json!({"name": designation})).await.unwrap();
    management.root.call(REMOVE_MEMBER, member(&account.name)).await.unwrap();
    let gone = account.root.refused("sase.v1.SaseMemberService/ListSaseMembers", list.clone()).await;
    assert_eq!(gone.reason, "RESOURCE_NOT_FOUND");

    join(&management, &directory, &account).await;
    let back = account.root.refused("sase.v1.SaseMemberService/ListSaseMembers", list).await;
    assert_eq!(back.reason, "SEAT_REQUIRED", "a new membership is administrator of nothing");
    suite.stop().await;
}

/// covers: E-DIR-04, E-DIR-06, E-DIR-10
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invitations_carry_folder_and_labels_are_filtered_and_limited_by_the_day() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let management = register(&operator, "management", "Example").await;
    let directory = enable_directory(&management).await;
    let root = format!("{directory}/folders/root");
    let create = json!({"parent": root, "folder": {"display_name": "shops"}});
    let shops = management.root.call("directory.v1.FolderService/CreateFolder", create).await.unwrap();
    let shops = text(&shops, "name");
    let invited = register(&operator, "invited", "Example").await;
    let other = register(&operator, "other", "Other").await;

    let with = |account: &str, folder: &str, labels: serde_json::Value| json!({"parent": directory, "invitation": {"account": account, "folder": folder, "labels": labels}});
    let refused = management.root.refused(INVITE, with(&invited.name, shops, json!({"acs:x": ""}))).await;
    assert_eq!(refused.fields, ["invitation.labels"]);
    let nowhere = format!("{directory}/folders/fd-0");
    let refused = management.root.refused(INVITE, with(&invited.name, &nowhere, json!({}))).await;
    assert_eq!(refused.code, Code::NotFound);
    let sent = management.root.call(INVITE, with(&invited.name, shops, json!({"env": "prod"}))).await.unwrap();
    assert_eq!((text(&sent, "folder"), text(&sent["labels"], "env")), (shops, "prod"));
    let absent = json!({"parent": directory, "invitation": {"account": "accounts/9999999999999999"}});
    let absent = management.root.refused(INVITE, absent).await;
    let of_other = json!({"parent": directory, "invitation": {"account": other.name}});
    let of_other = management.root.refused(INVITE, of_other).await;
    assert_eq!(
        (absent.code, &absent.reason),
        (of_other.code, &of_other.reason),
        "a sender learns nothing of strangers"
    );

    let list = "directory.v1.InvitationService/ListInvitations";
    let found = async |filter: &str| {
        let page = management.root.call(list, json!({"parent": directory, "filter": filter})).await.unwrap();
        page["invitations"].as_array().unwrap().len()
    };
    assert_eq!(found("state = INVITATION_STATE_PENDING").await, 1);
    invited.root.call(ACCEPT, json!({"name": sent["name"]})).await.unwrap();
    assert_eq!(found("state = INVITATION_STATE_PENDING").await, 0);
    assert_eq!(found(&format!("state = INVITATION_STATE_ACCEPTED account = \"{}\"", invited.name)).await, 1);
    let wrong = management.root.refused(list, json!({"parent": directory, "filter": "state = PENDING"})).await;
    assert_eq!(wrong.fields, ["filter"]);
    let received = json!({"parent": invited.name, "filter": "state = INVITATION_STATE_DECLINED"});
    let received = invited.root.call("directory.v1.InvitationService/ListReceivedInvitations", received).await.unwrap();
    assert_eq!(received["invitations"], json!([]));
    let members = management.root.call(LIST_MEMBERS, json!({"parent": directory})).await.unwrap();
    let member = &members["members"][0];
    assert_eq!((text(member, "folder"), text(&member["labels"], "env")), (shops, "prod"));

    // The accepted one does not count.
    let guest = register(&operator, "guest", "Example").await;
    for _ in 0..20 {
        let name = invite(&management, &directory, &guest).await;
        management.root.call(CANCEL, json!({"name": name})).await.unwrap();
    }
    let over = json!({"parent": directory, "invitation": {"account": guest.name}});
    let over = management.root.refused(INVITE, over).await;
    assert_eq!((over.code, &*over.reason), (Code::ResourceExhausted, "INVITATION_RATE_EXCEEDED"));
    assert_eq!(over.metadata["limit"], "20");
    suite.stop().await;
}

/// covers: R-DIR-05, E-DIR-18, E-DIR-19
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_directory_is_disabled_and_its_account_stands_alone_again() {
    const DELETE: &str = "directory.v1.DirectoryService/DeleteDirectory";
    const UPDATE: &str = "directory.v1.DirectoryService/UpdateDirectory";
    const GET: &str = "directory.v1.DirectoryService/GetDirectory";
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let management = register(&operator, "management", "Example").await;
    let directory = enable_directory(&management).await;
    let account = register(&operator, "member", "Example").await;
    let stranger = register(&operator, "stranger", "Other").await;
    join(&management, &directory, &account).await;
    let this = json!({"name": directory});

    for switches in [json!({"name": directory, "member_deletion_enabled": true}), json!({"name": directory})] {
        let update = json!({"directory": switches, "update_mask": "memberDeletionEnabled"});
        let updated = management.root.call(UPDATE, update.clone()).await.unwrap();
        let expected = switches.get("member_deletion_enabled").cloned().unwrap_or(json!(false));
        assert_eq!((&updated["memberDeletionEnabled"], &updated["controlPoliciesEnabled"]), (&expected, &json!(false)));
        assert_eq!(account.root.refused(UPDATE, update.clone()).await.reason, "SEAT_REQUIRED");
        assert_eq!(stranger.root.refused(UPDATE, update).await.reason, "RESOURCE_NOT_FOUND");
    }
    let unknown = json!({"directory": {"name": directory}, "update_mask": "managementAccount"});
    assert_eq!(management.root.refused(UPDATE, unknown).await.fields, ["update_mask"]);

    let refused = async |expected: &str| {
        let refused = management.root.refused(DELETE, this.clone()).await;
        assert_eq!((refused.code, &*refused.reason), (Code::FailedPrecondition, expected));
    };
    assert_eq!(account.root.refused(DELETE, this.clone()).await.reason, "SEAT_REQUIRED");
    assert_eq!(stranger.root.refused(DELETE, this.clone()).await.reason, "RESOURCE_NOT_FOUND");
    refused("DIRECTORY_HAS_MEMBERS").await;
    let member = format!("{directory}/members/{}", account.name.trim_start_matches("accounts/"));
    management.root.call(REMOVE_MEMBER, json!({"name": member})).await.unwrap();
    let invitation = invite(&management, &directory, &account).await;
    refused("DIRECTORY_HAS_INVITATIONS").await;
    management.root.call(CANCEL, json!({"name": invitation})).await.unwrap();
    let create = json!({"parent": format!("{directory}/folders/root"), "folder": {"display_name": "shops"}});
    let folder = management.root.call("directory.v1.FolderService/CreateFolder", create).await.unwrap();
    refused("DIRECTORY_HAS_FOLDERS").await;
    management.root.call("directory.v1.FolderService/DeleteFolder", json!({"name": folder["name"]})).await.unwrap();
    let dry = json!({"name": directory, "validate_only": true});
    management.root.call(DELETE, dry).await.unwrap();
    management.root.call(GET, this.clone()).await.unwrap();

    management.root.call(DELETE, this.clone()).await.unwrap();
    assert_eq!(management.root.refused(GET, this.clone()).await.reason, "RESOURCE_NOT_FOUND");
    assert_eq!(account.root.refused(ACCEPT, json!({"name": invitation})).await.reason, "RESOURCE_NOT_FOUND");
    let read = json!({"name": management.name});
    let read = management.root.call("directory.v1.AccountService/GetAccount", read).await.unwrap();
    assert_eq!(text(&read, "directory"), "");
    let next = enable_directory(&management).await;
    assert_ne!(next, directory);
    join(&management, &next, &account).await;
    suite.stop().await;
}
