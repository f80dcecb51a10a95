//! Who may open sessions to what: users, their groups, and grants.

use serde_json::{Value, json};
use tonic::Code;

use super::bastion::{CREATE_ASSET, REPORT, Scene, codes};
use crate::{
    client::Client,
    live::{Databases, text, user},
    patience::until,
};

const CREATE_USER: &str = "bastion.v1.BastionUserService/CreateBastionUser";
const GET_USER: &str = "bastion.v1.BastionUserService/GetBastionUser";
const LIST_USERS: &str = "bastion.v1.BastionUserService/ListBastionUsers";
const UPDATE_USER: &str = "bastion.v1.BastionUserService/UpdateBastionUser";
const DELETE_USER: &str = "bastion.v1.BastionUserService/DeleteBastionUser";
const IMPORT_USERS: &str = "bastion.v1.BastionUserService/ImportRamUsers";
const LOCK: &str = "bastion.v1.BastionUserService/LockBastionUser";
const UNLOCK: &str = "bastion.v1.BastionUserService/UnlockBastionUser";
const CREATE_USER_GROUP: &str = "bastion.v1.UserGroupService/CreateUserGroup";
const DELETE_USER_GROUP: &str = "bastion.v1.UserGroupService/DeleteUserGroup";
const ADD_USERS: &str = "bastion.v1.UserGroupService/AddUserGroupUsers";
const REMOVE_USERS: &str = "bastion.v1.UserGroupService/RemoveUserGroupUsers";
const CREATE_GRANT: &str = "bastion.v1.GrantService/CreateGrant";
const UPDATE_GRANT: &str = "bastion.v1.GrantService/UpdateGrant";
const DELETE_GRANT: &str = "bastion.v1.GrantService/DeleteGrant";
const ENABLE_GRANT: &str = "bastion.v1.GrantService/EnableGrant";
const DISABLE_GRANT: &str = "bastion.v1.GrantService/DisableGrant";
const USER_ASSETS: &str = "bastion.v1.GrantService/ListUserAssets";
const CREATE_ACCOUNT: &str = "bastion.v1.AssetAccountService/CreateAssetAccount";
const CREATE_GROUP: &str = "bastion.v1.AssetGroupService/CreateAssetGroup";
const ADD_ASSETS: &str = "bastion.v1.AssetGroupService/AddAssetGroupAssets";
const REMOVE_ASSETS: &str = "bastion.v1.AssetGroupService/RemoveAssetGroupAssets";
const DELETE_ASSET: &str = "bastion.v1.AssetService/DeleteAsset";

const ACCOUNT_TRAIL: &str = "audit.v1.AuditService/ListAccountAuditEntries";

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC8WrKHyeqEDN5JQqsZNElEDlrE8LNtavm3K/R0f5UZ4";

fn new_user(scene: &Scene, id: &str) -> Value {
    json!({"parent": scene.main(), "bastion_user_id": id, "bastion_user": {"display_name": id}})
}

async fn account(b: &Client, scene: &Scene, asset: &str, id: &str) -> String {
    let create = json!({"parent": scene.named("assets", asset), "asset_account_id": id,
        "asset_account": {"login_name": id}});
    text(&b.call(CREATE_ACCOUNT, create).await.unwrap(), "name").to_owned()
}

/// The assets of `ann` that are asked for, each with the ids of its accounts.
async fn reached(scene: &Scene, with: Value) -> Vec<(String, Vec<String>)> {
    let mut list = json!({"parent": scene.named("bastionUsers", "ann")});
    list.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
    let page = scene.administrator.root.call(USER_ASSETS, list).await.unwrap();
    let last = |name: &Value| name.as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let assets = page["userAssets"].as_array().unwrap().iter();
    let asset = |asset: &Value| {
        let accounts: Vec<_> = asset["assetAccounts"].as_array().unwrap().iter().map(last).collect();
        assert_eq!(asset["noAccountsFound"], json!(accounts.is_empty()), "{asset}");
        (last(&asset["asset"]), accounts)
    };
    assets.map(asset).collect()
}

fn with(asset: &str, accounts: &[&str]) -> (String, Vec<String>) {
    (asset.to_owned(), accounts.iter().map(|id| (*id).to_owned()).collect())
}

