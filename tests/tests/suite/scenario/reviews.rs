//! Reports on who can do what.

use serde_json::json;
use tonic::Code;

use crate::live::{Databases, Suite, enable_directory, join, register, text, user};

const REVIEW: &str = "directory.v1.AccessReviewService/ListAccessReviewEntries";
const UNUSED: &str = "directory.v1.AccessReviewService/ListUnusedAccessKeys";
const UNUSED_OF_MEMBERS: &str = "directory.v1.AccessReviewService/ListMemberUnusedAccessKeys";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_review_says_who_may_do_too_much_and_who_nothing() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let management = register(&operator, "management", "Example").await;
    let directory = enable_directory(&management).await;
    let member = register(&operator, "member", "Example").await;
    join(&management, &directory, &member).await;
    user(&member, "admin", &["AdministratorAccess"]).await;
    let bare = user(&member, "bare", &[]).await;

    let entries = member.root.call(REVIEW, json!({"parent": member.name})).await.unwrap();
    let entries = entries["accessReviewEntries"].as_array().unwrap();
    let of = |user: &str| {
        let name = format!("{}/users/{user}", member.name);
        let entry = entries.iter().find(|entry| text(entry, "identity") == name).unwrap();
        (entry["enabledAccessKeys"].as_i64().unwrap(), entry["findings"].clone())
    };
    assert_eq!(of("admin"), (1, json!(["ACCESS_REVIEW_FINDING_FULL_ADMINISTRATOR"])));
    assert_eq!(of("bare"), (1, json!(["ACCESS_REVIEW_FINDING_NO_POLICY"])));
    assert_eq!(of("root"), (1, json!(["ACCESS_REVIEW_FINDING_ROOT_ACCESS_KEY"])));
    assert_eq!(bare.refused(REVIEW, json!({"parent": member.name})).await.reason, "ACTION_NOT_ALLOWED");
    let by_management = management.root.refused(REVIEW, json!({"parent": member.name})).await;
    assert_eq!(
        (by_management.code, &*by_management.metadata["required_seat"]),
        (Code::PermissionDenied, "OWN_ACCOUNT")
    );

    let unused = member.root.call(UNUSED, json!({"parent": member.name})).await.unwrap();
    assert_eq!(unused["unusedAccessKeys"], json!([]), "all keys are new");
    let short = member.root.refused(UNUSED, json!({"parent": member.name, "unused_for": "60s"})).await;
    assert_eq!(short.fields, ["unused_for"]);
    let all = json!({"parent": directory, "unused_for": "86400s"});
    let unused = management.root.call(UNUSED_OF_MEMBERS, all.clone()).await.unwrap();
    assert_eq!(unused["unusedAccessKeys"], json!([]));
    let by_member = member.root.refused(UNUSED_OF_MEMBERS, all).await;
    assert_eq!((by_member.code, &*by_member.metadata["required_seat"]), (Code::PermissionDenied, "MANAGEMENT_ACCOUNT"));
    suite.stop().await;
}
