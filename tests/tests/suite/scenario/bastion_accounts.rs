//! What assets are reached through and signed in with: groups, accounts, shared keys, network domains.

use serde_json::{Value, json};
use tonic::Code;

use super::bastion::{CREATE_ASSET, CREATE_INSTANCE, REPORT, Scene, codes, host};
use crate::{
    live::{Databases, text},
    patience::until,
};

const CREATE_GROUP: &str = "bastion.v1.AssetGroupService/CreateAssetGroup";
const UPDATE_GROUP: &str = "bastion.v1.AssetGroupService/UpdateAssetGroup";
const DELETE_GROUP: &str = "bastion.v1.AssetGroupService/DeleteAssetGroup";
const ADD_ASSETS: &str = "bastion.v1.AssetGroupService/AddAssetGroupAssets";
const REMOVE_ASSETS: &str = "bastion.v1.AssetGroupService/RemoveAssetGroupAssets";
const LIST_ASSETS: &str = "bastion.v1.AssetService/ListAssets";
const GET_ASSET: &str = "bastion.v1.AssetService/GetAsset";
const UPDATE_ASSET: &str = "bastion.v1.AssetService/UpdateAsset";
const DELETE_ASSET: &str = "bastion.v1.AssetService/DeleteAsset";
const CREATE_ACCOUNT: &str = "bastion.v1.AssetAccountService/CreateAssetAccount";
const GET_ACCOUNT: &str = "bastion.v1.AssetAccountService/GetAssetAccount";
const LIST_ACCOUNTS: &str = "bastion.v1.AssetAccountService/ListAssetAccounts";
const UPDATE_ACCOUNT: &str = "bastion.v1.AssetAccountService/UpdateAssetAccount";
const RESET: &str = "bastion.v1.AssetAccountService/ResetAssetAccountCredentials";
const CREATE_KEY: &str = "bastion.v1.SharedKeyService/CreateSharedKey";
const UPDATE_KEY: &str = "bastion.v1.SharedKeyService/UpdateSharedKey";
const DELETE_KEY: &str = "bastion.v1.SharedKeyService/DeleteSharedKey";
const CREATE_DOMAIN: &str = "bastion.v1.NetworkDomainService/CreateNetworkDomain";
const GET_DOMAIN: &str = "bastion.v1.NetworkDomainService/GetNetworkDomain";
const UPDATE_DOMAIN: &str = "bastion.v1.NetworkDomainService/UpdateNetworkDomain";
const DELETE_DOMAIN: &str = "bastion.v1.NetworkDomainService/DeleteNetworkDomain";
const MOVE: &str = "bastion.v1.NetworkDomainService/MoveAssets";
const AUDIT: &str = "audit.v1.AuditService/ListDirectoryAuditEntries";

/// Made for this test, and used nowhere.
const KEY: &str = "\
-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACAvFqyh8nqhAzeSUKrGTRJRA5axPCzbWr5tyv0dH+VGeAAAAJCSSa7+kkmu
/gAAAAtzc2gtZWQyNTUxOQAAACAvFqyh8nqhAzeSUKrGTRJRA5axPCzbWr5tyv0dH+VGeA
AAAEDIQddqXDKYFd/zvPqVxFMbf/oHFrOvGwQ5klP1mTlSyi8WrKHyeqEDN5JQqsZNElED
lrE8LNtavm3K/R0f5UZ4AAAAB2NvbW1lbnQBAgMEBQY=
-----END OPENSSH PRIVATE KEY-----
";
const FINGERPRINT: &str = "SHA256:YN51wrVwuh6YiSHR8ULFjPU1pmn9LNtmcVfMQJYImQA";
const HOST_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC8WrKHyeqEDN5JQqsZNElEDlrE8LNtavm3K/R0f5UZ4";
const OTHER_HOST_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFo4zaeqsyMwQEzGX/3wrcZGioG9VdkkaSPiXgSnc4M+";
const WEAK_KEY: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDI8IfO0Uvl/ytad/B1b+pDRVtwiuqiWxSM/nhX45vU8lnMe6AoiDKktZkFTtPpBLLUOEZd3RLeMUqBZtgJs0KRInlhsMjQfAgm0BhV4PVdk4Z9709MJpNIloWrRt/2uT4b5Q8ZbHJJVl9YqzfEO0/g8OYnGRSomlXgnm8INy/VWQ==";
const PASSWORD: &str = "correct horse battery staple";