/// Users are made by hand, or of RAM users of any account of the directory, and are locked and unlocked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_made_by_hand_or_of_ram_users_and_locked() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::set_up(databases).await;
        let b = &scene.administrator.root;
        let mut ann = new_user(&scene, "ann");
        ann["bastion_user"]["public_keys"] = json!([{"public_key": format!("{KEY} ann@laptop")}]);
        scene.refused_to_others(CREATE_USER, &ann).await;
        let made = b.call(CREATE_USER, ann.clone()).await.unwrap();
        assert_eq!(text(&made["publicKeys"][0], "publicKey"), KEY);
        assert_eq!(
            (text(&made, "source"), text(&made, "state")),
            ("BASTION_USER_SOURCE_LOCAL", "BASTION_USER_STATE_NORMAL")
        );
        assert_eq!(b.refused(CREATE_USER, ann).await.reason, "RESOURCE_EXISTS");
        let mut twice = new_user(&scene, "twice");
        twice["bastion_user"]["public_keys"] = json!([{"public_key": KEY}, {"public_key": format!("{KEY} again")}]);
        assert_eq!(b.refused(CREATE_USER, twice).await.fields, ["bastion_user.public_keys[1].public_key"]);
        let mut weak = new_user(&scene, "weak");
        weak["bastion_user"]["public_keys"] = json!([{"public_key": "ssh-dss AAAAB3NzaC1kc3MAAAABAQ=="}]);
        assert_eq!(b.refused(CREATE_USER, weak).await.fields, ["bastion_user.public_keys[0].public_key"]);

        user(&scene.client, "bob", &[]).await;
        let bob = format!("{}/users/bob", scene.client.name);
        let import = |ram_user: &str| json!({"parent": scene.main(), "imports": [{"ram_user": ram_user}]});
        scene.refused_to_others(IMPORT_USERS, &import(&bob)).await;
        let known = async || codes(&b.call(IMPORT_USERS, import(&bob)).await.unwrap())[0] != "OBJECT_NOT_FOUND";
        until("the RAM user is known", known).await;
        let several = json!({"parent": scene.main(), "imports": [
            {"ram_user": bob}, {"ram_user": format!("{}/users/nobody", scene.client.name)}, {"ram_user": "bob"},
            {"ram_user": format!("{}/users/root", scene.client.name)},
        ]});
        let done = b.call(IMPORT_USERS, several).await.unwrap();
        assert_eq!(codes(&done), ["OBJECT_ALREADY_EXISTS", "OBJECT_NOT_FOUND", "INVALID_ARGUMENT", "INVALID_ARGUMENT"]);
        let stranger = format!("accounts/9999999999999999/users/{}", "bob");
        let mut foreign = new_user(&scene, "foreign");
        foreign["bastion_user"]["ram_user"] = json!(stranger);
        assert_eq!(b.refused(CREATE_USER, foreign).await.reason, "BASTION_REFERENCE_UNKNOWN");
        let bob_here = json!({"name": scene.named("bastionUsers", "bob")});
        let state = async || text(&b.call(GET_USER, bob_here.clone()).await.unwrap(), "state").to_owned();
        assert_eq!(state().await, "BASTION_USER_STATE_NORMAL");
        scene.refused_to_others(LOCK, &bob_here).await;
        let locked = b.call(LOCK, bob_here.clone()).await.unwrap();
        assert_eq!(text(&locked, "state"), "BASTION_USER_STATE_FROZEN");
        scene.refused_to_others(UNLOCK, &bob_here).await;
        assert_eq!(text(&b.call(UNLOCK, bob_here.clone()).await.unwrap(), "state"), "BASTION_USER_STATE_NORMAL");
        let past = json!({"bastion_user": {"name": scene.named("bastionUsers", "bob"),
            "expire_time": "2000-01-01T00:00:00Z"}, "update_mask": "expireTime"});
        scene.refused_to_others(UPDATE_USER, &past).await;
        assert_eq!(text(&b.call(UPDATE_USER, past).await.unwrap(), "state"), "BASTION_USER_STATE_EXPIRED");
        scene.client.root.call("directory.v1.UserService/DeleteUser", json!({"name": bob})).await.unwrap();
        until("the user's RAM user is gone", async || state().await == "BASTION_USER_STATE_REMOTE_DELETED").await;
        b.call(DELETE_USER, bob_here).await.unwrap();
        let list = json!({"parent": scene.main()});
        let left = b.call(LIST_USERS, list).await.unwrap();
        assert_eq!(left["bastionUsers"].as_array().unwrap().len(), 1);
        scene.suite.stop().await;
    }
}

