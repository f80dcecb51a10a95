//! Bastion hosts, from which one seat manages the assets of many members.

use serde_json::{Value, json};
use tonic::Code;

use crate::{
    client::Answers,
    live::{
        Account, Databases, Suite, create_member, designate, enable_directory, enable_service, join, register, text,
        user,
    },
    patience::until,
};

use super::folder_scope::{create_folder, move_member, root_folder};

pub(super) const CREATE_INSTANCE: &str = "bastion.v1.BastionInstanceService/CreateBastionInstance";
const GET_INSTANCE: &str = "bastion.v1.BastionInstanceService/GetBastionInstance";
const LIST_INSTANCES: &str = "bastion.v1.BastionInstanceService/ListBastionInstances";
const UPDATE_INSTANCE: &str = "bastion.v1.BastionInstanceService/UpdateBastionInstance";
const DELETE_INSTANCE: &str = "bastion.v1.BastionInstanceService/DeleteBastionInstance";
pub(super) const ADD: &str = "bastion.v1.BastionMemberService/BatchCreateBastionMembers";
const ELIGIBLE: &str = "bastion.v1.BastionMemberService/ListEligibleBastionMembers";
const LIST_MEMBERS: &str = "bastion.v1.BastionMemberService/ListBastionMembers";
const REMOVE: &str = "bastion.v1.BastionMemberService/DeleteBastionMember";
pub(super) const REPORT: &str = "bastion.v1.InventoryService/ReportInventory";
const DISCOVERED: &str = "bastion.v1.AssetService/ListDiscoveredAssets";
pub(super) const IMPORT: &str = "bastion.v1.AssetService/ImportAssets";
pub(super) const CREATE_ASSET: &str = "bastion.v1.AssetService/CreateAsset";
const GET_ASSET: &str = "bastion.v1.AssetService/GetAsset";
const LIST_ASSETS: &str = "bastion.v1.AssetService/ListAssets";
const UPDATE_ASSET: &str = "bastion.v1.AssetService/UpdateAsset";
const DELETE_ASSET: &str = "bastion.v1.AssetService/DeleteAsset";
const DELETE_ASSETS: &str = "bastion.v1.AssetService/BatchDeleteAssets";
const WATCH_ASSETS: &str = "bastion.v1.AssetService/WatchAssets";

pub(super) struct Scene {
    pub(super) suite: Suite,
    pub(super) management: Account,
    /// Administers the bastion.
    pub(super) administrator: Account,
    /// Administers SASE.
    pub(super) other: Account,
    /// A member with identities of its own, not yet of the bastion host.
    pub(super) client: Account,
    /// Another member.
    pub(super) member: String,
    pub(super) directory: String,
}

impl Scene {
    /// Trusted access is on, and the administrators are designated.
    pub(super) async fn start(databases: Databases) -> Self {
        let suite = Suite::start(databases).await;
        let operator = suite.operator().await;
        let management = register(&operator, "management", "Example").await;
        let directory = enable_directory(&management).await;
        let administrator = register(&operator, "administrator", "Example").await;
        let other = register(&operator, "other", "Example").await;
        let client = register(&operator, "client", "Example").await;
        for account in [&administrator, &other, &client] {
            join(&management, &directory, account).await;
        }
        let member = create_member(&management, &directory, "member").await;
        for (service, account) in [("bastionhost", &administrator), ("sase", &other)] {
            enable_service(&management, &directory, service).await;
            designate(&management, &directory, service, &account.name).await;
        }
        Self { suite, management, administrator, other, client, member, directory }
    }

    /// The bastion host `main` of the administrator, with both members, which have reported a host and a database each.
    pub(super) async fn set_up(databases: Databases) -> Self {
        let scene = Self::start(databases).await;
        let b = &scene.administrator.root;
        b.call(CREATE_INSTANCE, scene.instance("main", "eu-1", "ENTERPRISE")).await.unwrap();
        let accounts = json!([scene.client.name, scene.member]);
        b.call(ADD, json!({"parent": scene.directory, "accounts": accounts})).await.unwrap();
        for account in [&scene.client.name, &scene.member] {
            let items = json!([host("i-1", "web", "10.0.0.1"), database("d-1", "orders", "10.0.0.2")]);
            b.call(REPORT, json!({"parent": account, "items": items})).await.unwrap();
        }
        scene
    }

    pub(super) fn named(&self, collection: &str, id: &str) -> String {
        format!("{}/{collection}/{id}", self.main())
    }

    pub(super) fn main(&self) -> String {
        format!("{}/bastionInstances/main", self.directory)
    }

    fn instance(&self, id: &str, region: &str, edition: &str) -> Value {
        json!({"parent": self.directory, "bastion_instance_id": id, "bastion_instance": {
            "display_name": format!("bastion {id}"), "region": region, "edition": format!("BASTION_EDITION_{edition}")
        }})
    }

    pub(super) fn import(&self, account: &str, imports: &Value) -> Value {
        json!({"parent": self.main(), "account": account, "imports": imports})
    }

    pub(super) async fn imported(&self, account: &str, source_id: &str, id: &str) {
        let imports = json!([{"source_id": source_id, "asset_id": id}]);
        let done = self.administrator.root.call(IMPORT, self.import(account, &imports)).await.unwrap();
        assert_eq!(codes(&done), ["OK"], "{done}");
    }

    /// All who hold no seat of the bastion are refused.
    pub(super) async fn refused_to_others(&self, method: &str, request: &Value) {
        for client in [&self.other.root, &self.client.root] {
            let refused = client.refused(method, request.clone()).await;
            assert_eq!((refused.code, &*refused.reason), (Code::PermissionDenied, "SEAT_REQUIRED"), "{method}");
            assert_eq!(&*refused.metadata["trusted_service"], "bastionhost", "{method}");
        }
    }

