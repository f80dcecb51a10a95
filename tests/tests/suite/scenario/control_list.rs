//! The control list of Security Center: who can be added, replacing it whole, members that are added of themselves, and
//! the way into the directory.

use std::time::Duration;

use serde_json::{Value, json};
use tonic::Code;

use super::folder_scope::{create_folder, root_folder};
use crate::{
    live::{
        Account, Databases, Suite, create_member, designate, enable_directory, enable_service, join, register,
        subscribe, text,
    },
    patience::PATIENCE,
};

const ADD: &str = "securitycenter.v1.MonitoredAccountService/CreateMonitoredAccount";
const GET: &str = "securitycenter.v1.MonitoredAccountService/GetMonitoredAccount";
const REPLACE: &str = "securitycenter.v1.MonitoredAccountService/ReplaceMonitoredAccounts";
const DELETE: &str = "securitycenter.v1.MonitoredAccountService/DeleteMonitoredAccount";
const LIST: &str = "securitycenter.v1.MonitoredAccountService/ListMonitoredAccounts";
const ELIGIBLE: &str = "securitycenter.v1.MultiAccountService/ListEligibleAccounts";
const FOLDERS: &str = "securitycenter.v1.MultiAccountService/ListDirectoryFolders";
const FEATURE: &str = "securitycenter.v1.MultiAccountService/GetMultiAccount";
const SET: &str = "securitycenter.v1.MultiAccountService/UpdateMultiAccount";
const REQUEST_ID: &str = "0b8fba4e-7d1c-4f53-9c3a-08cc5b4f5a5f";

/// A directory with the feature, and nobody but its management account.
struct Scene {
    suite: Suite,
    operator: crate::client::Client,
    management: Account,
    directory: String,
}

impl Scene {
    async fn start(databases: Databases) -> Self {
        let suite = Suite::start(databases).await;
        let operator = suite.operator().await;
        let management = register(&operator, "management", "Example").await;
        let directory = enable_directory(&management).await;
        enable_service(&management, &directory, "security-center").await;
        subscribe(&management).await;
        Self { suite, operator, management, directory }
    }

    async fn invited(&self, name: &str) -> Account {
        let account = register(&self.operator, name, "Example").await;
        join(&self.management, &self.directory, &account).await;
        account
    }

    fn parent(&self) -> Value {
        json!({"parent": self.directory})
    }

    async fn listed(&self) -> Vec<String> {
        let page = self.management.root.call(LIST, self.parent()).await.unwrap();
        let mut accounts = accounts(&page["monitoredAccounts"]);
        accounts.sort();
        accounts
    }