fn assets(scene: &Scene, ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| scene.named("assets", id)).collect()
}

async fn listed(scene: &Scene, part: &str, name: &str) -> Vec<String> {
    let mut list = json!({"parent": scene.main()});
    list[part] = json!(name);
    let page = scene.administrator.root.call(LIST_ASSETS, list).await.unwrap();
    page["assets"].as_array().unwrap().iter().map(|a| text(a, "name").rsplit('/').next().unwrap().to_owned()).collect()
}

/// A host that was added by hand.
async fn by_hand(scene: &Scene, id: &str, kind: &str) {
    let asset = json!({"kind": format!("ASSET_KIND_{kind}"), "display_name": id, "public_address": "192.0.2.7"});
    let create = json!({"parent": scene.main(), "asset_id": id, "asset": asset});
    scene.administrator.root.call(CREATE_ASSET, create).await.unwrap();
}

/// covers: R-BAS-47, E-BAS-06
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn assets_of_clients_are_kept_apart_in_groups() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::set_up(databases).await;
        let b = &scene.administrator.root;
        scene.imported(&scene.client.name, "i-1", "web").await;
        scene.imported(&scene.client.name, "d-1", "orders").await;
        scene.imported(&scene.member, "i-1", "other").await;
        let group = |id: &str| json!({"parent": scene.main(), "asset_group_id": id, "asset_group": {"display_name": format!("of {id}")}});
        scene.refused_to_others(CREATE_GROUP, &group("client")).await;
        b.call(CREATE_GROUP, group("client")).await.unwrap();
        b.call(CREATE_GROUP, group("member")).await.unwrap();
        let mut same = group("same");
        same["asset_group"]["display_name"] = json!("of client");
        assert_eq!(b.refused(CREATE_GROUP, same).await.reason, "RESOURCE_EXISTS");
        let name = scene.named("assetGroups", "client");
        let add = json!({"name": name, "assets": assets(&scene, &["web", "orders", "none"])});
        scene.refused_to_others(ADD_ASSETS, &add).await;
        assert_eq!(codes(&b.call(ADD_ASSETS, add).await.unwrap()), ["OK", "OK", "OBJECT_NOT_FOUND"]);
        let again = json!({"name": name, "assets": assets(&scene, &["web"])});
        assert_eq!(codes(&b.call(ADD_ASSETS, again.clone()).await.unwrap()), ["OBJECT_ALREADY_EXISTS"]);
        let other = json!({"name": scene.named("assetGroups", "member"), "assets": assets(&scene, &["other"])});
        b.call(ADD_ASSETS, other).await.unwrap();
        assert_eq!(listed(&scene, "asset_group", &name).await, ["orders", "web"], "of one client alone");
        scene.refused_to_others(REMOVE_ASSETS, &again).await;
        assert_eq!(codes(&b.call(REMOVE_ASSETS, again.clone()).await.unwrap()), ["OK"]);
        assert_eq!(codes(&b.call(REMOVE_ASSETS, again).await.unwrap()), ["OBJECT_NOT_FOUND"]);
        assert_eq!(listed(&scene, "asset_group", &name).await, ["orders"]);
        b.call(DELETE_ASSET, json!({"name": scene.named("assets", "orders")})).await.unwrap();
        scene.imported(&scene.client.name, "d-1", "orders").await;
        assert_eq!(listed(&scene, "asset_group", &name).await, Vec::<String>::new(), "it is another asset");

        let many: Vec<_> = (0..101).map(|n| scene.named("assets", &format!("a-{n}"))).collect();
        let refused = b.refused(ADD_ASSETS, json!({"name": name, "assets": many})).await;
        assert_eq!((refused.code, refused.fields), (Code::InvalidArgument, vec!["assets".to_owned()]));
        let elsewhere = scene.named("assets", "web").replace("/main/", "/elsewhere/");
        let refused = b.refused(ADD_ASSETS, json!({"name": name, "assets": [elsewhere]})).await;
        assert_eq!(refused.fields, ["assets[0]"]);
        let update = json!({"asset_group": {"name": name, "comment": "theirs"}, "update_mask": "comment"});
        assert_eq!(text(&b.call(UPDATE_GROUP, update).await.unwrap(), "displayName"), "of client");
        b.call(DELETE_GROUP, json!({"name": name})).await.unwrap();
        let list = json!({"parent": scene.main(), "asset_group": name});
        assert_eq!(b.call(LIST_ASSETS, list).await.unwrap()["assets"], json!([]));
        scene.suite.stop().await;
    }
}