    /// The ids of the assets that a filter asks for.
    async fn assets(&self, filter: &str) -> Vec<String> {
        let list = json!({"parent": self.main(), "filter": filter});
        let page = self.administrator.root.call(LIST_ASSETS, list).await.unwrap();
        let assets = page["assets"].as_array().cloned().unwrap_or_default();
        assets.iter().map(|asset| text(asset, "name").rsplit('/').next().unwrap().to_owned()).collect()
    }

    async fn asset(&self, id: &str) -> Value {
        self.administrator.root.call(GET_ASSET, json!({"name": self.named("assets", id)})).await.unwrap()
    }
}

pub(super) fn host(source_id: &str, display_name: &str, address: &str) -> Value {
    json!({"source_id": source_id, "kind": "ASSET_KIND_HOST", "display_name": display_name, "region": "eu-1",
        "private_address": address, "operating_system": "OPERATING_SYSTEM_LINUX"})
}

pub(super) fn database(source_id: &str, display_name: &str, address: &str) -> Value {
    json!({"source_id": source_id, "kind": "ASSET_KIND_DATABASE", "display_name": display_name,
        "private_address": address, "engine": "DATABASE_ENGINE_POSTGRESQL"})
}

/// The codes of the results of a batch.
pub(super) fn codes(answer: &Value) -> Vec<String> {
    let results = answer["results"].as_array().unwrap();
    results.iter().map(|result| text(result, "code").trim_start_matches("ITEM_CODE_").to_owned()).collect()
}

fn ids(page: &Value, collection: &str) -> Vec<String> {
    let items = page[collection].as_array().cloned().unwrap_or_default();
    items.iter().map(|item| text(item, "name").rsplit('/').next().unwrap().to_owned()).collect()
}

/// How many assets a report added, changed and released.
fn counts(reported: &Value) -> [i64; 3] {
    ["addedCount", "changedCount", "releasedCount"].map(|field| reported[field].as_i64().unwrap())
}

/// The next change that a watch tells of, signs of life left out.
async fn change(watch: &mut Answers) -> Value {
    loop {
        let answer = watch.next().await.unwrap().unwrap();
        if answer["assets"] != json!([]) || answer["unmatchedAssets"] != json!([]) {
            return answer;
        }
    }
}

/// covers: R-BAS-02
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bastion_hosts_are_listed_by_region_and_belong_to_whoever_created_them() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::start(databases).await;
        let (b, directory) = (&scene.administrator.root, &scene.directory);
        let main = scene.instance("main", "eu-1", "ENTERPRISE");
        scene.refused_to_others(CREATE_INSTANCE, &main).await;
        let bare = user(&scene.administrator, "bare", &[]).await;
        assert_eq!(bare.refused(CREATE_INSTANCE, main.clone()).await.reason, "ACTION_NOT_ALLOWED");
        let made = b.call(CREATE_INSTANCE, main.clone()).await.unwrap();
        assert_eq!(text(&made, "ownerAccount"), scene.administrator.name);
        assert_eq!(b.refused(CREATE_INSTANCE, main).await.reason, "RESOURCE_EXISTS");
        let mut same = scene.instance("same", "eu-1", "BASIC");
        same["bastion_instance"]["display_name"] = json!("bastion main");
        let refused = b.refused(CREATE_INSTANCE, same).await;
        assert_eq!((&*refused.reason, &*refused.metadata["resource"]), ("RESOURCE_EXISTS", scene.main().as_str()));
        let above = scene.management.root.call(CREATE_INSTANCE, scene.instance("above", "us-1", "SM")).await.unwrap();
        assert_eq!(text(&above, "ownerAccount"), scene.management.name);
        b.call(CREATE_INSTANCE, scene.instance("second", "eu-1", "BASIC")).await.unwrap();

        let list = json!({"parent": directory, "region": "eu-1"});
        scene.refused_to_others(LIST_INSTANCES, &list).await;
        let found = b.call(LIST_INSTANCES, list).await.unwrap();
        assert_eq!(ids(&found, "bastionInstances"), ["main", "second"]);
        let first = b.call(LIST_INSTANCES, json!({"parent": directory, "page_size": 2})).await.unwrap();
        let token = text(&first, "nextPageToken");
        let rest = json!({"parent": directory, "page_size": 2, "page_token": token});
        assert_eq!(ids(&b.call(LIST_INSTANCES, rest).await.unwrap(), "bastionInstances"), ["above"], "by region");
        let other = json!({"parent": directory, "page_size": 2, "page_token": token, "region": "eu-1"});
        assert_eq!(b.refused(LIST_INSTANCES, other).await.reason, "PAGE_TOKEN_INVALID");

        let update = json!({"bastion_instance": {"name": scene.main(), "display_name": "first", "edition": 1,
            "etag": text(&made, "etag")}, "update_mask": "displayName"});
        let id = json!("3f0c2c62-3a0b-4bb8-8f4b-5f6f2f9f5a11");
        let mut once = update.clone();
        once["request_id"] = id;
        let updated = b.call(UPDATE_INSTANCE, once.clone()).await.unwrap();
        assert_eq!(b.call(UPDATE_INSTANCE, once).await.unwrap(), updated, "a repetition gets the first result");
        assert_eq!(text(&updated, "displayName"), "first");
        assert_eq!(text(&updated, "edition"), "BASTION_EDITION_ENTERPRISE", "what is not named stays");
        assert_eq!(b.refused(UPDATE_INSTANCE, update).await.reason, "ETAG_MISMATCH");
        for (field, value) in [
            ("display_name", json!("x".repeat(129))),
            ("comment", json!("x".repeat(501))),
            ("region", json!("EU 1")),
            ("edition", json!(0)),
        ] {
            let mut wrong = scene.instance("wrong", "eu-1", "BASIC");
            wrong["bastion_instance"][field] = value;
            assert_eq!(b.refused(CREATE_INSTANCE, wrong).await.fields, [format!("bastion_instance.{field}")]);
        }
        let name = json!({"name": scene.main()});
        scene.refused_to_others(DELETE_INSTANCE, &name).await;
        b.call(DELETE_INSTANCE, name.clone()).await.unwrap();
        assert_eq!(b.refused(GET_INSTANCE, name).await.reason, "RESOURCE_NOT_FOUND");
        for n in 0..8 {
            b.call(CREATE_INSTANCE, scene.instance(&format!("n-{n}"), "eu-1", "BASIC")).await.unwrap();
        }
        let refused = b.refused(CREATE_INSTANCE, scene.instance("more", "eu-1", "BASIC")).await;
        assert_eq!((refused.code, &*refused.reason), (Code::ResourceExhausted, "BASTION_QUOTA_EXCEEDED"));
        scene.suite.stop().await;
    }
}