    /// Waits until the list has just these accounts and nobody waits.
    async fn settles(&self, expected: &[&str]) {
        let mut expected: Vec<_> = expected.iter().map(|account| (*account).to_owned()).collect();
        expected.sort();
        let settling = async {
            loop {
                let feature = self.management.root.call(FEATURE, self.feature()).await.unwrap();
                if feature["pendingCount"] == json!(0) && self.listed().await == expected {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let settled = tokio::time::timeout(PATIENCE, settling).await;
        assert!(settled.is_ok(), "{:?}, not {expected:?}", self.listed().await);
    }

    /// Waits until Security Center has heard of a member: whether that is new is judged by the settings of then.
    async fn knows(&self, account: &str) {
        let hearing = async {
            let known = async || {
                let page = self.management.root.call(ELIGIBLE, self.parent()).await.unwrap();
                accounts(&page["eligibleAccounts"]).iter().any(|known| known == account)
            };
            while !known().await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, hearing).await.expect("the member is known");
    }

    fn feature(&self) -> Value {
        json!({"name": format!("{}/multiAccount", self.directory)})
    }

    async fn set(&self, settings: Value) -> Value {
        let mut feature = settings;
        feature["name"] = self.feature()["name"].clone();
        self.management.root.call(SET, json!({"multi_account": feature})).await.unwrap()
    }

    fn entry(&self, account: &str) -> Value {
        json!({"name": format!("{}/monitoredAccounts/{}", self.directory, account.trim_start_matches("accounts/"))})
    }
}

fn accounts(entries: &Value) -> Vec<String> {
    entries.as_array().unwrap().iter().map(|entry| text(entry, "account").to_owned()).collect()
}

fn methods(actions: &Value) -> Vec<&str> {
    actions.as_array().unwrap().iter().map(|a| text(a, "method").rsplit('/').next().unwrap()).collect()
}

/// covers: R-SC-08, R-SC-10, R-SC-19, E-SC-04, E-SC-05, E-SC-12
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn candidates_are_shown_with_their_roles_and_the_way_to_have_any() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::start(databases).await;
        let (root, directory) = (&scene.management.root, &scene.directory);
        let none = root.call(ELIGIBLE, scene.parent()).await.unwrap();
        assert_eq!(none["eligibleAccounts"], json!([]));
        assert!(text(&none, "hint").contains("create members"), "{none}");
        assert_eq!(methods(&none["directoryActions"]), ["ListMembers", "CreateMember", "CreateInvitation"]);

        let b = scene.invited("administrator").await;
        let c = create_member(&scene.management, directory, "created").await;
        designate(&scene.management, directory, "security-center", &b.name).await;
        scene.knows(&c).await;
        let page = root.call(ELIGIBLE, json!({"parent": directory, "page_size": 1})).await.unwrap();
        let next = json!({"parent": directory, "page_size": 1, "page_token": page["nextPageToken"]});
        let last = root.call(ELIGIBLE, next).await.unwrap();
        let mut found: Vec<_> = [&page, &last].iter().flat_map(|page| accounts(&page["eligibleAccounts"])).collect();
        found.sort();
        let mut expected = [b.name.clone(), c.clone()];
        expected.sort();
        assert_eq!(found, expected);
        assert_eq!((text(&last, "nextPageToken"), text(&last, "hint")), ("", ""));

        let add = json!({"parent": directory, "monitored_account": {"account": c, "marked": true}});
        root.call(ADD, add).await.unwrap();
        let all = root.call(ELIGIBLE, json!({"parent": directory, "include_all": true})).await.unwrap();
        let shown = |account: &str| {
            let all = all["eligibleAccounts"].as_array().unwrap();
            all.iter().find(|shown| text(shown, "account") == account).unwrap().clone()
        };
        let flags = |account: &str| {
            let fields =
                ["managementAccount", "securityCenterAdministrator", "socAdministrator", "monitored", "marked"];
            fields.map(|field| shown(account)[field].as_bool().unwrap())
        };
        assert_eq!(flags(&scene.management.name), [true, false, false, false, false]);
        assert_eq!(flags(&b.name), [false, true, true, false, false]);
        assert_eq!(flags(&c), [false, false, false, true, true]);
        assert_eq!(text(&shown(&scene.management.name), "edition"), "EDITION_ULTIMATE");
        assert_eq!(text(&shown(&scene.management.name), "buyType"), "BUY_TYPE_OWN");
        assert_eq!(
            (text(&shown(&c), "displayName"), text(&shown(&c), "joinMethod")),
            ("created", "JOIN_METHOD_CREATED")
        );
        assert_eq!(text(&shown(&b.name), "type"), "ACCOUNT_TYPE_CLOUD");
        let feature = root.call(FEATURE, scene.feature()).await.unwrap();
        assert_eq!((&feature["monitoredCount"], &feature["eligibleCount"]), (&json!(1), &json!(1)));

        let entry = root.call(GET, scene.entry(&c)).await.unwrap();
        let member = format!("{directory}/members/{}", c.trim_start_matches("accounts/"));
        assert_eq!(text(&entry, "member"), member);
        let expected = ["GetMember", "ListMembers", "CreateMember", "CreateInvitation", "SwitchMemberType"];
        assert_eq!(methods(&entry["directoryActions"]), expected);
        root.call("directory.v1.MemberService/GetMember", json!({"name": member})).await.unwrap();
        // The calls that the entry shows can be made by whom they are shown to.
        let made = create_member(&scene.management, directory, "made-from-the-entry").await;
        let name = format!("{directory}/members/{}", made.trim_start_matches("accounts/"));
        let switch = json!({"name": name, "target_type": "ACCOUNT_TYPE_CLOUD"});
        let switch = root.refused("directory.v1.MemberService/SwitchMemberType", switch).await;
        assert_ne!((switch.code, &*switch.reason), (Code::PermissionDenied, "SEAT_REQUIRED"));
        scene.invited("invited-from-the-entry").await;
        subscribe(&b).await;
        let entry = b.root.call(GET, scene.entry(&c)).await.unwrap();
        assert_eq!(methods(&entry["directoryActions"]), ["GetMember", "ListMembers"]);

        let sales = create_folder(&scene.management, &root_folder(&scene.management, directory).await, "sales").await;
        let tree = b.root.call(FOLDERS, scene.parent()).await.unwrap();
        let tree = tree["directoryFolders"].as_array().unwrap().clone();
        assert_eq!((text(&tree[0], "parent"), &tree[0]["memberCount"]), ("", &json!(5)));
        assert_eq!(tree[0]["monitoredCount"], json!(1));
        assert_eq!((text(&tree[1], "folder"), text(&tree[1], "parent")), (&*sales, text(&tree[0], "folder")));
        let stranger = register(&scene.operator, "stranger", "Other").await;
        for method in [ELIGIBLE, FOLDERS] {
            assert_eq!(stranger.root.refused(method, scene.parent()).await.code, Code::NotFound, "{method}");
        }
        scene.suite.stop().await;
    }
}

/// covers: E-SC-01, R-SC-09, R-SC-20, R-SC-21
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_is_replaced_whole_and_cleared_only_when_that_is_meant() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::start(databases).await;
        let (root, directory) = (&scene.management.root, &scene.directory);
        let mut members = Vec::new();
        for name in ["one", "two", "three"] {
            members.push(create_member(&scene.management, directory, name).await);
        }
        members.sort();
        let [one, two, three] = &members[..] else { panic!("three members") };
        let make = |accounts: &[&String]| json!({"parent": directory, "accounts": accounts});
        root.call(REPLACE, make(&[one, two])).await.unwrap();
        assert_eq!(scene.listed().await, [one.clone(), two.clone()]);