/// covers: R-BAS-24, E-BAS-16
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_are_signed_in_with_secrets_that_nobody_reads() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::set_up(databases).await;
        let b = &scene.administrator.root;
        by_hand(&scene, "web", "HOST").await;
        by_hand(&scene, "orders", "DATABASE").await;
        let account = |asset: &str, id: &str, with: Value| {
            let mut account = with;
            account["login_name"] = json!(id);
            json!({"parent": scene.named("assets", asset), "asset_account_id": id, "asset_account": account})
        };
        let root = account("web", "root", json!({"password": PASSWORD}));
        scene.refused_to_others(CREATE_ACCOUNT, &root).await;
        let mut once = root.clone();
        once["request_id"] = json!("3f0c2c62-3a0b-4bb8-8f4b-5f6f2f9f5a11");
        let made = b.call(CREATE_ACCOUNT, once.clone()).await.unwrap();
        assert_eq!((text(&made, "password"), &made["credentials"]), ("", &json!(["CREDENTIAL_KIND_PASSWORD"])));
        assert_eq!(b.call(CREATE_ACCOUNT, once.clone()).await.unwrap(), made, "a repetition gets the first result");
        once["asset_account"]["password"] = json!("another");
        assert_eq!(b.refused(CREATE_ACCOUNT, once).await.reason, "REQUEST_ID_REUSED", "a secret is a part of it");
        let mut same = account("web", "admin", json!({}));
        same["asset_account"]["login_name"] = json!("root");
        assert_eq!(b.refused(CREATE_ACCOUNT, same).await.reason, "RESOURCE_EXISTS");
        b.call(CREATE_ACCOUNT, account("orders", "root", json!({"password": PASSWORD}))).await.unwrap();

        let name = text(&made, "name").to_owned();
        let with_key = json!({"asset_account": {"name": name, "private_key": KEY}, "update_mask": "privateKey"});
        let both = b.call(UPDATE_ACCOUNT, with_key).await.unwrap();
        let order = json!(["CREDENTIAL_KIND_PRIVATE_KEY", "CREDENTIAL_KIND_PASSWORD"]);
        assert_eq!(both["credentials"], order, "the key comes first");
        assert_eq!((text(&both, "privateKey"), text(&both, "privateKeyFingerprint")), ("", FINGERPRINT));
        let all = json!({"asset_account": {"name": name, "login_name": "root", "comment": "of all of us"}});
        let after = b.call(UPDATE_ACCOUNT, all).await.unwrap();
        assert_eq!(after["credentials"], order, "what nobody can read need not be sent back");
        let forget = json!({"asset_account": {"name": name}, "update_mask": "password"});
        let after = b.call(UPDATE_ACCOUNT, forget).await.unwrap();
        assert_eq!(after["credentials"], json!(["CREDENTIAL_KIND_PRIVATE_KEY"]));

        let key = json!({"parent": scene.main(), "shared_key_id": "fleet",
            "shared_key": {"display_name": "fleet", "private_key": KEY}});
        scene.refused_to_others(CREATE_KEY, &key).await;
        let shared = b.call(CREATE_KEY, key).await.unwrap();
        assert_eq!((text(&shared, "privateKey"), text(&shared, "fingerprint")), ("", FINGERPRINT));
        assert_eq!(text(&shared, "publicKey"), HOST_KEY);
        let shared = text(&shared, "name").to_owned();
        let beside = json!({"asset_account": {"name": name, "shared_key": shared}, "update_mask": "sharedKey"});
        assert_eq!(b.refused(UPDATE_ACCOUNT, beside.clone()).await.fields, ["asset_account.shared_key"]);
        let reset = json!({"name": name, "kinds": ["CREDENTIAL_KIND_PRIVATE_KEY"]});
        scene.refused_to_others(RESET, &reset).await;
        assert_eq!(b.call(RESET, reset).await.unwrap()["credentials"], json!([]));
        let after = b.call(UPDATE_ACCOUNT, beside).await.unwrap();
        assert_eq!((text(&after, "sharedKey"), text(&after, "privateKeyFingerprint")), (&*shared, ""));
        let refused = b.refused(DELETE_KEY, json!({"name": shared})).await;
        assert_eq!((&*refused.reason, &*refused.metadata["used_by"]), ("BASTION_RESOURCE_IN_USE", &*name));
        let rotated = json!({"shared_key": {"name": shared, "display_name": "all"}});
        assert_eq!(text(&b.call(UPDATE_KEY, rotated).await.unwrap(), "fingerprint"), FINGERPRINT, "it stays");
        b.call(RESET, json!({"name": name})).await.unwrap();
        b.call(DELETE_KEY, json!({"name": shared})).await.unwrap();

        for (asset, with, field) in [
            ("web", json!({"private_key": "no key"}), "private_key"),
            ("web", json!({"private_key": KEY.replace("b3Blbn", "b3Blbm")}), "private_key"),
            ("web", json!({"password": "x".repeat(257)}), "password"),
            ("web", json!({"shared_key": shared}), "shared_key"),
            ("orders", json!({"private_key": KEY}), "private_key"),
        ] {
            let refused = b.refused(CREATE_ACCOUNT, account(asset, "wrong", with)).await;
            assert_eq!(refused.fields, [format!("asset_account.{field}")]);
            assert!(!refused.message.contains("b3Blb"), "{}", refused.message);
        }
        let refused = b.refused(CREATE_ACCOUNT, account("web", "a%b", json!({}))).await;
        assert_eq!(refused.fields, ["asset_account_id", "asset_account.login_name"]);
        let none = json!({"parent": scene.named("assets", "none")});
        assert_eq!(b.refused(LIST_ACCOUNTS, none).await.reason, "RESOURCE_NOT_FOUND");
        let list = json!({"parent": scene.named("assets", "web")});
        let listed = b.call(LIST_ACCOUNTS, list).await.unwrap();
        assert_eq!(listed["assetAccounts"].as_array().unwrap().len(), 1);
        let read = json!({"parent": scene.directory, "page_size": 1_000});
        let trail = async || scene.management.root.call(AUDIT, read.clone()).await.unwrap().to_string();
        until("the changes are in the trail", async || trail().await.contains("ResetAssetAccountCredentials")).await;
        let trail = trail().await;
        assert!(trail.contains("CreateAssetAccount") && trail.contains("UpdateAssetAccount"));
        assert!(!trail.contains(PASSWORD) && !trail.contains("b3BlbnNzaC1rZXk"));
        b.call(DELETE_ASSET, json!({"name": scene.named("assets", "web")})).await.unwrap();
        by_hand(&scene, "web", "HOST").await;
        assert_eq!(b.refused(GET_ACCOUNT, json!({"name": name})).await.reason, "RESOURCE_NOT_FOUND");
        scene.suite.stop().await;
    }
}