/// covers: R-BAS-04, R-BAS-05
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_without_members_has_nothing_to_import() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let suite = Suite::start(databases).await;
        let operator = suite.operator().await;
        let management = register(&operator, "management", "Example").await;
        let stranger = register(&operator, "stranger", "Example").await;
        let root = &management.root;
        let instance = json!({"display_name": "main", "region": "eu-1", "edition": "BASTION_EDITION_ENTERPRISE"});
        let create =
            |directory: &str| json!({"parent": directory, "bastion_instance_id": "main", "bastion_instance": instance});
        // Without a directory there is none to have a bastion host, and no account that one would manage.
        let nowhere = "directories/rd-7zzzzzzzzzzz1";
        assert_eq!(root.refused(CREATE_INSTANCE, create(nowhere)).await.reason, "RESOURCE_NOT_FOUND");
        let report = json!({"parent": management.name, "items": [host("i-1", "web", "10.0.0.1")]});
        assert_eq!(root.refused(REPORT, report.clone()).await.code, Code::PermissionDenied);
        let directory = &enable_directory(&management).await;
        assert_eq!(root.refused(CREATE_INSTANCE, create(directory)).await.reason, "TRUSTED_ACCESS_REQUIRED");
        enable_service(&management, directory, "bastionhost").await;
        let create = create(directory);
        let main = text(&root.call(CREATE_INSTANCE, create).await.unwrap(), "name").to_owned();
        let eligible = async || root.call(ELIGIBLE, json!({"parent": directory})).await.unwrap();
        assert_eq!(eligible().await["eligibleBastionMembers"], json!([]));
        let add = json!({"parent": directory, "accounts": [stranger.name]});
        assert_eq!(root.refused(ADD, add).await.reason, "ACCOUNT_NOT_IN_DIRECTORY");
        let import = json!({"parent": main, "account": stranger.name, "imports": [{"source_id": "i-1"}]});
        assert_eq!(root.refused(IMPORT, import).await.reason, "ACCOUNT_NOT_IN_DIRECTORY");
        assert_eq!(root.call(DISCOVERED, json!({"parent": main})).await.unwrap()["discoveredAssets"], json!([]));
        let member = create_member(&management, directory, "member").await;
        let only = json!([member]);
        until("the member can be added", async || {
            let found = eligible().await["eligibleBastionMembers"].as_array().unwrap().clone();
            found.iter().map(|member| member["account"].clone()).collect::<Value>() == only
        })
        .await;
        suite.stop().await;
    }
}