        let mut preview = make(&[two, three]);
        preview["validate_only"] = json!(true);
        let would = root.call(REPLACE, preview).await.unwrap();
        let expected = json!({"added": [three], "removed": [one], "kept": [two]});
        assert_eq!((&would, scene.listed().await), (&expected, vec![one.clone(), two.clone()]));
        let mut asked = make(&[two, three]);
        asked["request_id"] = json!(REQUEST_ID);
        assert_eq!(root.call(REPLACE, asked.clone()).await.unwrap(), expected);
        assert_eq!(root.call(REPLACE, asked).await.unwrap(), expected, "a repeat gets the first result");
        assert_eq!(scene.listed().await, [two.clone(), three.clone()]);
        let same = root.call(REPLACE, make(&[three, two])).await.unwrap();
        assert_eq!(same, json!({"added": [], "removed": [], "kept": [two, three]}));

        for (request, field) in [
            (scene.parent(), "clear"),
            (json!({"parent": directory, "accounts": [one], "clear": true}), "clear"),
            (json!({"parent": directory, "accounts": [one, one]}), "accounts"),
        ] {
            let refused = root.refused(REPLACE, request).await;
            assert_eq!((&*refused.reason, refused.fields), ("INVALID_FIELD", vec![field.to_owned()]));
        }
        let own = scene.management.name.clone();
        let refused = root.refused(REPLACE, make(&[&own])).await;
        assert_eq!((&*refused.reason, scene.listed().await.len()), ("MANAGEMENT_ACCOUNT_NOT_ELIGIBLE", 2));
        let stranger = scene.invited("member").await;
        assert_eq!(stranger.root.refused(REPLACE, make(&[one])).await.reason, "SEAT_REQUIRED");
        let clear = json!({"parent": directory, "clear": true});
        let cleared = root.call(REPLACE, clear).await.unwrap();
        assert_eq!(cleared, json!({"added": [], "removed": [two, three], "kept": []}));
        assert_eq!(scene.listed().await, Vec::<String>::new());
        let page = root.call("directory.v1.MemberService/ListMembers", scene.parent()).await.unwrap();
        assert_eq!(page["members"].as_array().unwrap().len(), 4, "they stay in the directory");
        scene.suite.stop().await;
    }
}