/// covers: R-BAS-16, R-BAS-17, R-BAS-19, R-BAS-20, R-BAS-22, R-BAS-23, E-BAS-06, E-BAS-12
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_has_what_is_granted_while_it_is() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::set_up(databases).await;
        let b = &scene.administrator.root;
        scene.imported(&scene.client.name, "i-1", "web").await;
        scene.imported(&scene.client.name, "d-1", "orders").await;
        scene.imported(&scene.member, "i-1", "other").await;
        let app = json!({"kind": "ASSET_KIND_APPLICATION", "display_name": "wiki", "public_address": "wiki.example"});
        b.call(CREATE_ASSET, json!({"parent": scene.main(), "asset_id": "wiki", "asset": app})).await.unwrap();
        let root = account(b, &scene, "web", "root").await;
        account(b, &scene, "web", "deploy").await;
        account(b, &scene, "orders", "dba").await;
        b.call(CREATE_USER, new_user(&scene, "ann")).await.unwrap();
        assert_eq!(reached(&scene, json!({})).await, [], "nobody has what is not granted");

        let asset = |id: &str| json!({"asset": scene.named("assets", id)});
        let grant = json!({"parent": scene.main(), "grant_id": "g", "grant": {"display_name": "g", "enabled": true,
            "bastion_users": [scene.named("bastionUsers", "ann")],
            "assets": [{"asset": scene.named("assets", "web"), "asset_accounts": [root]}, asset("wiki"), asset("other"),
                {"asset": scene.named("assets", "orders"), "all_accounts": true}]}});
        scene.refused_to_others(CREATE_GRANT, &grant).await;
        let made = b.call(CREATE_GRANT, grant.clone()).await.unwrap();
        assert_eq!(text(&made, "state"), "GRANT_STATE_ACTIVE");
        let all = [with("orders", &["dba"]), with("other", &[]), with("web", &["root"]), with("wiki", &[])];
        assert_eq!(reached(&scene, json!({})).await, all, "and no account but those that are");
        let list = json!({"parent": scene.named("bastionUsers", "ann")});
        scene.refused_to_others(USER_ASSETS, &list).await;
        for (kind, ids) in [("HOST", &["other", "web"][..]), ("DATABASE", &["orders"]), ("APPLICATION", &["wiki"])] {
            let found = reached(&scene, json!({"kind": format!("ASSET_KIND_{kind}")})).await;
            assert_eq!(found.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ids);
        }
        assert_eq!(reached(&scene, json!({"owner_account": scene.member})).await, [with("other", &[])]);
        let first = json!({"parent": list["parent"], "page_size": 3});
        let page = b.call(USER_ASSETS, first.clone()).await.unwrap();
        let mut rest = first;
        rest["page_token"] = page["nextPageToken"].clone();
        let rest = b.call(USER_ASSETS, rest).await.unwrap();
        assert_eq!((rest["userAssets"].as_array().unwrap().len(), text(&rest, "nextPageToken")), (1, ""));

        let update = |field: &str, value: Value| {
            let mut grant = json!({"name": scene.named("grants", "g")});
            grant[field] = value;
            json!({"grant": grant, "update_mask": field})
        };
        account(b, &scene, "other", "admin").await;
        let wider = update("assets", json!([{"asset": scene.named("assets", "other"), "all_accounts": true}]));
        scene.refused_to_others(UPDATE_GRANT, &wider).await;
        b.call(UPDATE_GRANT, wider).await.unwrap();
        assert_eq!(reached(&scene, json!({})).await, [with("other", &["admin"])], "as it was updated");
        let name = json!({"name": scene.named("grants", "g")});
        scene.refused_to_others(DISABLE_GRANT, &name).await;
        assert_eq!(text(&b.call(DISABLE_GRANT, name.clone()).await.unwrap(), "state"), "GRANT_STATE_DISABLED");
        assert_eq!(reached(&scene, json!({})).await, []);
        scene.refused_to_others(ENABLE_GRANT, &name).await;
        b.call(ENABLE_GRANT, name.clone()).await.unwrap();
        for (field, time, state) in [
            ("startTime", "2999-01-01T00:00:00Z", "GRANT_STATE_PENDING"),
            ("startTime", "2000-01-01T00:00:00Z", "GRANT_STATE_ACTIVE"),
            ("endTime", "2001-01-01T00:00:00Z", "GRANT_STATE_EXPIRED"),
        ] {
            assert_eq!(text(&b.call(UPDATE_GRANT, update(field, json!(time))).await.unwrap(), "state"), state);
            assert_eq!(reached(&scene, json!({})).await.is_empty(), state != "GRANT_STATE_ACTIVE", "{state}");
        }
        let refused = b.refused(UPDATE_GRANT, update("endTime", json!("1999-01-01T00:00:00Z"))).await;
        assert_eq!(refused.fields, ["grant.end_time"]);

        let used = b.refused(DELETE_USER, json!({"name": scene.named("bastionUsers", "ann")})).await;
        assert_eq!((used.code, &*used.reason), (Code::FailedPrecondition, "BASTION_RESOURCE_IN_USE"));
        let used = b.refused(DELETE_ASSET, json!({"name": scene.named("assets", "other")})).await;
        assert_eq!(
            (&*used.reason, &used.metadata["used_by"]),
            ("BASTION_RESOURCE_IN_USE", &scene.named("grants", "g"))
        );
        let several = json!({"parent": scene.main(), "names": [scene.named("assets", "other")]});
        let done = b.call("bastion.v1.AssetService/BatchDeleteAssets", several).await.unwrap();
        assert_eq!(codes(&done), ["UNEXPECTED"], "something else stands against it");
        let accounts: Vec<_> =
            (0..10).map(|n| format!("{}/assetAccounts/a-{n}", scene.named("assets", "web"))).collect();
        let assets: Vec<_> = (0..11).map(|n| asset(&format!("a-{n}"))).collect();
        for (value, field) in [
            (
                json!([{"asset": scene.named("assets", "web"), "asset_accounts": accounts}]),
                "grant.assets[0].asset_accounts",
            ),
            (json!(assets), "grant.assets"),
            (
                json!([{"asset": scene.named("assets", "web"), "asset_accounts": [root], "all_accounts": true}]),
                "grant.assets[0].all_accounts",
            ),
            (
                json!([{"asset": scene.named("assets", "orders"), "asset_accounts": [root]}]),
                "grant.assets[0].asset_accounts[0]",
            ),
            (json!([asset("none")]), "grant.assets"),
            (json!([]), "grant.assets"),
        ] {
            assert_eq!(b.refused(UPDATE_GRANT, update("assets", value)).await.fields, [field]);
        }
        b.call(DELETE_GRANT, name).await.unwrap();
        b.call(DELETE_USER, json!({"name": scene.named("bastionUsers", "ann")})).await.unwrap();
        scene.suite.stop().await;
    }
}

