//! Changing and deleting what access policies are made of, and asking about targets.

use serde_json::{Value, json};
use tonic::Code;

use super::sase::{CREATE_APPLICATION, CREATE_BLOCK, CREATE_GROUP, CREATE_POLICY, DECISIONS, EVALUATE, Scene, outcome};
use crate::live::{Databases, text};

const UPDATE_INSTANCE: &str = "sase.v1.SaseInstanceService/UpdateSaseInstance";
const UPDATE_USER: &str = "sase.v1.SaseUserService/UpdateSaseUser";
const DELETE_USER: &str = "sase.v1.SaseUserService/DeleteSaseUser";
const GET_USER: &str = "sase.v1.SaseUserService/GetSaseUser";
const UPDATE_GROUP: &str = "sase.v1.UserGroupService/UpdateUserGroup";
const DELETE_GROUP: &str = "sase.v1.UserGroupService/DeleteUserGroup";
const UPDATE_APPLICATION: &str = "sase.v1.ApplicationService/UpdateApplication";
const DELETE_APPLICATION: &str = "sase.v1.ApplicationService/DeleteApplication";
const DELETE_POLICY: &str = "sase.v1.AccessPolicyService/DeleteAccessPolicy";
const CREATE_DEVICE: &str = "sase.v1.DeviceService/CreateDevice";
const DELETE_DEVICE: &str = "sase.v1.DeviceService/DeleteDevice";
const DELETE_BLOCK: &str = "sase.v1.AccessBlockService/DeleteAccessBlock";