/// covers: E-BAS-03
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn network_domains_bridge_to_assets_of_other_networks() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::set_up(databases).await;
        let b = &scene.administrator.root;
        scene.imported(&scene.member, "i-1", "web").await;
        by_hand(&scene, "partner", "HOST").await;
        let ssh = json!({"protocol": "PROXY_PROTOCOL_SSH", "address": "jump.example", "user": "bastion",
            "password": PASSWORD, "host_keys": [HOST_KEY]});
        let socks = json!({"protocol": "PROXY_PROTOCOL_SOCKS5", "address": "192.0.2.9", "port": 1081});
        let domain = |id: &str, with: Value| {
            let mut domain = with;
            domain["display_name"] = json!(id);
            json!({"parent": scene.main(), "network_domain_id": id, "network_domain": domain})
        };
        let proxied = json!({"mode": "NETWORK_DOMAIN_MODE_PROXY", "primary_proxy": ssh, "secondary_proxy": socks});
        let office = domain("office", proxied.clone());
        scene.refused_to_others(CREATE_DOMAIN, &office).await;
        let made = b.call(CREATE_DOMAIN, office).await.unwrap();
        let primary = &made["primaryProxy"];
        assert_eq!((text(primary, "password"), &primary["hasPassword"]), ("", &json!(true)));
        assert_eq!(made["secondaryProxy"]["port"], json!(1081));
        b.call(CREATE_DOMAIN, domain("direct", json!({"mode": "NETWORK_DOMAIN_MODE_DIRECT"}))).await.unwrap();

        let name = scene.named("networkDomains", "office");
        let movement = json!({"parent": scene.main(), "network_domain": name,
            "assets": assets(&scene, &["web", "partner", "none"])});
        scene.refused_to_others(MOVE, &movement).await;
        assert_eq!(codes(&b.call(MOVE, movement).await.unwrap()), ["OK", "OK", "OBJECT_NOT_FOUND"]);
        let web = b.call(GET_ASSET, json!({"name": scene.named("assets", "web")})).await.unwrap();
        assert_eq!(text(&web, "networkDomain"), name);
        assert_eq!(listed(&scene, "network_domain", &name).await, ["partner", "web"], "of a member, and of nobody");
        let refused = b.refused(DELETE_DOMAIN, json!({"name": name})).await;
        assert_eq!(refused.reason, "BASTION_RESOURCE_IN_USE");

        // A password is for the proxy that it was set for.
        let mut other = ssh.clone();
        other.as_object_mut().unwrap().remove("password");
        other["host_keys"] = json!([HOST_KEY]);
        let update = |proxy: &Value| json!({"network_domain": {"name": name, "primary_proxy": proxy}, "update_mask": "primaryProxy"});
        scene.refused_to_others(UPDATE_DOMAIN, &update(&other)).await;
        let kept = b.call(UPDATE_DOMAIN, update(&other)).await.unwrap();
        assert_eq!(kept["primaryProxy"]["hasPassword"], json!(true));
        other["host_keys"] = json!([HOST_KEY, OTHER_HOST_KEY]);
        let refused = b.refused(UPDATE_DOMAIN, update(&other)).await;
        assert_eq!(refused.fields, ["network_domain.primary_proxy.password"], "not for whoever shows another key");
        other["host_keys"] = json!([HOST_KEY]);
        other["address"] = json!("elsewhere.example");
        let refused = b.refused(UPDATE_DOMAIN, update(&other)).await;
        assert_eq!(refused.fields, ["network_domain.primary_proxy.password"]);
        other["private_key"] = json!(KEY);
        let moved = b.call(UPDATE_DOMAIN, update(&other)).await.unwrap();
        let primary = &moved["primaryProxy"];
        assert_eq!((text(primary, "privateKeyFingerprint"), &primary["hasPassword"]), (FINGERPRINT, &json!(false)));

        for (with, field) in [
            (json!({"mode": "NETWORK_DOMAIN_MODE_PROXY"}), "primary_proxy"),
            (json!({"mode": "NETWORK_DOMAIN_MODE_DIRECT", "primary_proxy": socks}), "primary_proxy"),
            (json!({"mode": 0}), "mode"),
        ] {
            let refused = b.refused(CREATE_DOMAIN, domain("wrong", with)).await;
            assert_eq!(refused.fields, [format!("network_domain.{field}")]);
        }
        for (field, value) in [
            ("host_keys", json!([])),
            ("host_keys", json!([WEAK_KEY])),
            ("user", json!("")),
            ("address", json!("Not A Host")),
            ("port", json!(70_000)),
        ] {
            let mut wrong = proxied.clone();
            wrong["primary_proxy"][field] = value;
            let refused = b.refused(CREATE_DOMAIN, domain("wrong", wrong)).await;
            assert!(refused.fields[0].starts_with(&format!("network_domain.primary_proxy.{field}")), "{refused:?}");
        }
        let basic = json!({"display_name": "basic", "region": "eu-1", "edition": "BASTION_EDITION_BASIC"});
        let basic = json!({"parent": scene.directory, "bastion_instance_id": "basic", "bastion_instance": basic});
        b.call(CREATE_INSTANCE, basic).await.unwrap();
        let mut there = domain("office", proxied);
        there["parent"] = json!(format!("{}/bastionInstances/basic", scene.directory));
        assert_eq!(b.refused(CREATE_DOMAIN, there).await.reason, "BASTION_EDITION_REQUIRED");
        let out = json!({"parent": scene.main(), "assets": assets(&scene, &["web", "partner"])});
        b.call(MOVE, out).await.unwrap();
        b.call(DELETE_DOMAIN, json!({"name": name})).await.unwrap();
        assert_eq!(b.refused(GET_DOMAIN, json!({"name": name})).await.reason, "RESOURCE_NOT_FOUND");
        scene.suite.stop().await;
    }
}

