//! What callers are told of their own access, and of that of others in their account.

use serde_json::{Value, json};
use tonic::Code;

use crate::{
    client::Client,
    live::{Databases, Suite, create_member, designate, enable_directory, enable_service, join, register, text, user},
};

const EXPLAIN: &str = "gateway.v1.AccessService/ExplainAccess";
const EXPLAIN_PRINCIPAL: &str = "gateway.v1.AccessService/ExplainPrincipalAccess";
const CHECK: &str = "gateway.v1.AccessService/CheckAccess";
const BATCH: &str = "gateway.v1.AccessService/BatchCheckAccess";
const LIST: &str = "gateway.v1.AccessService/ListAccessibleAccounts";
const CREATE_MEMBER: &str = "bailiwick.directory.v1.MemberService/CreateMember";
const GET_MEMBER: &str = "bailiwick.directory.v1.MemberService/GetMember";

/// Whether a check allows, and the reason if not; left out of an answer is what is false or empty.
async fn checked(client: &Client, method: &str, resource: &str) -> String {
    let answer = client.call(CHECK, json!({"method": method, "resource": resource})).await.unwrap();
    assert!(answer["revision"].as_str().is_some(), "{answer}");
    if answer["allowed"] == json!(true) { "allowed".to_owned() } else { text(&answer, "reason").to_owned() }
}

/// covers: E-GW-01, R-GW-11
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_caller_is_told_which_seat_or_policy_is_missing() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let management = register(&operator, "management", "Example").await;
    let directory = enable_directory(&management).await;
    let member = register(&operator, "member", "Example").await;
    join(&management, &directory, &member).await;
    enable_service(&management, &directory, "sase").await;
    designate(&management, &directory, "sase", &member.name).await;
    let asked = json!({"method": CREATE_MEMBER, "resource": directory});

    // The administrator of a service does not hold the seat.
    let told = member.root.call(EXPLAIN, asked.clone()).await.unwrap();
    assert_eq!((text(&told, "reason"), text(&told, "requiredSeat")), ("SEAT_REQUIRED", "MANAGEMENT_ACCOUNT"));
    assert_eq!(text(&told["needed"], "seat"), "MANAGEMENT_ACCOUNT");
    // A user of the management account lacks a policy; another is denied by one.
    let bare = user(&management, "bare", &[]).await;
    let told = bare.call(EXPLAIN, asked.clone()).await.unwrap();
    assert_eq!(
        (text(&told, "reason"), text(&told["needed"], "action")),
        ("ACTION_NOT_ALLOWED", "directory:CreateMember")
    );
    assert_eq!(text(&told["needed"], "policyType"), "TYPE_IDENTITY");
    let full = user(&management, "full", &["AdministratorAccess"]).await;
    let told = full.call(EXPLAIN, asked.clone()).await.unwrap();
    assert_eq!((&told["allowed"], &told["scope"]["whole"]), (&json!(true), &json!(true)));
    assert_eq!(text(&told["policies"][0], "policy"), "AdministratorAccess");
    let document = json!({"Version": "1", "Statement": [
        {"Sid": "NoMembers", "Effect": "Deny", "Action": "directory:CreateMember", "Resource": "*"}
    ]});
    let create =
        json!({"parent": management.name, "policy_id": "no-members", "policy": {"document": document.to_string()}});
    let policy = management.root.call("directory.v1.PolicyService/CreatePolicy", create).await.unwrap();
    let attach = json!({"target": format!("{}/users/full", management.name), "policy": policy["name"]});
    management.root.call("directory.v1.PolicyService/AttachPolicy", attach).await.unwrap();
    let told = full.call(EXPLAIN, asked.clone()).await.unwrap();
    assert_eq!((text(&told, "reason"), &told["needed"]["deniedBy"]), ("ACTION_DENIED", &policy["name"]));
    let denial = |found: &&Value| found["effect"] == "EFFECT_DENY";
    let policies = told["policies"].as_array().unwrap();
    assert_eq!(policies.iter().find(denial).map(|found| text(found, "sid")), Some("NoMembers"));

    // Whoever may ask is told the same of another user; others are not told.
    let mut of_full = asked.clone();
    of_full["principal"] = json!(format!("{}/users/full", management.name));
    let told = management.root.call(EXPLAIN_PRINCIPAL, of_full.clone()).await.unwrap();
    assert_eq!((text(&told, "reason"), &told["needed"]["deniedBy"]), ("ACTION_DENIED", &policy["name"]));
    assert_eq!(bare.refused(EXPLAIN_PRINCIPAL, of_full.clone()).await.reason, "ACTION_NOT_ALLOWED");
    let refused = member.root.refused(EXPLAIN_PRINCIPAL, of_full.clone()).await;
    assert_eq!((refused.code, &*refused.reason), (Code::PermissionDenied, "SEAT_REQUIRED"));
    let stranger = register(&operator, "stranger", "Other").await;
    assert_eq!(stranger.root.refused(EXPLAIN_PRINCIPAL, of_full).await.code, Code::NotFound);
    let told = stranger.root.call(EXPLAIN, asked).await.unwrap();
    assert_eq!((text(&told, "reason"), &told["needed"]), ("RESOURCE_NOT_FOUND", &Value::Null));
    suite.stop().await;
}

