//! Two directories with the same things of the same ids in their bastion hosts: neither finds, changes or names what is the
//! other's.

use std::collections::BTreeSet;

use bailiwick_api::rules;
use serde_json::{Value, json};
use tonic::Code;

use super::bastion::{database, host};
use crate::{
    client::Client,
    live::{Databases, Suite, create_member, enable_directory, enable_service, register, user},
    patience::until,
};

const WATCH: &str = "bastion.v1.AssetService/WatchAssets";
const KEY: &str = "\
-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACAvFqyh8nqhAzeSUKrGTRJRA5axPCzbWr5tyv0dH+VGeAAAAJCSSa7+kkmu
/gAAAAtzc2gtZWQyNTUxOQAAACAvFqyh8nqhAzeSUKrGTRJRA5axPCzbWr5tyv0dH+VGeA
AAAEDIQddqXDKYFd/zvPqVxFMbf/oHFrOvGwQ5klP1mTlSyi8WrKHyeqEDN5JQqsZNElED
lrE8LNtavm3K/R0f5UZ4AAAAB2NvbW1lbnQBAgMEBQY=
-----END OPENSSH PRIVATE KEY-----
";

type Calls = Vec<(&'static str, Value)>;

/// A directory, with its management account and one member.
struct Tenant {
    root: Client,
    directory: String,
    member: String,
    ram_user: String,
}

impl Tenant {
    async fn start(suite: &Suite, called: &str) -> Self {
        let management = register(&suite.operator().await, called, called).await;
        let directory = enable_directory(&management).await;
        enable_service(&management, &directory, "bastionhost").await;
        let member = create_member(&management, &directory, "member").await;
        user(&management, "bob", &[]).await;
        let ram_user = format!("{}/users/bob", management.name);
        Self { root: management.root, directory, member, ram_user }
    }

    fn main(&self) -> String {
        format!("{}/bastionInstances/main", self.directory)
    }

    fn named(&self, collection: &str, id: &str) -> String {
        format!("{}/{collection}/{id}", self.main())
    }

    fn entry(&self) -> String {
        format!("{}/bastionMembers/{}", self.directory, self.member.trim_start_matches("accounts/"))
    }

    fn account(&self, id: &str) -> String {
        format!("{}/assetAccounts/{id}", self.named("assets", "web"))
    }

    /// What makes one of each.
    fn made(&self) -> Calls {
        let main = self.main();
        let asset = |id: &str| self.named("assets", id);
        let add = json!({"parent": self.directory, "accounts": [self.member]});
        let create = |field: &str, id: &str, with: Value| {
            let mut with = with;
            with["display_name"] = json!(id);
            json!({"parent": main, format!("{field}_id"): id, field: with})
        };
        let instance = json!({"display_name": "main", "region": "eu-1", "edition": "BASTION_EDITION_ENTERPRISE"});
        let account = json!({"login_name": "root", "password": "x", "shared_key": self.named("sharedKeys", "fleet")});
        let by_hand = json!({"kind": "ASSET_KIND_HOST", "public_address": "192.0.2.7"});
        let grant = json!({"enabled": true, "bastion_users": [self.named("bastionUsers", "ann")],
            "user_groups": [self.named("userGroups", "staff")],
            "assets": [{"asset": asset("web"), "asset_accounts": [self.account("root")]}],
            "asset_groups": [{"asset_group": self.named("assetGroups", "shop"), "all_accounts": true}]});
        let policy = json!({
            "asset_scope": {"assets": [{"asset": asset("web"), "asset_accounts": [self.account("root")]}],
                "asset_groups": [{"asset_group": self.named("assetGroups", "shop")}]},
            "user_scope": {"bastion_users": [self.named("bastionUsers", "ann")],
                "user_groups": [self.named("userGroups", "staff")]},
            "session_approval": {"required": true}});
        vec![
            (
                "BastionInstanceService/CreateBastionInstance",
                json!({"parent": self.directory, "bastion_instance_id": "main", "bastion_instance": instance}),
            ),
            (
                "BastionMemberService/CreateBastionMember",
                json!({"parent": self.directory, "bastion_member": {"account": self.member}}),
            ),
            ("BastionMemberService/BatchCreateBastionMembers", add),
            (
                "InventoryService/ReportInventory",
                json!({"parent": self.member, "items": [host("i-1", "web", "10.0.0.1"), database("d-1", "db", "10.0.0.2")]}),
            ),
            (
                "AssetService/ImportAssets",
                json!({"parent": main, "account": self.member, "imports": [{"source_id": "i-1", "asset_id": "web"}]}),
            ),
            ("AssetService/CreateAsset", create("asset", "partner", by_hand.clone())),
            ("AssetService/CreateAsset", create("asset", "spare", by_hand)),
            ("AssetGroupService/CreateAssetGroup", create("asset_group", "shop", json!({}))),
            (
                "AssetGroupService/AddAssetGroupAssets",
                json!({"name": self.named("assetGroups", "shop"), "assets": [asset("web"), asset("partner")]}),
            ),
            ("SharedKeyService/CreateSharedKey", create("shared_key", "fleet", json!({"private_key": KEY}))),
            (
                "AssetAccountService/CreateAssetAccount",
                json!({"parent": asset("web"), "asset_account_id": "root", "asset_account": account}),
            ),
            (
                "NetworkDomainService/CreateNetworkDomain",
                create("network_domain", "office", json!({"mode": "NETWORK_DOMAIN_MODE_DIRECT"})),
            ),
            (
                "NetworkDomainService/MoveAssets",
                json!({"parent": main, "network_domain": self.named("networkDomains", "office"), "assets": [asset("partner")]}),
            ),
            ("BastionUserService/CreateBastionUser", create("bastion_user", "ann", json!({}))),
            (
                "BastionUserService/ImportRamUsers",
                json!({"parent": main, "imports": [{"ram_user": self.ram_user, "bastion_user_id": "bob"}]}),
            ),
            ("UserGroupService/CreateUserGroup", create("user_group", "staff", json!({}))),
            (
                "UserGroupService/AddUserGroupUsers",
                json!({"name": self.named("userGroups", "staff"), "bastion_users": [self.named("bastionUsers", "ann")]}),
            ),
            ("GrantService/CreateGrant", create("grant", "g", grant)),
            ("ControlPolicyService/CreateControlPolicy", create("control_policy", "p", policy)),
        ]
    }

    /// What only reads.
    fn read(&self) -> Calls {
        let (directory, main) = (json!({"parent": self.directory}), json!({"parent": self.main()}));
        let name = |collection: &str, id: &str| json!({"name": self.named(collection, id)});
        let part = |field: &str, name: String| json!({"parent": self.main(), field: name});
        let ann = self.named("bastionUsers", "ann");
        vec![
            ("BastionInstanceService/GetBastionInstance", json!({"name": self.main()})),
            ("BastionInstanceService/ListBastionInstances", directory.clone()),
            ("BastionMemberService/GetBastionMember", json!({"name": self.entry()})),
            ("BastionMemberService/ListBastionMembers", directory.clone()),
            ("BastionMemberService/ListEligibleBastionMembers", directory),
            ("AssetService/ListDiscoveredAssets", part("account", self.member.clone())),
            ("AssetService/GetAsset", name("assets", "web")),
            ("AssetService/ListAssets", main.clone()),
            ("AssetService/ListAssets", part("asset_group", self.named("assetGroups", "shop"))),
            ("AssetService/ListAssets", part("network_domain", self.named("networkDomains", "office"))),
            ("AssetGroupService/GetAssetGroup", name("assetGroups", "shop")),
            ("AssetGroupService/ListAssetGroups", main.clone()),
            ("SharedKeyService/GetSharedKey", name("sharedKeys", "fleet")),
            ("SharedKeyService/ListSharedKeys", main.clone()),
            ("AssetAccountService/GetAssetAccount", json!({"name": self.account("root")})),
            ("AssetAccountService/ListAssetAccounts", json!({"parent": self.named("assets", "web")})),
            ("NetworkDomainService/GetNetworkDomain", name("networkDomains", "office")),
            ("NetworkDomainService/ListNetworkDomains", main.clone()),
            ("BastionUserService/GetBastionUser", name("bastionUsers", "bob")),
            ("BastionUserService/ListBastionUsers", part("user_group", self.named("userGroups", "staff"))),
            ("UserGroupService/GetUserGroup", name("userGroups", "staff")),
            ("UserGroupService/ListUserGroups", main.clone()),
            ("GrantService/GetGrant", name("grants", "g")),
            ("GrantService/ListGrants", main.clone()),
            ("ControlPolicyService/GetControlPolicy", name("controlPolicies", "p")),
            ("ControlPolicyService/ListControlPolicies", main),
            (
                "ControlPolicyService/EvaluateControlPolicy",
                json!({"parent": self.main(), "bastion_user": ann, "asset_account": self.account("root"),
                    "source_ip": "192.0.2.7", "command_line": "ls"}),
            ),
            ("GrantService/ListUserAssets", json!({"parent": ann, "owner_account": self.member})),
            ("GrantService/ListUserAssets", json!({"parent": ann})),
        ]
    }

    /// What changes each, and takes it away.
    fn changed(&self) -> Calls {
        let named = |collection: &str, id: &str| self.named(collection, id);
        let name = |collection: &str, id: &str| json!({"name": named(collection, id)});
        let update = |field: &str, name: String, part: &str, value: Value| json!({field: {"name": name, part: value}, "update_mask": part});
        let comment = |field: &str, name: String| update(field, name, "comment", json!("changed"));
        let grant = json!([{"asset": named("assets", "partner"), "all_accounts": true}]);
        let shared = named("sharedKeys", "fleet");
        vec![
            ("BastionInstanceService/UpdateBastionInstance", comment("bastion_instance", self.main())),
            (
                "BastionMemberService/UpdateBastionMember",
                update("bastion_member", self.entry(), "remark", json!("changed")),
            ),
            ("AssetService/UpdateAsset", comment("asset", named("assets", "web"))),
            ("AssetGroupService/UpdateAssetGroup", comment("asset_group", named("assetGroups", "shop"))),
            ("SharedKeyService/UpdateSharedKey", comment("shared_key", shared.clone())),
            ("AssetAccountService/UpdateAssetAccount", comment("asset_account", self.account("root"))),
            (
                "AssetAccountService/UpdateAssetAccount",
                update("asset_account", self.account("root"), "sharedKey", json!(shared)),
            ),
            ("NetworkDomainService/UpdateNetworkDomain", comment("network_domain", named("networkDomains", "office"))),
            ("BastionUserService/UpdateBastionUser", comment("bastion_user", named("bastionUsers", "ann"))),
            ("BastionUserService/LockBastionUser", name("bastionUsers", "ann")),
            ("BastionUserService/UnlockBastionUser", name("bastionUsers", "ann")),
            ("UserGroupService/UpdateUserGroup", comment("user_group", named("userGroups", "staff"))),
            ("GrantService/UpdateGrant", update("grant", named("grants", "g"), "assets", grant)),
            ("GrantService/DisableGrant", name("grants", "g")),
            ("GrantService/EnableGrant", name("grants", "g")),
            ("AssetAccountService/ResetAssetAccountCredentials", json!({"name": self.account("root")})),
            ("ControlPolicyService/UpdateControlPolicy", comment("control_policy", named("controlPolicies", "p"))),
            ("ControlPolicyService/DeleteControlPolicy", name("controlPolicies", "p")),
            ("GrantService/DeleteGrant", name("grants", "g")),
            (
                "UserGroupService/RemoveUserGroupUsers",
                json!({"name": named("userGroups", "staff"), "bastion_users": [named("bastionUsers", "ann")]}),
            ),
            ("UserGroupService/DeleteUserGroup", name("userGroups", "staff")),
            ("BastionUserService/DeleteBastionUser", name("bastionUsers", "ann")),
            ("AssetAccountService/DeleteAssetAccount", json!({"name": self.account("root")})),
            ("SharedKeyService/DeleteSharedKey", name("sharedKeys", "fleet")),
            (
                "AssetGroupService/RemoveAssetGroupAssets",
                json!({"name": named("assetGroups", "shop"), "assets": [named("assets", "web")]}),
            ),
            ("AssetGroupService/DeleteAssetGroup", name("assetGroups", "shop")),
            ("AssetService/DeleteAsset", name("assets", "web")),
            (
                "AssetService/BatchDeleteAssets",
                json!({"parent": self.main(), "names": [named("assets", "partner"), named("assets", "spare")]}),
            ),
            ("NetworkDomainService/DeleteNetworkDomain", name("networkDomains", "office")),
            ("BastionUserService/DeleteBastionUser", name("bastionUsers", "bob")),
            ("BastionInstanceService/DeleteBastionInstance", json!({"name": self.main()})),
            ("BastionMemberService/DeleteBastionMember", json!({"name": self.entry()})),
        ]
    }

    /// All that it sees of its bastion hosts.
    async fn state(&self) -> Vec<Value> {
        let mut answers = Vec::new();
        for (method, request) in self.read() {
            answers.push(self.call(method, request).await);
        }
        answers
    }

    async fn call(&self, method: &str, request: Value) -> Value {
        let answered = self.root.call(&format!("bastion.v1.{method}"), request).await;
        let answer = answered.unwrap_or_else(|refused| panic!("{method}: {refused:?}"));
        for result in answer["results"].as_array().into_iter().flatten() {
            assert_eq!(result["code"], json!("ITEM_CODE_OK"), "{method}: {answer}");
        }
        answer
    }

    /// A name of this tenant as the other has one like it; none if it names nothing of a tenant.
    fn translated(&self, text: &str, other: &Self) -> Option<String> {
        let pairs =
            [(&self.ram_user, &other.ram_user), (&self.member, &other.member), (&self.directory, &other.directory)];
        let pair = pairs.into_iter().find(|(own, _)| text.starts_with(own.as_str()));
        pair.map(|(own, others)| text.replacen(own.as_str(), others, 1))
    }

    /// A request of this tenant in as many versions as it names things beside what it is sent to: in each, one of them is
    /// the other tenant's.
    fn mixed(&self, request: &Value, resource: &str, other: &Self) -> Vec<Value> {
        let mut versions = Vec::new();
        let own = resource.split('.').fold(request, |value, part| &value[part]).as_str().unwrap_or_default();
        for pointer in pointers(request) {
            let at_resource = pointer == format!("/{}", resource.replace('.', "/"));
            let text = request.pointer(&pointer).and_then(Value::as_str).unwrap_or_default();
            if at_resource || text == own {
                continue;
            }
            if let Some(translated) = self.translated(text, other) {
                let mut version = request.clone();
                *version.pointer_mut(&pointer).unwrap() = json!(translated);
                versions.push(version);
            }
        }
        versions
    }
}

/// Where the texts of a request are.
fn pointers(value: &Value) -> Vec<String> {
    let within = |(key, value): (String, &Value)| {
        let inner = pointers(value).into_iter();
        inner.map(move |rest| format!("/{key}{rest}")).collect::<Vec<_>>()
    };
    match value {
        Value::String(_) => vec![String::new()],
        Value::Array(items) => {
            items.iter().enumerate().map(|(n, item)| (n.to_string(), item)).flat_map(within).collect()
        }
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), value)).flat_map(within).collect(),
        _ => Vec::new(),
    }
}