/// A password is for the machine that it was stored for: whoever may change an asset need not know it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_goes_to_the_host_that_it_was_stored_for_and_to_none_that_proves_nothing() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::set_up(databases).await;
        let b = &scene.administrator.root;
        by_hand(&scene, "partner", "HOST").await;
        scene.imported(&scene.member, "i-1", "web").await;
        let account = |asset: &str| {
            json!({"parent": scene.named("assets", asset), "asset_account_id": "root",
                "asset_account": {"login_name": "root", "password": PASSWORD}})
        };
        let update = |id: &str, field: &str, value: Value| {
            let mut asset = json!({"name": scene.named("assets", id)});
            asset[field] = value;
            json!({"asset": asset, "update_mask": field})
        };
        for asset in ["partner", "web"] {
            let made = b.call(CREATE_ACCOUNT, account(asset)).await.unwrap();
            assert_eq!(made["passwordWithheld"], json!(true), "nobody there proves anything");
        }
        let name = json!({"name": format!("{}/assetAccounts/root", scene.named("assets", "partner"))});
        let withheld = async || b.call(GET_ACCOUNT, name.clone()).await.unwrap()["passwordWithheld"].clone();

        let moved = update("partner", "publicAddress", json!("198.51.100.1"));
        scene.refused_to_others(UPDATE_ASSET, &moved).await;
        assert_eq!(b.refused(UPDATE_ASSET, moved.clone()).await.fields, ["asset.public_address"]);
        let port = update("partner", "sshPort", json!(2222));
        assert_eq!(b.refused(UPDATE_ASSET, port).await.fields, ["asset.ssh_port"]);
        b.call(UPDATE_ASSET, update("partner", "hostKeys", json!([HOST_KEY]))).await.unwrap();
        assert_eq!(withheld().await, json!(false), "it has a key to show");
        let list = json!({"parent": scene.named("assets", "partner")});
        assert_eq!(b.call(LIST_ACCOUNTS, list).await.unwrap()["assetAccounts"][0]["passwordWithheld"], json!(false));
        for keys in [json!([HOST_KEY, OTHER_HOST_KEY]), json!([OTHER_HOST_KEY]), json!([])] {
            let refused = b.refused(UPDATE_ASSET, update("partner", "hostKeys", keys)).await;
            assert_eq!(refused.fields, ["asset.host_keys"]);
        }
        let authority = update("partner", "hostAuthorityKeys", json!([OTHER_HOST_KEY]));
        assert_eq!(b.refused(UPDATE_ASSET, authority).await.fields, ["asset.host_authority_keys"]);
        b.call(UPDATE_ASSET, update("partner", "comment", json!("theirs"))).await.unwrap();

        // Where an imported host is, its account says, whatever is kept here.
        let items = json!([host("i-1", "web", "10.6.6.6")]);
        b.call(REPORT, json!({"parent": scene.member, "items": items})).await.unwrap();
        let accounts = json!({"parent": scene.named("assets", "web")});
        let left = b.call(LIST_ACCOUNTS, accounts).await.unwrap();
        assert_eq!(left["assetAccounts"][0]["passwordWithheld"], json!(true));

        b.call(RESET, name.clone()).await.unwrap();
        assert_eq!(text(&b.call(UPDATE_ASSET, moved).await.unwrap(), "publicAddress"), "198.51.100.1");
        b.call(UPDATE_ASSET, update("partner", "hostKeys", json!([OTHER_HOST_KEY]))).await.unwrap();
        assert_eq!(withheld().await, json!(false), "there is none");
        scene.suite.stop().await;
    }
}