/// covers: R-BAS-18, R-BAS-21
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_of_users_are_granted_accounts_of_groups_of_assets() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::set_up(databases).await;
        let b = &scene.administrator.root;
        scene.imported(&scene.client.name, "i-1", "web").await;
        scene.imported(&scene.client.name, "d-1", "orders").await;
        for (asset, id) in [("web", "root"), ("web", "deploy"), ("orders", "deploy")] {
            account(b, &scene, asset, id).await;
        }
        b.call(CREATE_USER, new_user(&scene, "ann")).await.unwrap();
        let group = json!({"parent": scene.main(), "user_group_id": "staff", "user_group": {"display_name": "staff"}});
        scene.refused_to_others(CREATE_USER_GROUP, &group).await;
        b.call(CREATE_USER_GROUP, group).await.unwrap();
        let shop = json!({"parent": scene.main(), "asset_group_id": "shop", "asset_group": {"display_name": "shop"}});
        b.call(CREATE_GROUP, shop).await.unwrap();
        let in_shop =
            |id: &str| json!({"name": scene.named("assetGroups", "shop"), "assets": [scene.named("assets", id)]});
        b.call(ADD_ASSETS, in_shop("web")).await.unwrap();
        let grant = json!({"parent": scene.main(), "grant_id": "g", "grant": {"display_name": "g", "enabled": true,
            "user_groups": [scene.named("userGroups", "staff")],
            "asset_groups": [{"asset_group": scene.named("assetGroups", "shop"), "login_names": ["deploy"]}]}});
        b.call(CREATE_GRANT, grant).await.unwrap();
        assert_eq!(reached(&scene, json!({})).await, [], "who is in no group has nothing of it");
        let users = json!({"name": scene.named("userGroups", "staff"),
            "bastion_users": [scene.named("bastionUsers", "ann"), scene.named("bastionUsers", "none")]});
        scene.refused_to_others(ADD_USERS, &users).await;
        assert_eq!(codes(&b.call(ADD_USERS, users.clone()).await.unwrap()), ["OK", "OBJECT_NOT_FOUND"]);
        assert_eq!(reached(&scene, json!({})).await, [with("web", &["deploy"])]);
        b.call(ADD_ASSETS, in_shop("orders")).await.unwrap();
        let both = [with("orders", &["deploy"]), with("web", &["deploy"])];
        assert_eq!(reached(&scene, json!({})).await, both, "whatever comes into the group");
        let members = json!({"parent": scene.main(), "user_group": scene.named("userGroups", "staff")});
        assert_eq!(b.call(LIST_USERS, members.clone()).await.unwrap()["bastionUsers"].as_array().unwrap().len(), 1);
        for (method, name) in [
            (DELETE_USER_GROUP, scene.named("userGroups", "staff")),
            ("bastion.v1.AssetGroupService/DeleteAssetGroup", scene.named("assetGroups", "shop")),
        ] {
            assert_eq!(b.refused(method, json!({"name": name})).await.reason, "BASTION_RESOURCE_IN_USE");
        }
        b.call(REMOVE_ASSETS, in_shop("orders")).await.unwrap();
        assert_eq!(reached(&scene, json!({})).await, [with("web", &["deploy"])]);
        scene.refused_to_others(REMOVE_USERS, &users).await;
        assert_eq!(codes(&b.call(REMOVE_USERS, users).await.unwrap()), ["OK", "OBJECT_NOT_FOUND"]);
        assert_eq!(reached(&scene, json!({})).await, []);
        assert_eq!(b.call(LIST_USERS, members).await.unwrap()["bastionUsers"], json!([]));
        scene.suite.stop().await;
    }
}