impl Scene {
    async fn asked_with(&self, more: Value) -> Value {
        let mut asked = self.asked("shop");
        for (name, value) in more.as_object().unwrap() {
            asked[name] = value.clone();
        }
        let asked = json!({"parent": self.directory, "access_request": asked});
        self.administrator.root.call(EVALUATE, asked).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_settings_of_the_log_are_changed_by_the_administrator_and_count_from_then_on() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::set_up(databases).await;
        let b = &scene.administrator.root;
        b.call(CREATE_POLICY, scene.policy("allow", 1, "ACCESS_ACTION_ALLOW")).await.unwrap();
        let name = format!("{}/saseInstance", scene.directory);
        let update = |settings: Value, mask: &str| {
            let mut instance = settings;
            instance["name"] = json!(name);
            json!({"sase_instance": instance, "update_mask": mask})
        };
        let every = update(json!({"allow_sample_every": 2, "decision_retention_days": 7}), "allowSampleEvery");
        scene.refused_to_others(UPDATE_INSTANCE, &every).await;
        let changed = b.call(UPDATE_INSTANCE, every).await.unwrap();
        assert_eq!((&changed["allowSampleEvery"], &changed["decisionRetentionDays"]), (&json!(2), &json!(90)));
        for wrong in [json!({"allow_sample_every": 1_001}), json!({"allow_sample_every": -1})] {
            let refused = b.refused(UPDATE_INSTANCE, update(wrong, "allowSampleEvery")).await;
            assert_eq!(refused.fields, ["sase_instance.allow_sample_every"]);
        }
        let stale = update(json!({"etag": "stale", "allow_sample_every": 5}), "allowSampleEvery");
        assert_eq!(b.refused(UPDATE_INSTANCE, stale).await.reason, "ETAG_MISMATCH");
        for _ in 0..5 {
            scene.outcome("shop").await;
        }
        let log = b.call(DECISIONS, json!({"parent": scene.directory})).await.unwrap();
        assert_eq!(log["decisions"].as_array().unwrap().len(), 3, "the first of each two");
        scene.suite.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_and_groups_are_changed_and_only_deleted_when_nothing_names_them() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::set_up(databases).await;
        let b = &scene.administrator.root;
        let (ann, group) = (scene.named("saseUsers", "ann"), scene.named("userGroups", "sales"));
        let members = json!({"display_name": "Sales", "users": [ann]});
        let create = json!({"parent": scene.directory, "user_group_id": "sales", "user_group": members});
        b.call(CREATE_GROUP, create).await.unwrap();
        let mut policy = scene.policy("allow", 1, "ACCESS_ACTION_ALLOW");
        policy["access_policy"]["subjects"] = json!({"groups": [group]});
        b.call(CREATE_POLICY, policy).await.unwrap();
        assert_eq!(scene.outcome("shop").await, outcome("ALLOW", "allow"));

        let disable =
            |disabled: bool| json!({"sase_user": {"name": ann, "disabled": disabled}, "update_mask": "disabled"});
        scene.refused_to_others(UPDATE_USER, &disable(true)).await;
        let disabled = b.call(UPDATE_USER, disable(true)).await.unwrap();
        assert_eq!(disabled["attributes"], json!(["department=sales"]), "what the mask does not name stays");
        assert_eq!(text(&scene.decide("shop").await, "reason"), "ACCESS_DECISION_REASON_USER_INACTIVE");
        b.call(UPDATE_USER, disable(false)).await.unwrap();
        assert_eq!(scene.outcome("shop").await, outcome("ALLOW", "allow"));
        let moved = json!({"sase_user": {"name": ann, "ram_user": "x"}, "update_mask": "ramUser"});
        assert_eq!(b.refused(UPDATE_USER, moved).await.code, Code::InvalidArgument, "it cannot be changed");

        let user = json!({"name": ann});
        scene.refused_to_others(DELETE_USER, &user).await;
        let refused = b.refused(DELETE_USER, user.clone()).await;
        assert_eq!((refused.code, &*refused.reason), (Code::FailedPrecondition, "SASE_RESOURCE_IN_USE"));
        assert_eq!(refused.metadata["used_by"], group);
        let named = json!({"name": group});
        scene.refused_to_others(DELETE_GROUP, &named).await;
        let refused = b.refused(DELETE_GROUP, named.clone()).await;
        assert_eq!(refused.metadata["used_by"], scene.named("accessPolicies", "allow"));
        let empty = json!({"user_group": {"name": group, "users": []}, "update_mask": "users"});
        scene.refused_to_others(UPDATE_GROUP, &empty).await;
        b.call(UPDATE_GROUP, empty).await.unwrap();
        assert_eq!(scene.outcome("shop").await, outcome("BLOCK", ""), "ann is in no group");
        b.call(DELETE_USER, user.clone()).await.unwrap();
        assert_eq!(b.refused(GET_USER, user.clone()).await.reason, "RESOURCE_NOT_FOUND");
        assert_eq!(text(&scene.decide("shop").await, "reason"), "ACCESS_DECISION_REASON_USER_INACTIVE");
        b.call(DELETE_POLICY, json!({"name": scene.named("accessPolicies", "allow")})).await.unwrap();
        b.call(DELETE_GROUP, named.clone()).await.unwrap();
        assert_eq!(b.refused(DELETE_GROUP, named).await.reason, "RESOURCE_NOT_FOUND");
        scene.suite.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_is_decided_on_as_the_application_that_fits_best_and_changes_of_it_count_at_once() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::set_up(databases).await;
        let b = &scene.administrator.root;
        b.call(CREATE_POLICY, scene.policy("allow", 1, "ACCESS_ACTION_ALLOW")).await.unwrap();
        let mut wide = scene.application("wide", &scene.members[1]);
        wide["application"]["hosts"] = json!(["*.example"]);
        b.call(CREATE_APPLICATION, wide).await.unwrap();
        let target = |host: &str, port: i32, path: &str| {
            let target = json!({"host": host, "port": port, "protocol": "APPLICATION_PROTOCOL_HTTP", "http_path": path,
                "http_method": "GET"});
            let user = scene.named("saseUsers", "ann");
            json!({"parent": scene.directory, "access_request": {"sase_user": user, "target": target}})
        };
        scene.refused_to_others(EVALUATE, &target("shop.example", 443, "/")).await;
        let found = async |asked: Value| {
            let decision = b.call(EVALUATE, asked).await.unwrap();
            let application = decision["application"].as_str().unwrap_or_default().rsplit('/').next().unwrap();
            (application.to_owned(), text(&decision, "account").to_owned())
        };
        let [one, two] = &scene.members;
        assert_eq!(found(target("SHOP.example", 443, "/")).await, ("shop".into(), one.clone()), "the exact host");
        assert_eq!(found(target("other.example", 443, "/")).await, ("wide".into(), two.clone()));
        let none = b.call(EVALUATE, target("shop.example", 80, "/")).await.unwrap();
        assert_eq!(text(&none, "reason"), "ACCESS_DECISION_REASON_NO_APPLICATION");
        for (asked, field) in [
            (target("shop.example", 0, "/"), "access_request.target.port"),
            (target("shop.example", 443, "/a/../b"), "access_request.target.http_path"),
            (target("shop.example", 443, "/%2e"), "access_request.target.http_path"),
        ] {
            assert_eq!(b.refused(EVALUATE, asked).await.fields, [field]);
        }

        let shop = scene.named("applications", "shop");
        let update = |what: Value, mask: &str| {
            let mut application = what;
            application["name"] = json!(shop);
            json!({"application": application, "update_mask": mask})
        };
        let moved = update(json!({"hosts": ["new.example"], "tags": ["gone"]}), "hosts");
        scene.refused_to_others(UPDATE_APPLICATION, &moved).await;
        let changed = b.call(UPDATE_APPLICATION, moved).await.unwrap();
        assert_eq!((&changed["hosts"], &changed["tags"]), (&json!(["new.example"]), &json!(["web"])));
        assert_eq!(found(target("shop.example", 443, "/")).await.0, "wide");
        assert_eq!(found(target("new.example", 443, "/")).await.0, "shop");
        assert_eq!(scene.outcome("shop").await, outcome("ALLOW", "allow"));
        b.call(UPDATE_APPLICATION, update(json!({"tags": ["other"]}), "tags")).await.unwrap();
        assert_eq!(scene.outcome("shop").await, outcome("BLOCK", ""), "the policy is about another tag");
        let other = update(json!({"account": two}), "account");
        assert_eq!(b.refused(UPDATE_APPLICATION, other).await.code, Code::InvalidArgument, "it stays with its owner");

        let mut named = scene.policy("named", 2, "ACCESS_ACTION_ALLOW");
        named["access_policy"]["targets"] = json!({"applications": [shop]});
        b.call(CREATE_POLICY, named).await.unwrap();
        let gone = json!({"name": shop});
        scene.refused_to_others(DELETE_APPLICATION, &gone).await;
        assert_eq!(b.refused(DELETE_APPLICATION, gone.clone()).await.reason, "SASE_RESOURCE_IN_USE");
        b.call(DELETE_POLICY, json!({"name": scene.named("accessPolicies", "named")})).await.unwrap();
        b.call(DELETE_APPLICATION, gone).await.unwrap();
        assert_eq!(found(target("new.example", 443, "/")).await.0, "wide");
        scene.suite.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_addresses_and_applications_are_blocked_for_all_members_or_one_and_released() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::set_up(databases).await;
        let b = &scene.administrator.root;
        b.call(CREATE_POLICY, scene.policy("allow", 1, "ACCESS_ACTION_ALLOW")).await.unwrap();
        let device = json!({"display_name": "laptop", "sase_user": scene.named("saseUsers", "ann")});
        let create = json!({"parent": scene.directory, "device_id": "laptop", "device": device});
        b.call(CREATE_DEVICE, create).await.unwrap();
        let laptop = scene.named("devices", "laptop");
        let shop = scene.named("applications", "shop");
        for (id, blocked, with, without) in [
            ("device", json!({"device": laptop}), json!({"device": laptop}), json!({})),
            (
                "network",
                json!({"address": "192.0.2.0/24"}),
                json!({"source_ip": "192.0.2.9"}),
                json!({"source_ip": "192.0.3.9"}),
            ),
            (
                "ipv6",
                json!({"address": "2001:db8::/32"}),
                json!({"source_ip": "2001:db8::1"}),
                json!({"source_ip": "192.0.2.9"}),
            ),
            (
                "application",
                json!({"application": shop}),
                json!({}),
                json!({"application": scene.named("applications", "till")}),
            ),
        ] {
            let mut block = blocked;
            block["reason"] = json!("alert");
            let create = json!({"parent": scene.directory, "access_block_id": id, "access_block": block});
            scene.refused_to_others(CREATE_BLOCK, &create).await;
            b.call(CREATE_BLOCK, create).await.unwrap();
            let stopped = scene.asked_with(with.clone()).await;
            assert_eq!(text(&stopped, "reason"), "ACCESS_DECISION_REASON_ACCESS_BLOCK", "{id}");
            assert_eq!(text(&stopped, "decidedBy"), scene.named("accessBlocks", id));
            assert_eq!(text(&scene.asked_with(without).await, "action"), "ACCESS_ACTION_ALLOW", "{id}");
            if id == "device" {
                let used = b.refused(DELETE_DEVICE, json!({"name": laptop})).await;
                assert_eq!(used.metadata["used_by"], scene.named("accessBlocks", "device"));
            }
            let lift = json!({"name": scene.named("accessBlocks", id)});
            scene.refused_to_others(DELETE_BLOCK, &lift).await;
            b.call(DELETE_BLOCK, lift).await.unwrap();
            assert_eq!(text(&scene.asked_with(with).await, "action"), "ACCESS_ACTION_ALLOW", "{id}");
        }
        b.call(DELETE_DEVICE, json!({"name": laptop})).await.unwrap();
        for (wrong, field) in [
            (json!({"address": "192.0.2.1/24"}), "access_block.address"),
            (json!({"address": "192.0.2.1", "device": laptop}), "access_block"),
            (json!({"address": "192.0.2.1", "expire_time": "2000-01-01T00:00:00Z"}), "access_block.expire_time"),
        ] {
            let mut block = wrong;
            block["reason"] = json!("alert");
            let create = json!({"parent": scene.directory, "access_block_id": "wrong", "access_block": block});
            assert_eq!(b.refused(CREATE_BLOCK, create).await.fields, [field]);
        }
        scene.suite.stop().await;
    }
}