/// covers: E-GW-01
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_caller_may_do_is_checked_and_listed() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let management = register(&operator, "management", "Example").await;
    let directory = enable_directory(&management).await;
    let created = create_member(&management, &directory, "created").await;
    let member = register(&operator, "member", "Example").await;
    join(&management, &directory, &member).await;
    let stranger = register(&operator, "stranger", "Other").await;
    let bare = user(&management, "bare", &[]).await;

    for (client, expected) in [
        (&management.root, "allowed"),
        (&bare, "ACTION_NOT_ALLOWED"),
        (&member.root, "SEAT_REQUIRED"),
        (&stranger.root, "RESOURCE_NOT_FOUND"),
    ] {
        assert_eq!(checked(client, CREATE_MEMBER, &directory).await, expected);
    }
    let checks = json!({"checks": [
        {"method": CREATE_MEMBER, "resource": directory},
        {"method": "bailiwick.directory.v1.UserService/ListUsers", "resource": member.name},
    ]});
    let answer = management.root.call(BATCH, checks.clone()).await.unwrap();
    assert_eq!(
        (&answer["checks"][0]["allowed"], text(&answer["checks"][1], "reason")),
        (&json!(true), "SEAT_REQUIRED")
    );
    assert_eq!(answer["checks"][0]["revision"], answer["revision"]);
    let answer = member.root.call(BATCH, checks).await.unwrap();
    assert_eq!(
        (text(&answer["checks"][0], "reason"), &answer["checks"][1]["allowed"]),
        ("SEAT_REQUIRED", &json!(true))
    );
    let nobody = management.root.anonymous();
    assert_eq!(nobody.refused(CHECK, json!({"method": CREATE_MEMBER})).await.reason, "CREDENTIAL_MISSING");
    assert_eq!(management.root.refused(BATCH, json!({})).await.fields, ["checks"]);

    let list = json!({"method": GET_MEMBER, "resource": format!("{directory}/members/-")});
    let page = management.root.call(LIST, list.clone()).await.unwrap();
    let mut all = vec![management.name.clone(), created, member.name.clone()];
    all.sort_unstable();
    assert_eq!(page["accounts"], json!(all));
    for client in [&bare, &member.root, &stranger.root] {
        let page = client.call(LIST, list.clone()).await.unwrap();
        assert!(page["accounts"].as_array().is_none_or(Vec::is_empty), "{page}");
    }
    let own = json!({"method": "bailiwick.directory.v1.UserService/ListUsers", "resource": "accounts/-"});
    assert_eq!(member.root.call(LIST, own).await.unwrap()["accounts"], json!([member.name]));
    let mut paged = list;
    paged["page_size"] = json!(1);
    let first = management.root.call(LIST, paged.clone()).await.unwrap();
    assert_eq!(first["accounts"], json!([all[0]]));
    paged["page_token"] = first["nextPageToken"].clone();
    assert_eq!(management.root.call(LIST, paged.clone()).await.unwrap()["accounts"], json!([all[1]]));
    assert_eq!(member.root.refused(LIST, paged).await.reason, "PAGE_TOKEN_INVALID");
    suite.stop().await;
}