/// A list of what a user has says where no session begins. The owner of what is granted sees who changed what of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_released_or_suspended_is_said_and_its_owner_sees_what_is_done_with_it() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::set_up(databases).await;
        let b = &scene.administrator.root;
        scene.imported(&scene.client.name, "i-1", "web").await;
        scene.imported(&scene.member, "i-1", "other").await;
        account(b, &scene, "web", "root").await;
        b.call(CREATE_USER, new_user(&scene, "ann")).await.unwrap();
        let shop = json!({"parent": scene.main(), "asset_group_id": "shop", "asset_group": {"display_name": "shop"}});
        b.call(CREATE_GROUP, shop).await.unwrap();
        let assets = json!([scene.named("assets", "web"), scene.named("assets", "other")]);
        let put = json!({"name": scene.named("assetGroups", "shop"), "assets": assets});
        b.call(ADD_ASSETS, put).await.unwrap();
        let grant = json!({"parent": scene.main(), "grant_id": "g", "grant": {"display_name": "g", "enabled": true,
            "bastion_users": [scene.named("bastionUsers", "ann")],
            "asset_groups": [{"asset_group": scene.named("assetGroups", "shop"), "all_accounts": true}]}});
        b.call(CREATE_GRANT, grant).await.unwrap();
        let list = json!({"parent": scene.named("bastionUsers", "ann")});
        let states = async || {
            let page = b.call(USER_ASSETS, list.clone()).await.unwrap();
            let assets = page["userAssets"].as_array().unwrap().clone();
            assets.iter().map(|asset| (text(asset, "state").to_owned(), asset["suspended"].clone())).collect::<Vec<_>>()
        };
        let normal = ("ASSET_STATE_NORMAL".to_owned(), json!(false));
        assert_eq!(states().await, [normal.clone(), normal.clone()]);
        b.call(REPORT, json!({"parent": scene.member, "released_source_ids": ["i-1"]})).await.unwrap();
        let released = ("ASSET_STATE_RELEASED".to_owned(), json!(false));
        assert_eq!(states().await, [released, normal], "the other, and the web");

        let client = &scene.client;
        let read = json!({"parent": client.name, "page_size": 1_000});
        let trail = async || client.root.call(ACCOUNT_TRAIL, read.clone()).await.unwrap().to_string();
        until("the grant is in the trail of the owner", async || trail().await.contains("CreateGrant")).await;
        let trail = trail().await;
        for method in ["CreateAssetAccount", "AddAssetGroupAssets", "ReportInventory", "ImportAssets"] {
            assert!(trail.contains(method), "{method}");
        }
        let none = scene.other.root.call(ACCOUNT_TRAIL, json!({"parent": scene.other.name, "page_size": 1_000})).await;
        assert!(!none.unwrap().to_string().contains("bastion.v1.GrantService"), "nothing of it is theirs");

        let leaves = format!("{}/members/{}", scene.directory, client.name.trim_start_matches("accounts/"));
        let remove = "directory.v1.MemberService/RemoveMember";
        scene.management.root.call(remove, json!({"name": leaves})).await.unwrap();
        until("the asset of who left is suspended", async || states().await[1].1 == json!(true)).await;
        scene.suite.stop().await;
    }
}