/// covers: R-BAS-03, R-BAS-06, R-BAS-08, R-BAS-09, R-BAS-10, R-BAS-11, E-BAS-04, E-BAS-06
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn assets_of_members_are_discovered_and_imported_and_carry_their_owner() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::start(databases).await;
        let (b, client) = (&scene.administrator.root, scene.client.name.as_str());
        b.call(CREATE_INSTANCE, scene.instance("main", "eu-1", "ENTERPRISE")).await.unwrap();
        let eligible = json!({"parent": scene.directory});
        scene.refused_to_others(ELIGIBLE, &eligible).await;
        let accounts = async || {
            let page = b.call(ELIGIBLE, eligible.clone()).await.unwrap();
            let members = page["eligibleBastionMembers"].as_array().cloned().unwrap_or_default();
            members.iter().map(|member| text(member, "account").to_owned()).collect::<Vec<_>>()
        };
        let mut all = vec![
            scene.administrator.name.clone(),
            scene.other.name.clone(),
            scene.client.name.clone(),
            scene.member.clone(),
        ];
        all.sort_unstable();
        until("all but the management account can be added", async || accounts().await == all).await;

        let items = json!([host("i-1", "web", "10.0.0.1"), database("d-1", "orders", "db.example")]);
        let report = json!({"parent": client, "items": items});
        let early = scene.client.root.refused(REPORT, report.clone()).await;
        assert_eq!((early.code, &*early.reason), (Code::PermissionDenied, "ACCOUNT_NOT_ENROLLED"));
        assert_eq!(b.refused(REPORT, report.clone()).await.reason, "ACCOUNT_NOT_ENROLLED");
        let imports = json!([{"source_id": "i-1"}]);
        let early = b.refused(IMPORT, scene.import(client, &imports)).await;
        assert_eq!((early.code, &*early.reason), (Code::PermissionDenied, "ACCOUNT_NOT_ENROLLED"));
        let added = json!({"parent": scene.directory, "accounts": [client, scene.member]});
        b.call(ADD, added).await.unwrap();
        assert_eq!(accounts().await.len(), 2);

        let refused = scene.other.root.refused(REPORT, report.clone()).await;
        assert_eq!((refused.code, &*refused.reason), (Code::PermissionDenied, "SEAT_REQUIRED"));
        let reported = scene.client.root.call(REPORT, report.clone()).await.unwrap();
        assert_eq!(counts(&reported), [2, 0, 0], "a connector of the member itself");
        b.call(REPORT, json!({"parent": scene.member, "items": items})).await.unwrap();
        let list = json!({"parent": scene.main(), "account": client});
        scene.refused_to_others(DISCOVERED, &list).await;
        let found = b.call(DISCOVERED, list).await.unwrap();
        let found = found["discoveredAssets"].as_array().unwrap();
        assert_eq!(found.iter().map(|item| text(item, "sourceId")).collect::<Vec<_>>(), ["d-1", "i-1"]);
        assert_eq!(text(&found[1], "account"), client);

        let imports = json!([
            {"source_id": "i-1", "asset_id": "web"},
            {"source_id": "none"},
            {"source_id": "d-1", "asset_id": "NO ID"},
        ]);
        scene.refused_to_others(IMPORT, &scene.import(client, &imports)).await;
        let done = b.call(IMPORT, scene.import(client, &imports)).await.unwrap();
        assert_eq!(codes(&done), ["OK", "OBJECT_NOT_FOUND", "INVALID_ARGUMENT"]);
        assert_eq!(text(&done["results"][0], "name"), scene.named("assets", "web"));
        let again = b.call(IMPORT, scene.import(client, &json!([{"source_id": "i-1"}, {"source_id": "d-1"}]))).await;
        let again = again.unwrap();
        assert_eq!(codes(&again), ["OBJECT_ALREADY_EXISTS", "OK"]);
        assert_eq!(text(&again["results"][0], "name"), scene.named("assets", "web"));
        let both = json!([{"source_id": "i-1"}, {"source_id": "d-1", "display_name": "orders"}]);
        let same = b.call(IMPORT, scene.import(&scene.member, &both)).await.unwrap();
        assert_eq!(codes(&same), ["OK", "OBJECT_ALREADY_EXISTS"], "one display name, and one that was chosen");

        let web = scene.asset("web").await;
        assert_eq!(text(&web, "ownerAccount"), client);
        assert_eq!((text(&web, "sourceId"), text(&web, "sourceRegion")), ("i-1", "eu-1"));
        assert_eq!((text(&web, "source"), text(&web, "state")), ("ASSET_SOURCE_IMPORTED", "ASSET_STATE_NORMAL"));
        assert_eq!(text(&scene.asset("orders").await, "kind"), "ASSET_KIND_DATABASE");
        let update = json!({"asset": {"name": scene.named("assets", "web"), "owner_account": scene.member,
            "display_name": "front", "source_id": "other"}});
        b.call(UPDATE_ASSET, update).await.unwrap();
        let web = scene.asset("web").await;
        assert_eq!((text(&web, "displayName"), text(&web, "ownerAccount")), ("front", client), "not by a caller");
        let update = json!({"asset": {"name": scene.named("assets", "web"), "private_address": "10.0.0.9"},
            "update_mask": "privateAddress"});
        assert_eq!(b.refused(UPDATE_ASSET, update).await.fields, ["asset.private_address"]);

        assert_eq!(scene.assets(&format!("owner_account = \"{client}\"")).await, ["orders", "web"]);
        let others = scene.assets(&format!("owner_account = \"{}\"", scene.member)).await;
        assert_eq!(others.len(), 1);
        assert_eq!(scene.assets("kind = ASSET_KIND_DATABASE").await, ["orders"]);
        assert_eq!(scene.assets("source_id = \"i-1\"").await.len(), 2);
        let list = json!({"parent": scene.main(), "not_imported": true});
        let left = b.call(DISCOVERED, list).await.unwrap();
        let left = left["discoveredAssets"].as_array().unwrap();
        assert_eq!(left.iter().map(|item| text(item, "account")).collect::<Vec<_>>(), [&scene.member]);
        scene.suite.stop().await;
    }
}