fn resource_of(method: &str) -> &'static str {
    let path = format!("/bailiwick.bastion.v1.{method}");
    rules().iter().find(|rule| rule.path == path).unwrap().resource.unwrap().text
}

/// covers: R-GW-05
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_of_two_directories_reaches_what_is_in_the_bastion_hosts_of_the_other() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let suite = Suite::start(databases).await;
        let (one, two) = (Tenant::start(&suite, "one").await, Tenant::start(&suite, "two").await);
        let all = |tenant: &Tenant| [tenant.made(), tenant.read(), tenant.changed()].concat();
        let called: BTreeSet<_> =
            all(&one).iter().map(|(method, _)| format!("/bailiwick.bastion.v1.{method}")).collect();
        let watch = format!("/bailiwick.{WATCH}");
        let rules = rules().iter().map(|rule| rule.path.to_owned());
        let rules: BTreeSet<_> =
            rules.filter(|path| path.starts_with("/bailiwick.bastion.v1.") && *path != watch).collect();
        assert_eq!(called, rules, "each method is called");

        for tenant in [&one, &two] {
            let import = tenant.made().into_iter().find(|(method, _)| method.ends_with("/ImportRamUsers")).unwrap();
            for (method, request) in tenant.made() {
                if method == import.0 {
                    let known = async || {
                        let done = tenant.root.call(&format!("bastion.v1.{method}"), request.clone()).await.unwrap();
                        done["results"][0]["code"] == json!("ITEM_CODE_OK")
                    };
                    until("the RAM user is known", known).await;
                } else {
                    tenant.call(method, request).await;
                }
            }
        }
        let before = one.state().await;

        for (method, request) in all(&one) {
            let refused = two.root.refused(&format!("bastion.v1.{method}"), request).await;
            assert_eq!((refused.code, &*refused.reason), (Code::NotFound, "RESOURCE_NOT_FOUND"), "{method}");
        }
        let refused = match two.root.watch(WATCH, json!({"parent": one.main()})).await {
            Ok(mut answers) => answers.next().await.unwrap_err(),
            Err(refused) => refused,
        };
        assert_eq!(refused.reason, "RESOURCE_NOT_FOUND");

        // What it is sent to is its own, and what it names beside that is not.
        let mut mixed = 0;
        for (method, request) in all(&two) {
            for request in two.mixed(&request, resource_of(method), &one) {
                mixed += 1;
                match two.root.call(&format!("bastion.v1.{method}"), request.clone()).await {
                    Err(refused) => assert_ne!(refused.code, Code::Internal, "{method} {request}: {refused:?}"),
                    Ok(answer) => {
                        let results = answer["results"].as_array();
                        let told = results.is_some_and(|results| {
                            results.iter().any(|result| result["code"] == json!("ITEM_CODE_OBJECT_NOT_FOUND"))
                        });
                        // A list of what belongs to another's account has nothing.
                        let lists = answer.as_object().unwrap().values();
                        let empty = lists.clone().all(|list| list == &json!([]) || list == &json!(""));
                        assert!(told || empty, "{method} {request}: {answer}");
                    }
                }
            }
        }
        assert!(mixed > 20, "{mixed}");
        assert_eq!(one.state().await, before, "nothing of it has changed");

        for (method, request) in two.changed() {
            two.call(method, request).await;
        }
        assert_eq!(one.state().await, before, "what is called alike is another's");
        for (method, request) in one.changed() {
            one.call(method, request).await;
        }
        suite.stop().await;
    }
}