/// Each kind of asset has its own fields, and what its account takes away from an imported one stands in nobody's way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_asset_has_the_fields_of_its_kind() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::set_up(databases).await;
        let b = &scene.administrator.root;
        by_hand(&scene, "orders", "DATABASE").await;
        let update = |id: &str, field: &str, value: Value| {
            let mut asset = json!({"name": scene.named("assets", id)});
            asset[field] = value;
            json!({"asset": asset, "update_mask": field})
        };
        for (field, value, told) in [
            ("sshPort", json!(22), "asset.ssh_port"),
            ("hostAuthorityKeys", json!([HOST_KEY]), "asset.host_authority_keys"),
            ("operatingSystem", json!("OPERATING_SYSTEM_LINUX"), "asset.operating_system"),
        ] {
            assert_eq!(b.refused(UPDATE_ASSET, update("orders", field, value)).await.fields, [told]);
        }
        let mut item = host("i-9", "nine", "10.0.0.9");
        item["port"] = json!(22);
        let report = json!({"parent": scene.member, "items": [item]});
        assert_eq!(b.refused(REPORT, report).await.fields, ["items[0].port"]);

        scene.imported(&scene.member, "i-1", "web").await;
        let mut item = host("i-1", "web", "10.0.0.1");
        item["public_address"] = json!("192.0.2.8");
        b.call(REPORT, json!({"parent": scene.member, "items": [item]})).await.unwrap();
        b.call(UPDATE_ASSET, update("web", "addressType", json!("ADDRESS_TYPE_PUBLIC"))).await.unwrap();
        let items = json!([host("i-1", "web", "10.0.0.1")]);
        b.call(REPORT, json!({"parent": scene.member, "items": items})).await.unwrap();
        let after = b.call(UPDATE_ASSET, update("web", "comment", json!("lost its address"))).await.unwrap();
        assert_eq!(text(&after, "addressType"), "ADDRESS_TYPE_PUBLIC");
        scene.suite.stop().await;
    }
}