/// covers: E-BAS-02, E-BAS-03
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn assets_are_imported_downwards_and_only_where_the_edition_has_it() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::set_up(databases).await;
        let (b, management) = (&scene.administrator.root, &scene.management);
        let into = |instance: &str, account: &str| {
            let parent = format!("{}/bastionInstances/{instance}", scene.directory);
            json!({"parent": parent, "account": account, "imports": [{"source_id": "i-1"}]})
        };
        let above = b.refused(IMPORT, into("main", &management.name)).await;
        assert_eq!((above.code, &*above.reason), (Code::FailedPrecondition, "BASTION_IMPORT_DIRECTION"));
        assert_eq!(above.metadata["owner_account"], scene.administrator.name);
        management.root.call(CREATE_INSTANCE, scene.instance("above", "eu-1", "ENTERPRISE")).await.unwrap();
        let items = json!([host("i-1", "web", "10.0.0.1")]);
        for account in [management, &scene.administrator] {
            account.root.call(REPORT, json!({"parent": account.name, "items": items})).await.unwrap();
        }
        // Each has its own; the administrator's may go up, once it is a member of the bastion host.
        for (instance, account) in [("above", management), ("main", &scene.administrator)] {
            let done = account.root.call(IMPORT, into(instance, &account.name)).await.unwrap();
            assert_eq!(codes(&done), ["OK"]);
        }
        let refused = management.root.refused(IMPORT, into("above", &scene.administrator.name)).await;
        assert_eq!(refused.reason, "ACCOUNT_NOT_ENROLLED");
        let accounts = json!([scene.administrator.name]);
        b.call(ADD, json!({"parent": scene.directory, "accounts": accounts})).await.unwrap();
        let done = management.root.call(IMPORT, into("above", &scene.administrator.name)).await.unwrap();
        assert_eq!(codes(&done), ["OK"]);

        // What is in the bastion host of the management account is closed to the administrator, whatever it is about.
        let above = format!("{}/bastionInstances/above", scene.directory);
        let (parent, name) = (json!({"parent": above}), json!({"name": above}));
        let asset = format!("{above}/assets/web");
        let local = json!({"parent": above, "asset_id": "mine", "asset": {"kind": "ASSET_KIND_HOST", "display_name": "mine",
            "public_address": "192.0.2.7"}});
        let account = json!({"parent": asset, "asset_account_id": "mine", "asset_account": {"login_name": "mine"}});
        for (method, request) in [
            (IMPORT, into("above", &management.name)),
            (IMPORT, into("above", &scene.member)),
            (DISCOVERED, parent.clone()),
            (LIST_ASSETS, parent.clone()),
            (GET_ASSET, json!({"name": asset})),
            (CREATE_ASSET, local),
            (UPDATE_ASSET, json!({"asset": {"name": asset, "comment": "mine"}, "update_mask": "comment"})),
            (DELETE_ASSET, json!({"name": asset})),
            (DELETE_ASSETS, json!({"parent": above, "names": [asset]})),
            ("bastion.v1.AssetAccountService/CreateAssetAccount", account),
            ("bastion.v1.AssetAccountService/ListAssetAccounts", json!({"parent": asset})),
            ("bastion.v1.SharedKeyService/ListSharedKeys", parent.clone()),
            ("bastion.v1.BastionUserService/ListBastionUsers", parent.clone()),
            (
                UPDATE_INSTANCE,
                json!({"bastion_instance": {"name": above, "comment": "mine"}, "update_mask": "comment"}),
            ),
            (DELETE_INSTANCE, name.clone()),
        ] {
            let refused = b.refused(method, request).await;
            assert_eq!((refused.code, &*refused.reason), (Code::PermissionDenied, "BASTION_OWNER_ABOVE"), "{method}");
            assert_eq!(
                (&*refused.metadata["resource"], &refused.metadata["owner_account"]),
                (&*above, &management.name)
            );
        }
        let refused = match b.watch(WATCH_ASSETS, parent).await {
            Ok(mut answers) => answers.next().await.unwrap_err(),
            Err(refused) => refused,
        };
        assert_eq!(refused.reason, "BASTION_OWNER_ABOVE");
        b.call(GET_INSTANCE, name).await.unwrap();

        b.call(CREATE_INSTANCE, scene.instance("basic", "eu-1", "BASIC")).await.unwrap();
        let refused = b.refused(IMPORT, into("basic", &scene.member)).await;
        assert_eq!((refused.code, &*refused.reason), (Code::FailedPrecondition, "BASTION_EDITION_REQUIRED"));
        assert_eq!(refused.metadata["required_editions"], "ENTERPRISE,SM");
        assert_eq!(codes(&b.call(IMPORT, into("basic", &scene.administrator.name)).await.unwrap()), ["OK"]);
        scene.imported(&scene.member, "i-1", "web-2").await;
        let basic = json!({"bastion_instance": {"name": scene.main(), "edition": "BASTION_EDITION_BASIC"},
            "update_mask": "edition"});
        assert_eq!(b.refused(UPDATE_INSTANCE, basic.clone()).await.reason, "BASTION_EDITION_REQUIRED");
        b.call(DELETE_ASSET, json!({"name": scene.named("assets", "web-2")})).await.unwrap();
        b.call(UPDATE_INSTANCE, basic).await.unwrap();
        scene.suite.stop().await;
    }
}

/// covers: R-BAS-06, E-BAS-02
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bastion_host_outlives_the_seat_of_its_owner() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::set_up(databases).await;
        let (owner, management) = (&scene.administrator, &scene.management);
        let items = json!([host("i-9", "own", "10.0.0.9")]);
        let report = json!({"parent": owner.name, "items": items});
        owner.root.call(REPORT, report.clone()).await.unwrap();
        scene.imported(&owner.name, "i-9", "own").await;
        let get = json!({"name": scene.named("assets", "own")});
        assert_eq!(management.root.call(GET_ASSET, get.clone()).await.unwrap()["suspended"], json!(false));
        let mut watch = management.root.watch(WATCH_ASSETS, json!({"parent": scene.main()})).await.unwrap();
        watch.next().await.unwrap().unwrap();

        let id = owner.name.trim_start_matches("accounts/");
        let seat = format!("{}/trustedServices/bastionhost/delegatedAdministrators/{id}", scene.directory);
        let replace = json!({"name": seat});
        management
            .root
            .call("delegation.v1.DelegatedAdministratorService/DeleteDelegatedAdministrator", replace)
            .await
            .unwrap();
        designate(management, &scene.directory, "bastionhost", &scene.other.name).await;
        // The next one goes on with it; what is the former one's is a member's now, and that is none of the bastion host.
        let after = &scene.other.root;
        let import = scene.import(&scene.client.name, &json!([{"source_id": "i-1", "asset_id": "web"}]));
        until("the seat is known", async || after.call(IMPORT, import.clone()).await.is_ok()).await;
        until("the owner's seat is gone", async || {
            after.call(GET_ASSET, get.clone()).await.unwrap()["suspended"] == json!(true)
        })
        .await;
        for client in [after, &owner.root] {
            assert_eq!(client.refused(REPORT, report.clone()).await.reason, "ACCOUNT_NOT_ENROLLED");
        }
        let refused = after.refused(IMPORT, scene.import(&owner.name, &json!([{"source_id": "i-9"}]))).await;
        assert_eq!(refused.reason, "ACCOUNT_NOT_ENROLLED");
        let list = json!({"parent": scene.main(), "account": owner.name});
        assert_eq!(after.call(DISCOVERED, list).await.unwrap()["discoveredAssets"], json!([]));
        let mut told = Vec::new();
        while !told.contains(&("own".to_owned(), true)) {
            let answer = change(&mut watch).await;
            let assets = answer["assets"].as_array().cloned().unwrap_or_default();
            let id = |asset: &Value| text(asset, "name").rsplit('/').next().unwrap().to_owned();
            told.extend(assets.iter().map(|asset| (id(asset), asset["suspended"] == json!(true))));
        }
        scene.suite.stop().await;
    }
}