/// covers: R-SC-11, R-SC-12, R-SC-13, E-SC-02
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_are_added_of_themselves_once_if_that_is_set() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::start(databases).await;
        let (management, directory) = (&scene.management, &scene.directory);
        let first = create_member(management, directory, "first").await;
        scene.knows(&first).await;
        let set =
            scene.set(json!({"auto_add": "AUTO_ADD_NEW", "auto_add_join_methods": ["JOIN_METHOD_CREATED"]})).await;
        assert_eq!((text(&set, "autoAdd"), &set["pendingCount"]), ("AUTO_ADD_NEW", &json!(0)));
        let second = create_member(management, directory, "second").await;
        scene.settles(&[&second]).await;
        let invited = scene.invited("invited").await;
        let third = create_member(management, directory, "third").await;
        scene.settles(&[&second, &third]).await;
        let entry = management.root.call(GET, scene.entry(&third)).await.unwrap();
        assert!(text(&entry, "addOperator").contains("security-center"), "{entry}");

        // All that there are: but nobody who was removed by hand.
        management.root.call(DELETE, scene.entry(&second)).await.unwrap();
        scene.set(json!({"auto_add": "AUTO_ADD_ALL"})).await;
        scene.settles(&[&first, &third, &invited.name]).await;
        let fourth = create_member(management, directory, "fourth").await;
        scene.settles(&[&first, &third, &fourth, &invited.name]).await;
        // Who comes again is new.
        let leave = json!({"name": format!("{directory}/members/{}", invited.name.trim_start_matches("accounts/"))});
        management.root.call("directory.v1.MemberService/RemoveMember", leave).await.unwrap();
        scene.settles(&[&first, &third, &fourth]).await;
        join(management, directory, &invited).await;
        scene.settles(&[&first, &third, &fourth, &invited.name]).await;

        // Only in a folder and below it.
        let root = root_folder(management, directory).await;
        let sales = create_folder(management, &root, "sales").await;
        let west = create_folder(management, &sales, "west").await;
        scene.set(json!({"auto_add": "AUTO_ADD_NEW", "auto_add_folders": [sales]})).await;
        let outside = create_member(management, directory, "outside").await;
        let inside = json!({"parent": directory, "member": {"display_name": "inside"}, "folder": west});
        let inside = management.root.call("directory.v1.MemberService/CreateMember", inside).await.unwrap();
        let inside = text(&inside, "account").to_owned();
        scene.settles(&[&first, &third, &fourth, &invited.name, &inside]).await;
        scene.set(json!({"auto_add": "AUTO_ADD_OFF"})).await;
        let last = create_member(management, directory, "last").await;
        scene.knows(&last).await;

        // While the feature is closed nobody is added; it goes on when it opens.
        scene.set(json!({"auto_add": "AUTO_ADD_NEW"})).await;
        let name = format!("{}/subscription", management.name);
        let down = json!({"name": name, "edition": "EDITION_ADVANCED", "immediately": true});
        management.root.call("securitycenter.v1.SubscriptionService/DowngradeSubscription", down).await.unwrap();
        let late = create_member(management, directory, "late").await;
        let up = json!({"name": name, "edition": "EDITION_ULTIMATE"});
        management.root.call("securitycenter.v1.SubscriptionService/UpgradeSubscription", up).await.unwrap();
        scene.settles(&[&first, &third, &fourth, &invited.name, &inside, &late]).await;
        assert!(!scene.listed().await.contains(&outside) && !scene.listed().await.contains(&last));

        let name = scene.feature()["name"].clone();
        let change = |settings: Value| json!({"multi_account": settings});
        let wrong = change(json!({"name": name, "auto_add_folders": ["directories/rd-0000000000009/folders/root"]}));
        let refused = management.root.refused(SET, wrong).await;
        assert_eq!(refused.fields, ["multi_account.auto_add_folders"]);
        let stale = change(json!({"name": name, "etag": "0"}));
        assert_eq!(management.root.refused(SET, stale).await.reason, "ETAG_MISMATCH");
        let member = change(json!({"name": name, "auto_add": "AUTO_ADD_OFF"}));
        assert_eq!(invited.root.refused(SET, member).await.reason, "SEAT_REQUIRED");
        scene.suite.stop().await;
    }
}
