//! Following the audit trail.

use serde_json::json;
use tonic::Code;

use crate::live::{Databases, Suite, create_member, enable_directory, register, text, user};

const WATCH: &str = "audit.v1.AuditService/WatchDirectoryAuditEntries";

/// covers: R-DIR-25, R-GW-09
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trail_is_followed_by_who_may_for_as_long_as_they_may() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let management = register(&operator, "management", "Example").await;
    let directory = enable_directory(&management).await;
    let auditor = user(&management, "auditor", &["AliyunActionTrailReadOnlyAccess"]).await;

    let asked = json!({"parent": directory, "filter": "method:MemberService"});
    let mut watch = auditor.watch(WATCH, asked.clone()).await.unwrap();
    let begun = watch.next().await.unwrap().unwrap();
    assert_eq!(begun["auditEntries"], json!([]), "it begins with the next change");
    let created = create_member(&management, &directory, "payments").await;
    // A sign of life has no entry.
    let batch = loop {
        let batch = watch.next().await.unwrap().unwrap();
        if batch["auditEntries"] != json!([]) {
            break batch;
        }
    };
    let entry = &batch["auditEntries"][0];
    assert_eq!(text(entry, "method"), "bailiwick.directory.v1.MemberService/CreateMember");
    assert_eq!(entry["accounts"], json!([created]));
    assert_eq!(entry["operator"]["principal"], json!(format!("{}/users/root", management.name)));

    // What came while nobody watched comes first.
    drop(watch);
    create_member(&management, &directory, "billing").await;
    let mut resumed = asked.clone();
    resumed["resume_token"] = batch["resumeToken"].clone();
    let mut watch = auditor.watch(WATCH, resumed).await.unwrap();
    let missed = loop {
        let batch = watch.next().await.unwrap().unwrap();
        if let Some(entry) = batch["auditEntries"].get(0) {
            break text(entry, "requestJson").to_owned();
        }
    };
    assert!(missed.contains("billing"), "{missed}");

    let stranger = register(&operator, "stranger", "Other").await;
    let refused = stranger.root.refused(WATCH, asked.clone()).await;
    assert_eq!((refused.code, &*refused.reason), (Code::NotFound, "RESOURCE_NOT_FOUND"));
    let bare = user(&management, "bare", &[]).await;
    assert_eq!(bare.refused(WATCH, asked).await.reason, "ACTION_NOT_ALLOWED");

    // The right ends while the stream is open.
    let detach = json!({
        "target": format!("{}/users/auditor", management.name),
        "policy": format!("{}/policies/AliyunActionTrailReadOnlyAccess", management.name)
    });
    management.root.call("directory.v1.PolicyService/DetachPolicy", detach).await.unwrap();
    let ended = loop {
        match watch.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ended without a reason"),
            Err(failure) => break failure,
        }
    };
    assert_eq!((ended.code, &*ended.reason), (Code::PermissionDenied, "AUTHORIZATION_REVOKED"));
    suite.stop().await;
}