/// covers: E-DEL-13
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_of_a_folder_imports_into_no_bastion_host() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::set_up(databases).await;
        let management = &scene.management;
        let root = root_folder(management, &scene.directory).await;
        let sales = create_folder(management, &root, "sales").await;
        move_member(management, &scene.directory, &scene.client.name, &sales).await;
        let parent = format!("{}/trustedServices/bastionhost", scene.directory);
        let of_folder = json!({"account": scene.other.name, "folder": sales});
        let seat = json!({"parent": parent, "delegated_administrator": of_folder});
        management
            .root
            .call("delegation.v1.DelegatedAdministratorService/CreateDelegatedAdministrator", seat)
            .await
            .unwrap();
        // What is found in its members is its matter, and what is in a bastion host is not.
        let items = json!([host("i-7", "seven", "10.0.0.7")]);
        let reported =
            scene.other.root.call(REPORT, json!({"parent": scene.client.name, "items": items})).await.unwrap();
        assert_eq!(counts(&reported), [1, 0, 0]);
        let import = scene.import(&scene.client.name, &json!([{"source_id": "i-7"}]));
        let refused = scene.other.root.refused(IMPORT, import.clone()).await;
        assert_eq!((refused.code, &*refused.reason), (Code::PermissionDenied, "OUTSIDE_FOLDER_SCOPE"));
        assert_eq!(codes(&scene.administrator.root.call(IMPORT, import).await.unwrap()), ["OK"]);
        scene.suite.stop().await;
    }
}

/// covers: R-BAS-13, E-BAS-04
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imported_assets_follow_the_inventory_of_their_account() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::set_up(databases).await;
        let (b, client) = (&scene.administrator.root, scene.client.name.as_str());
        scene.imported(client, "i-1", "web").await;
        scene.imported(client, "d-1", "orders").await;
        scene.imported(&scene.member, "i-1", "web-2").await;
        let ask = json!({"parent": scene.main(), "filter": "state = ASSET_STATE_NORMAL"});
        scene.refused_to_others(LIST_ASSETS, &ask).await;
        let refused = scene.other.root.watch(WATCH_ASSETS, ask.clone()).await;
        let refused = match refused {
            Ok(mut answers) => answers.next().await.unwrap_err(),
            Err(refused) => refused,
        };
        assert_eq!(refused.reason, "SEAT_REQUIRED");
        let mut watch = b.watch(WATCH_ASSETS, ask.clone()).await.unwrap();
        let begin = watch.next().await.unwrap().unwrap();

        let moved = json!({"parent": client, "items": [host("i-1", "web", "10.0.0.77")]});
        let done = scene.client.root.call(REPORT, moved.clone()).await.unwrap();
        assert_eq!(counts(&done), [0, 1, 0]);
        assert_eq!(text(&scene.asset("web").await, "privateAddress"), "10.0.0.77");
        assert_eq!(text(&change(&mut watch).await["assets"][0], "privateAddress"), "10.0.0.77");
        let again = scene.client.root.call(REPORT, moved).await.unwrap();
        assert_eq!(counts(&again), [0; 3], "nothing has changed");

        let gone = json!({"parent": client, "released_source_ids": ["i-1", "never"]});
        assert_eq!(counts(&scene.client.root.call(REPORT, gone).await.unwrap()), [0, 0, 1]);
        assert_eq!(text(&scene.asset("web").await, "state"), "ASSET_STATE_RELEASED");
        assert_eq!(text(&scene.asset("web-2").await, "state"), "ASSET_STATE_NORMAL", "another account's is as it was");
        assert_eq!(change(&mut watch).await["unmatchedAssets"], json!([scene.named("assets", "web")]));
        drop(watch);

        // A listing in two parts: only with the last one, what it does not have is released.
        let part = |items: Value, complete: bool| json!({"parent": client, "items": items, "listing_id": "night-1", "begin": !complete, "complete": complete});
        b.call(REPORT, part(json!([host("i-2", "new", "10.0.0.3")]), false)).await.unwrap();
        assert_eq!(text(&scene.asset("orders").await, "state"), "ASSET_STATE_NORMAL");
        let meanwhile = json!({"parent": client, "items": [host("i-3", "newer", "10.0.0.4")]});
        b.call(REPORT, meanwhile).await.unwrap();
        b.call(REPORT, part(json!([host("i-1", "web", "10.0.0.1")]), true)).await.unwrap();
        assert_eq!(text(&scene.asset("orders").await, "state"), "ASSET_STATE_RELEASED");
        assert_eq!(text(&scene.asset("web").await, "state"), "ASSET_STATE_NORMAL", "it is there again");
        let list = json!({"parent": scene.main(), "account": client});
        let found = b.call(DISCOVERED, list).await.unwrap();
        let found: Vec<_> = found["discoveredAssets"].as_array().unwrap().iter().map(|i| text(i, "sourceId")).collect();
        assert_eq!(found, ["i-1", "i-2", "i-3"], "what was named since the listing began stays");

        // The answer was lost, and the connector sends the last part again. Others come late, or were never begun.
        let last = part(json!([host("i-1", "web", "10.0.0.1")]), true);
        assert_eq!(counts(&b.call(REPORT, last).await.unwrap()), [0; 3]);
        let late = json!({"parent": client, "items": [host("i-2", "new", "10.0.0.3")], "listing_id": "night-1"});
        let lost = json!({"parent": client, "listing_id": "night-0", "complete": true});
        for request in [late, lost, part(json!([]), false)] {
            let refused = b.refused(REPORT, request.clone()).await;
            assert_eq!((refused.code, &*refused.reason), (Code::FailedPrecondition, "BASTION_LISTING_NOT_OPEN"));
            assert_eq!(refused.metadata["listing_id"], text(&request, "listing_id"));
        }
        assert_eq!(text(&scene.asset("web").await, "state"), "ASSET_STATE_NORMAL");
        let found = b.call(DISCOVERED, json!({"parent": scene.main(), "account": client})).await.unwrap();
        assert_eq!(found["discoveredAssets"].as_array().unwrap().len(), 3, "none of them releases anything");

        // A watch goes on where an earlier one ended.
        let mut resumed = ask;
        resumed["resume_token"] = begin["resumeToken"].clone();
        let mut watch = b.watch(WATCH_ASSETS, resumed).await.unwrap();
        let (mut seen, mut gone) = (Vec::new(), Vec::new());
        while gone.is_empty() {
            let change = change(&mut watch).await;
            seen.extend(ids(&change, "assets"));
            gone = change["unmatchedAssets"].as_array().cloned().unwrap_or_default();
        }
        assert_eq!(seen, ["web"; 3], "once for each change, as it is by now");
        assert_eq!(gone, [json!(scene.named("assets", "orders"))]);
        for (field, request) in [
            ("complete", json!({"parent": client, "complete": true})),
            ("begin", json!({"parent": client, "begin": true})),
            ("items[1].source_id", json!({"parent": client, "items": [host("a", "a", "a"), host("a", "a", "a")]})),
            ("items[0].private_address", json!({"parent": client, "items": [host("a", "a", "")]})),
            ("items[0].private_address", json!({"parent": client, "items": [host("a", "a", "a b")]})),
        ] {
            assert_eq!(b.refused(REPORT, request).await.fields, [field]);
        }
        scene.suite.stop().await;
    }
}

