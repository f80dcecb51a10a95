//! What administrators of SASE changed, with how it was before and after.

use serde_json::{Value, json};
use tonic::Code;

use super::sase::{CREATE_BLOCK, CREATE_POLICY, Scene};
use crate::live::{Databases, text};

const ENTRIES: &str = "sase.v1.SaseAuditService/ListSaseAuditEntries";
const UPDATE_POLICY: &str = "sase.v1.AccessPolicyService/UpdateAccessPolicy";
const BATCH_DELETE: &str = "sase.v1.AccessPolicyService/BatchDeleteAccessPolicies";
const UPDATE_INSTANCE: &str = "sase.v1.SaseInstanceService/UpdateSaseInstance";
const CREATE_POINT: &str = "sase.v1.EnforcementPointService/CreateEnforcementPoint";
const DELETE_MEMBER: &str = "sase.v1.SaseMemberService/DeleteSaseMember";

impl Scene {
    async fn entries(&self, more: &Value) -> Vec<Value> {
        let mut request = json!({"parent": self.directory, "page_size": 1_000});
        for (name, value) in more.as_object().unwrap() {
            request[name] = value.clone();
        }
        let page = self.administrator.root.call(ENTRIES, request).await.unwrap();
        page["saseAuditEntries"].as_array().cloned().unwrap_or_default()
    }
}

/// A resource of an entry.
fn read(entry: &Value, field: &str) -> Value {
    serde_json::from_str(text(entry, field)).unwrap_or_else(|error| panic!("{error}: {entry}"))
}

/// covers: E-SASE-06
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_change_is_shown_to_the_administrator_with_how_it_was_before_and_after() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::set_up(databases).await;
        let b = &scene.administrator.root;
        let name = scene.named("accessPolicies", "allow");
        let mut create = scene.policy("allow", 5, "ACCESS_ACTION_ALLOW");
        create["request_id"] = json!("6f0c0d5e-5a4c-4c0e-9d0b-0e6f3f1f2a11");
        b.call(CREATE_POLICY, create.clone()).await.unwrap();
        b.call(CREATE_POLICY, create).await.unwrap();
        let update = json!({"access_policy": {"name": name, "priority": 7}, "update_mask": "priority"});
        b.call(UPDATE_POLICY, update.clone()).await.unwrap();
        // What changes nothing, and what is refused, is no change.
        b.call(UPDATE_POLICY, update).await.unwrap();
        let wrong = json!({"access_policy": {"name": name, "priority": 0}, "update_mask": "priority"});
        assert_eq!(b.refused(UPDATE_POLICY, wrong).await.code, Code::InvalidArgument);
        b.call(BATCH_DELETE, json!({"parent": scene.directory, "names": [name]})).await.unwrap();

        let of_policy = json!({"resource": name});
        let entries = scene.entries(&of_policy).await;
        let methods: Vec<_> = entries.iter().map(|entry| text(entry, "method").rsplit('/').next().unwrap()).collect();
        assert_eq!(methods, ["BatchDeleteAccessPolicies", "UpdateAccessPolicy", "CreateAccessPolicy"]);
        let [deleted, updated, created] = entries.as_slice() else { panic!("{entries:?}") };
        assert_eq!((text(created, "beforeJson"), text(deleted, "afterJson")), ("", ""));
        assert_eq!(text(created, "requestId"), "6f0c0d5e-5a4c-4c0e-9d0b-0e6f3f1f2a11");
        assert_eq!(read(created, "afterJson"), read(updated, "beforeJson"));
        assert_eq!(read(updated, "afterJson"), read(deleted, "beforeJson"));
        let priorities = ["beforeJson", "afterJson"].map(|field| read(updated, field)["priority"].clone());
        assert_eq!(priorities, [json!(5), json!(7)]);
        assert_eq!(read(updated, "afterJson")["name"], json!(name));
        assert_eq!(text(updated, "operator"), text(created, "operator"));
        let own = json!({"operator": text(created, "operator"), "resource": name});
        assert_eq!(scene.entries(&own).await.len(), 3);
        assert!(scene.entries(&json!({"operator": "accounts/1/users/nobody"})).await.is_empty());

        // Configuration too, without what is secret.
        let instance = format!("{}/saseInstance", scene.directory);
        let change =
            json!({"sase_instance": {"name": instance, "allow_sample_every": 2}, "update_mask": "allowSampleEvery"});
        b.call(UPDATE_INSTANCE, change).await.unwrap();
        let entries = scene.entries(&json!({"resource": instance})).await;
        assert_eq!(read(&entries[0], "beforeJson")["allowSampleEvery"], json!(10));
        assert_eq!(read(&entries[0], "afterJson")["allowSampleEvery"], json!(2));
        let point = json!({"parent": scene.directory, "enforcement_point_id": "edge",
            "enforcement_point": {"display_name": "Edge"}});
        let credential = text(&b.call(CREATE_POINT, point).await.unwrap(), "credential").to_owned();
        let entries = scene.entries(&json!({"resource": scene.named("enforcementPoints", "edge")})).await;
        assert_eq!(read(&entries[0], "afterJson")["displayName"], "Edge");
        assert!(!entries[0].to_string().contains(credential.rsplit('.').next().unwrap()));
        let block = json!({"parent": scene.directory, "access_block_id": "alert", "access_block":
            {"sase_user": scene.named("saseUsers", "ann"), "reason": "alert"}});
        b.call(CREATE_BLOCK, block).await.unwrap();
        let block = scene.entries(&json!({"resource": scene.named("accessBlocks", "alert")})).await;
        assert_eq!(read(&block[0], "afterJson")["reason"], "alert");

        // Page by page it is the same.
        let all = scene.entries(&json!({})).await;
        let (mut paged, mut token) = (Vec::new(), String::new());
        loop {
            let request = json!({"parent": scene.directory, "page_size": 2, "page_token": token});
            let page = b.call(ENTRIES, request).await.unwrap();
            paged.extend(page["saseAuditEntries"].as_array().cloned().unwrap_or_default());
            token = page["nextPageToken"].as_str().unwrap_or_default().to_owned();
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(paged, all);

        // At most 30 days are searched at once.
        for (start, end, sound) in [
            ("2026-01-01T00:00:00Z", "2026-01-31T00:00:00Z", true),
            ("2026-01-01T00:00:00Z", "2026-01-31T00:00:00.000001Z", false),
            ("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z", false),
        ] {
            let request = json!({"parent": scene.directory, "start_time": start, "end_time": end});
            match sound {
                true => assert_eq!(b.call(ENTRIES, request).await.unwrap()["saseAuditEntries"], json!([])),
                false => assert_eq!(b.refused(ENTRIES, request).await.fields, ["start_time"], "{start} {end}"),
            }
        }
        scene.refused_to_others(ENTRIES, &json!({"parent": scene.directory})).await;

        // With its member, an application and its changes are out of sight.
        let shop = json!({"resource": scene.named("applications", "shop")});
        assert_eq!(scene.entries(&shop).await.len(), 1);
        let member = scene.named("saseMembers", scene.members[0].trim_start_matches("accounts/"));
        b.call(DELETE_MEMBER, json!({"name": member})).await.unwrap();
        assert!(scene.entries(&shop).await.is_empty());
        assert_eq!(scene.entries(&of_policy).await.len(), 3);
        scene.suite.stop().await;
    }
}