/// A host is known by keys that an administrator has pinned, or by the authority that certifies it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_hosts_are_pinned_by_administrators() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::set_up(databases).await;
        let b = &scene.administrator.root;
        scene.imported(&scene.member, "i-1", "web").await;
        scene.imported(&scene.member, "d-1", "orders").await;
        let update = |id: &str, keys: Value| {
            let asset =
                json!({"name": scene.named("assets", id), "host_keys": keys, "host_authority_keys": [HOST_KEY]});
            json!({"asset": asset, "update_mask": "hostKeys,hostAuthorityKeys"})
        };
        let pinned = update("web", json!([format!("{HOST_KEY} root@web")]));
        scene.refused_to_others(UPDATE_ASSET, &pinned).await;
        let web = b.call(UPDATE_ASSET, pinned).await.unwrap();
        assert_eq!((&web["hostKeys"], &web["hostAuthorityKeys"]), (&json!([HOST_KEY]), &json!([HOST_KEY])));
        let twice = update("web", json!([HOST_KEY, format!("{HOST_KEY} again")]));
        assert_eq!(b.refused(UPDATE_ASSET, twice).await.fields, ["asset.host_keys[1]"]);
        let weak = update("web", json!([WEAK_KEY]));
        assert_eq!(b.refused(UPDATE_ASSET, weak).await.fields, ["asset.host_keys[0]"]);
        let database = update("orders", json!([HOST_KEY]));
        assert_eq!(b.refused(UPDATE_ASSET, database).await.fields, ["asset.host_keys"]);
        scene.suite.stop().await;
    }
}