/// covers: R-BAS-12, E-BAS-05
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn assets_of_others_are_added_by_hand_and_carry_no_owner() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::set_up(databases).await;
        let b = &scene.administrator.root;
        let asset = |id: &str, name: &str, kind: &str| {
            json!({"parent": scene.main(), "asset_id": id, "asset": {"kind": format!("ASSET_KIND_{kind}"),
                "display_name": name, "public_address": "192.0.2.7", "owner_account": scene.member}})
        };
        let partner = asset("partner", "partner", "HOST");
        scene.refused_to_others(CREATE_ASSET, &partner).await;
        let made = b.call(CREATE_ASSET, partner).await.unwrap();
        assert_eq!(text(&made, "ownerAccount"), "", "not by a caller");
        assert_eq!((text(&made, "source"), text(&made, "state")), ("ASSET_SOURCE_LOCAL", "ASSET_STATE_NORMAL"));
        for kind in ["DATABASE", "APPLICATION"] {
            b.call(CREATE_ASSET, asset(&kind.to_lowercase(), kind, kind)).await.unwrap();
        }
        let refused = b.refused(CREATE_ASSET, asset("other", "partner", "HOST")).await;
        assert_eq!(
            (&*refused.reason, &refused.metadata["resource"]),
            ("RESOURCE_EXISTS", &scene.named("assets", "partner"))
        );
        for (field, value) in [
            ("display_name", json!("x".repeat(129))),
            ("comment", json!("x".repeat(501))),
            ("ssh_port", json!(65_536)),
            ("public_address", json!("not an address")),
            ("kind", json!(0)),
        ] {
            let mut wrong = asset("wrong", "wrong", "HOST");
            wrong["asset"][field] = value;
            assert_eq!(b.refused(CREATE_ASSET, wrong).await.fields, [format!("asset.{field}")]);
        }
        let mut longest = asset("longest", &"x".repeat(128), "HOST");
        longest["asset"]["comment"] = json!("x".repeat(500));
        b.call(CREATE_ASSET, longest).await.unwrap();
        let update = json!({"asset": {"name": scene.named("assets", "partner"), "public_address": "198.51.100.1",
            "etag": text(&made, "etag")}, "update_mask": "publicAddress"});
        scene.refused_to_others(UPDATE_ASSET, &update).await;
        assert_eq!(text(&b.call(UPDATE_ASSET, update.clone()).await.unwrap(), "publicAddress"), "198.51.100.1");
        assert_eq!(b.refused(UPDATE_ASSET, update).await.reason, "ETAG_MISMATCH");
        let none = json!({"asset": {"name": scene.named("assets", "partner"), "public_address": ""},
            "update_mask": "publicAddress"});
        assert_eq!(b.refused(UPDATE_ASSET, none).await.fields, ["asset.private_address"]);

        let instance = json!({"name": scene.main()});
        let refused = b.refused(DELETE_INSTANCE, instance.clone()).await;
        assert_eq!((refused.code, &*refused.reason), (Code::FailedPrecondition, "BASTION_RESOURCE_IN_USE"));
        let mut names: Vec<_> = scene.assets("").await.iter().map(|id| scene.named("assets", id)).collect();
        names.push(scene.named("assets", "none"));
        let delete = json!({"parent": scene.main(), "names": names});
        scene.refused_to_others(DELETE_ASSETS, &delete).await;
        let done = b.call(DELETE_ASSETS, delete).await.unwrap();
        assert_eq!(codes(&done), ["OK", "OK", "OK", "OK", "OBJECT_NOT_FOUND"]);
        b.call(DELETE_INSTANCE, instance).await.unwrap();
        scene.suite.stop().await;
    }
}

/// covers: E-BAS-01
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_is_removed_only_when_its_assets_are() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::set_up(databases).await;
        let (b, client) = (&scene.administrator.root, scene.client.name.as_str());
        scene.imported(client, "i-1", "web").await;
        let gone = json!({"parent": client, "released_source_ids": ["i-1"]});
        b.call(REPORT, gone).await.unwrap();
        let entry = |account: &str| {
            let id = account.trim_start_matches("accounts/");
            json!({"name": format!("{}/bastionMembers/{id}", scene.directory)})
        };
        let refused = b.refused(REMOVE, entry(client)).await;
        assert_eq!((refused.code, &*refused.reason), (Code::FailedPrecondition, "ENTRY_IN_USE"), "released or not");
        assert_eq!(refused.metadata["used_by"], scene.named("assets", "web"));
        b.call(REMOVE, entry(&scene.member)).await.unwrap();
        b.call(DELETE_ASSET, json!({"name": scene.named("assets", "web")})).await.unwrap();
        b.call(REMOVE, entry(client)).await.unwrap();
        let imports = json!([{"source_id": "d-1"}]);
        let refused = b.refused(IMPORT, scene.import(client, &imports)).await;
        assert_eq!(refused.reason, "ACCOUNT_NOT_ENROLLED");
        let list = json!({"parent": scene.main()});
        let found = b.call(DISCOVERED, list).await.unwrap();
        assert_eq!(found["discoveredAssets"], json!([]), "nothing of an account that is no member");
        b.call(ADD, json!({"parent": scene.directory, "accounts": [client]})).await.unwrap();
        // What was known of it before is not what it has now.
        let again = b.call(IMPORT, scene.import(client, &imports)).await.unwrap();
        assert_eq!(codes(&again), ["OBJECT_NOT_FOUND"]);
        let item = json!({"source_id": "d-1", "kind": "ASSET_KIND_DATABASE", "private_address": "10.0.0.9",
            "engine": "DATABASE_ENGINE_POSTGRESQL"});
        b.call(REPORT, json!({"parent": client, "items": [item]})).await.unwrap();
        scene.imported(client, "d-1", "orders").await;

        // A member that leaves the directory keeps its assets in the bastion host, and no session begins to them.
        let mut watch = b.watch(WATCH_ASSETS, json!({"parent": scene.main()})).await.unwrap();
        watch.next().await.unwrap().unwrap();
        assert_eq!(scene.asset("orders").await["suspended"], json!(false));
        let id = client.trim_start_matches("accounts/");
        let leaves = json!({"name": format!("{}/members/{id}", scene.directory)});
        scene.management.root.call("directory.v1.MemberService/RemoveMember", leaves).await.unwrap();
        let told = change(&mut watch).await;
        assert_eq!((ids(&told, "assets"), &told["assets"][0]["suspended"]), (vec!["orders".to_owned()], &json!(true)));
        assert_eq!(scene.asset("orders").await["suspended"], json!(true));
        scene.suite.stop().await;
    }
}

/// covers: E-BAS-01
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_beside_an_import_leaves_no_asset_without_its_member() {
    for databases in [Databases::Sqlite, Databases::Postgres] {
        let scene = Scene::set_up(databases).await;
        let (b, client) = (&scene.administrator.root, scene.client.name.as_str());
        let entry = format!("{}/bastionMembers/{}", scene.directory, client.trim_start_matches("accounts/"));
        let add = json!({"parent": scene.directory, "accounts": [client]});
        let report = json!({"parent": client, "items": [host("i-1", "web", "10.0.0.1")]});
        let import = scene.import(client, &json!([{"source_id": "i-1", "asset_id": "web"}]));
        let members = async || b.call(LIST_MEMBERS, json!({"parent": scene.directory})).await.unwrap();
        for round in 0..6 {
            let remove = json!({"name": entry, "request_id": format!("3f0c2c62-3a0b-4bb8-8f4b-5f6f2f9f5a{round:02}")});
            let (removed, imported) = tokio::join!(b.call(REMOVE, remove.clone()), b.call(IMPORT, import.clone()));
            match (removed, imported) {
                (Ok(_), Err(refused)) => {
                    let gone = ["ACCOUNT_NOT_ENROLLED", "BASTION_MEMBER_LEAVING"].contains(&&*refused.reason);
                    assert!(gone, "{refused:?}");
                    assert_eq!(scene.assets("").await, Vec::<String>::new());
                }
                (Ok(_), Ok(answer)) => panic!("a removed member has an asset: {answer}"),
                (Err(refused), Ok(answer)) => {
                    assert_eq!((&*refused.reason, codes(&answer)), ("ENTRY_IN_USE", vec!["OK".to_owned()]));
                    b.call(DELETE_ASSET, json!({"name": scene.named("assets", "web")})).await.unwrap();
                    b.call(REMOVE, remove.clone()).await.unwrap();
                }
                (Err(refused), Err(other)) => panic!("{refused:?} {other:?}"),
            }
            // Added anew, it is another enrolment: who repeats the removal of before ends nothing.
            b.call(ADD, add.clone()).await.unwrap();
            b.call(REMOVE, remove).await.unwrap();
            assert!(members().await.to_string().contains(client));
            b.call(REPORT, report.clone()).await.unwrap();
        }
        scene.suite.stop().await;
    }
}
