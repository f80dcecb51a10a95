//! Bastion hosts over gRPC, as the gateway lets calls through, on both databases.

use std::sync::Arc;

use bailiwick_api::bastion::v1::{
    self as pb, asset_service_client::AssetServiceClient,
    bastion_instance_service_client::BastionInstanceServiceClient,
    bastion_member_service_client::BastionMemberServiceClient, inventory_service_client::InventoryServiceClient,
};
use bailiwick_core::{Role, TrustedService};
use bailiwick_db::Tx;
use bailiwick_roster::testing::{Running, Suite, account, directory};
use bailiwick_testkit::{ManualClock, databases};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status, transport::Channel};

use crate::{build, migrations, positions};

struct Scene {
    suite: Suite,
    running: Running,
}

fn main() -> String {
    format!("{}/bastionInstances/main", directory(1).name())
}

fn asset(id: &str) -> String {
    format!("{}/assets/{id}", main())
}

fn item(source_id: &str, address: &str) -> pb::InventoryItem {
    pb::InventoryItem {
        source_id: source_id.into(),
        kind: pb::AssetKind::Host.into(),
        private_address: address.into(),
        ..Default::default()
    }
}

impl Scene {
    /// The bastion host `main`, and the members 11 and 12.
    async fn start(url: &str) -> Self {
        let mut suite = Suite::new(url, Arc::new(ManualClock::default()), migrations).await;
        for role in [Role::Directory, Role::SecurityCenter, Role::SasePolicy] {
            suite.serve_log(role).await;
        }
        let shutdown = CancellationToken::new();
        let module = build(suite.deps(shutdown.clone())).await.unwrap();
        let running = suite.serve(module, positions(&suite.db), shutdown).await;
        let scene = Self { suite, running };
        let message = pb::CreateBastionInstanceRequest {
            parent: directory(1).name(),
            bastion_instance_id: "main".into(),
            bastion_instance: Some(pb::BastionInstance {
                display_name: "main".into(),
                region: "eu-1".into(),
                edition: pb::BastionEdition::Enterprise.into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let request = scene.request("BastionInstanceService/CreateBastionInstance", message);
        let mut instances = BastionInstanceServiceClient::new(scene.channel());
        instances.create_bastion_instance(request).await.unwrap();
        scene.add(&[11, 12]).await;
        scene
    }

    fn channel(&self) -> Channel {
        self.suite.channel(Role::BastionAudit)
    }

    fn request<M: prost::Message>(&self, method: &str, message: M) -> Request<M> {
        let path = format!("/bailiwick.bastion.v1.{method}");
        let path = bailiwick_api::rules().iter().find(|rule| rule.path == path).unwrap().path;
        self.suite.request((account(10), "alice"), path, message).unwrap()
    }

    async fn add(&self, members: &[u8]) {
        let accounts = members.iter().map(|member| account(*member).name()).collect();
        let message =
            pb::BatchCreateBastionMembersRequest { parent: directory(1).name(), accounts, ..Default::default() };
        let request = self.request("BastionMemberService/BatchCreateBastionMembers", message);
        BastionMemberServiceClient::new(self.channel()).batch_create_bastion_members(request).await.unwrap();
    }

    async fn report(&self, message: pb::ReportInventoryRequest) -> Result<pb::ReportInventoryResponse, Status> {
        let request = self.request("InventoryService/ReportInventory", message);
        Ok(InventoryServiceClient::new(self.channel()).report_inventory(request).await?.into_inner())
    }

    async fn import(&self, member: u8, source_id: &str) -> Result<pb::ItemResult, Status> {
        let message = pb::ImportAssetsRequest {
            parent: main(),
            account: account(member).name(),
            imports: vec![pb::AssetImport { source_id: source_id.into(), ..Default::default() }],
            ..Default::default()
        };
        let request = self.request("AssetService/ImportAssets", message);
        let mut results = AssetServiceClient::new(self.channel()).import_assets(request).await?.into_inner().results;
        Ok(results.remove(0))
    }

    async fn asset(&self, id: &str) -> pb::Asset {
        let request = self.request("AssetService/GetAsset", pb::GetAssetRequest { name: asset(id) });
        AssetServiceClient::new(self.channel()).get_asset(request).await.unwrap().into_inner()
    }

    async fn state(&self, id: &str) -> pb::AssetState {
        self.asset(id).await.state()
    }

    async fn discovered(&self) -> Vec<String> {
        let message = pb::ListDiscoveredAssetsRequest { parent: main(), page_size: 1_000, ..Default::default() };
        let request = self.request("AssetService/ListDiscoveredAssets", message);
        let page = AssetServiceClient::new(self.channel()).list_discovered_assets(request).await.unwrap().into_inner();
        page.discovered_assets.into_iter().map(|item| item.source_id).collect()
    }
}

mod listings;
mod secrets;

fn details(refused: &Status) -> String {
    String::from_utf8_lossy(refused.details()).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_was_begun_keeps_imports_out_until_the_member_is_enrolled_anew() {
    for database in databases().await {
        let scene = Scene::start(&database.url).await;
        let report = pb::ReportInventoryRequest {
            parent: account(11).name(),
            items: vec![item("web", "10.0.0.1")],
            ..Default::default()
        };
        scene.report(report.clone()).await.unwrap();
        let remove = async || {
            let id = account(11).to_string();
            let message = bailiwick_api::bastion::v1::DeleteBastionMemberRequest {
                name: format!("{}/bastionMembers/{id}", directory(1).name()),
                request_id: "0b8fba4e-7d1c-4f53-9c3a-08cc5b4f5a5f".into(),
                ..Default::default()
            };
            let request = scene.request("BastionMemberService/DeleteBastionMember", message);
            BastionMemberServiceClient::new(scene.channel()).delete_bastion_member(request).await
        };
        let conn = scene.suite.db.reader();
        let uid = async || super::store::enrolment(conn, directory(1), account(11)).await.unwrap();
        let first = uid().await;
        scene.suite.delegation.fail_once();
        assert_eq!(remove().await.unwrap_err().code(), Code::Unavailable, "{}", database.engine);
        let refused = scene.import(11, "web").await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert!(details(&refused).contains("BASTION_MEMBER_LEAVING"), "{refused:?}");

        scene.add(&[11]).await;
        let second = uid().await;
        assert!(second.is_some() && second != first, "the removal was completed, and the member enrolled anew");
        scene.report(report).await.unwrap();
        assert_eq!(scene.import(11, "web").await.unwrap().code(), pb::ItemCode::Ok);
        // Whoever began the removal repeats it: it is of the enrolment that has ended.
        remove().await.unwrap();
        assert_eq!(uid().await, second);
        assert_eq!(scene.state("web").await, pb::AssetState::Normal);
        let marks = super::store::departures_among(conn, directory(1), &[account(11)]).await.unwrap();
        assert_eq!(marks, [], "nothing is left of it");
        scene.running.stop().await;
    }
}

/// What an account left behind is not taken up again by its coming back.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_left_and_came_back_has_nothing_of_before() {
    for database in databases().await {
        let scene = Scene::start(&database.url).await;
        let report = pb::ReportInventoryRequest {
            parent: account(11).name(),
            items: vec![item("web", "10.0.0.1"), item("db", "10.0.0.2")],
            ..Default::default()
        };
        scene.report(report.clone()).await.unwrap();
        assert_eq!(scene.import(11, "web").await.unwrap().code(), pb::ItemCode::Ok);
        assert!(!scene.asset("web").await.suspended);
        scene.suite.delegation.end(directory(1), TrustedService::Bastionhost, account(11)).await;
        let conn = scene.suite.db.reader();
        let enrolled = async || super::store::enrolment(conn, directory(1), account(11)).await.unwrap();
        while enrolled().await.is_some() {
            tokio::task::yield_now().await;
        }
        assert!(scene.asset("web").await.suspended, "{}", database.engine);
        scene.add(&[11]).await;
        assert!(scene.asset("web").await.suspended, "it is another enrolment");
        assert_eq!(scene.discovered().await, Vec::<String>::new());
        assert_eq!(scene.import(11, "web").await.unwrap().code(), pb::ItemCode::ObjectNotFound);

        let web = pb::ReportInventoryRequest { items: vec![item("web", "10.0.0.9")], ..report };
        let reported = scene.report(web).await.unwrap();
        assert_eq!(reported.added_count, 1, "the inventory begins anew");
        assert_eq!(scene.discovered().await, ["web"]);
        assert!(scene.asset("web").await.suspended);
        let again = scene.import(11, "web").await.unwrap();
        assert_eq!((again.code(), again.name), (pb::ItemCode::Ok, asset("web")));
        let web = scene.asset("web").await;
        assert_eq!((web.suspended, web.state(), &*web.private_address), (false, pb::AssetState::Normal, "10.0.0.9"));
        assert_eq!(scene.import(11, "web").await.unwrap().code(), pb::ItemCode::ObjectAlreadyExists);
        scene.running.stop().await;
    }
}

/// A removal that was decided before something was imported ends nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_goes_on_asks_again_what_the_member_has() {
    for database in databases().await {
        let scene = Scene::start(&database.url).await;
        let report = pb::ReportInventoryRequest {
            parent: account(11).name(),
            items: vec![item("web", "10.0.0.1")],
            ..Default::default()
        };
        scene.report(report).await.unwrap();
        let remove = async || {
            let message = bailiwick_api::bastion::v1::DeleteBastionMemberRequest {
                name: format!("{}/bastionMembers/{}", directory(1).name(), account(11)),
                request_id: "0b8fba4e-7d1c-4f53-9c3a-08cc5b4f5a5f".into(),
                ..Default::default()
            };
            let request = scene.request("BastionMemberService/DeleteBastionMember", message);
            BastionMemberServiceClient::new(scene.channel()).delete_bastion_member(request).await
        };
        scene.suite.delegation.fail_once();
        remove().await.unwrap_err();
        // As if the mark were lost, as by a backup of before.
        let conn = scene.suite.db.reader();
        let uid = super::store::enrolment(conn, directory(1), account(11)).await.unwrap().unwrap();
        let unmark = |tx: Tx| {
            let uid = uid.clone();
            async move { super::store::departure_remove(tx.conn(), directory(1), account(11), &uid).await }
        };
        scene.suite.db.write::<_, bailiwick_db::DbError, _, _>("test", unmark).await.unwrap();
        assert_eq!(scene.import(11, "web").await.unwrap().code(), pb::ItemCode::Ok, "{}", database.engine);
        let refused = remove().await.unwrap_err();
        assert!(details(&refused).contains("ENTRY_IN_USE"), "{refused:?}");
        assert_eq!(scene.suite.delegation.enrolled(TrustedService::Bastionhost).await, 2);
        scene.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_listing_releases_what_it_does_not_have_and_a_crash_in_between_is_made_good() {
    for database in databases().await {
        let scene = Scene::start(&database.url).await;
        let parent = account(11).name();
        for part in 0..3 {
            let items = (0..200).map(|n| item(&format!("i-{part}-{n}"), "10.0.0.1")).collect();
            let report = pb::ReportInventoryRequest { parent: parent.clone(), items, ..Default::default() };
            scene.report(report).await.unwrap();
        }
        for source_id in ["i-0-0", "i-2-199"] {
            scene.import(11, source_id).await.unwrap();
        }
        let listing = |items: Vec<pb::InventoryItem>, complete: bool| pb::ReportInventoryRequest {
            parent: parent.clone(),
            items,
            listing_id: "nightly".into(),
            begin: complete,
            complete,
            request_id: "0b8fba4e-7d1c-4f53-9c3a-08cc5b4f5a5f".into(),
            ..Default::default()
        };
        let last = listing(vec![item("i-1-7", "10.0.0.9")], true);
        let answer = scene.report(last.clone()).await.unwrap();
        assert_eq!(answer, pb::ReportInventoryResponse { changed_count: 1, ..Default::default() });
        assert_eq!(scene.discovered().await, ["i-1-7"], "{}", database.engine);
        assert_eq!(scene.state("i-0-0").await, pb::AssetState::Released);
        assert_eq!(scene.state("i-2-199").await, pb::AssetState::Released);
        let again = scene.report(last).await.unwrap();
        assert_eq!(again, answer, "a repetition changes nothing");

        // As a crash leaves it after the listing was complete and before anything was released.
        scene
            .report(pb::ReportInventoryRequest {
                parent: parent.clone(),
                items: vec![item("i-0-0", "10.0.0.1")],
                ..Default::default()
            })
            .await
            .unwrap();
        let (directory, of) = (directory(1), account(11));
        let interrupted = |tx: Tx| async move {
            let mut inventory = super::store::inventory_lock(tx.conn(), directory, of).await?;
            inventory.settle_before = inventory.report + 1;
            super::store::inventory_save(tx.conn(), &inventory).await
        };
        scene.suite.db.write::<_, bailiwick_db::DbError, _, _>("test", interrupted).await.unwrap();
        let next = pb::ReportInventoryRequest {
            parent: parent.clone(),
            items: vec![item("new", "10.0.0.2")],
            ..Default::default()
        };
        scene.report(next).await.unwrap();
        assert_eq!(scene.discovered().await, ["new"]);
        assert_eq!(scene.state("i-0-0").await, pb::AssetState::Released);
        scene.running.stop().await;
    }
}

/// Whatever the order in which they come, an asset never stays in a state that its inventory does not have.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_beside_a_release_leaves_the_asset_released_or_none() {
    for database in databases().await {
        let scene = Scene::start(&database.url).await;
        for round in 0..8 {
            let id = format!("i-{round}");
            let parent = account(12).name();
            let there = pb::ReportInventoryRequest {
                parent: parent.clone(),
                items: vec![item(&id, "10.0.0.1")],
                ..Default::default()
            };
            scene.report(there).await.unwrap();
            let gone =
                pb::ReportInventoryRequest { parent, released_source_ids: vec![id.clone()], ..Default::default() };
            let (imported, released) = tokio::join!(scene.import(12, &id), scene.report(gone));
            released.unwrap();
            match imported.unwrap().code() {
                pb::ItemCode::Ok => assert_eq!(scene.state(&id).await, pb::AssetState::Released, "{}", database.engine),
                code => assert_eq!(code, pb::ItemCode::ObjectNotFound),
            }
        }
        scene.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_another_directory_is_found_or_reported() {
    for database in databases().await {
        let scene = Scene::start(&database.url).await;
        let report = pb::ReportInventoryRequest {
            parent: account(11).name(),
            items: vec![item("web", "10.0.0.1")],
            ..Default::default()
        };
        scene.report(report).await.unwrap();
        scene.import(11, "web").await.unwrap();
        // The same ids in the other directory, as its own administrator has them.
        let path = "/bailiwick.bastion.v1.AssetService/GetAsset";
        let name = asset("web").replace(&directory(1).name(), &directory(2).name());
        let request = scene.suite.request((account(20), "alice"), path, pb::GetAssetRequest { name }).unwrap();
        let refused = AssetServiceClient::new(scene.channel()).get_asset(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound, "{}", database.engine);
        let foreign = pb::ReportInventoryRequest { parent: account(21).name(), ..Default::default() };
        let path = "/bailiwick.bastion.v1.InventoryService/ReportInventory";
        let request = scene.suite.request((account(21), "alice"), path, foreign).unwrap();
        let refused = InventoryServiceClient::new(scene.channel()).report_inventory(request).await.unwrap_err();
        assert!(details(&refused).contains("ACCOUNT_NOT_ENROLLED"), "{refused:?}");
        scene.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_imports_of_one_asset_one_makes_it_and_a_repetition_gets_the_first_result() {
    for database in databases().await {
        let scene = Scene::start(&database.url).await;
        let items = vec![item("web", "10.0.0.1"), item("db", "10.0.0.2")];
        let report = pb::ReportInventoryRequest { parent: account(11).name(), items, ..Default::default() };
        scene.report(report).await.unwrap();
        let (one, other) = tokio::join!(scene.import(11, "web"), scene.import(11, "web"));
        let (one, other) = (one.unwrap(), other.unwrap());
        let mut codes = [one.code(), other.code()];
        codes.sort_unstable();
        assert_eq!(codes, [pb::ItemCode::Ok, pb::ItemCode::ObjectAlreadyExists], "{}", database.engine);
        assert_eq!(one.name, other.name);

        let message = pb::ImportAssetsRequest {
            parent: main(),
            account: account(11).name(),
            imports: vec![pb::AssetImport { source_id: "db".into(), ..Default::default() }],
            request_id: "0b8fba4e-7d1c-4f53-9c3a-08cc5b4f5a5f".into(),
        };
        let import = async || {
            let request = scene.request("AssetService/ImportAssets", message.clone());
            AssetServiceClient::new(scene.channel()).import_assets(request).await.unwrap().into_inner()
        };
        let first = import().await;
        assert_eq!(first.results[0].code(), pb::ItemCode::Ok);
        assert_eq!(import().await, first);
        scene.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_tells_of_what_is_imported_and_removed_here_and_not_elsewhere() {
    for database in databases().await {
        let scene = Scene::start(&database.url).await;
        let items = vec![item("web", "10.0.0.1")];
        let report = pb::ReportInventoryRequest { parent: account(11).name(), items, ..Default::default() };
        scene.report(report).await.unwrap();
        let message = pb::WatchAssetsRequest { parent: main(), ..Default::default() };
        let request = scene.request("AssetService/WatchAssets", message);
        let mut watch = AssetServiceClient::new(scene.channel()).watch_assets(request).await.unwrap().into_inner();
        let begin = watch.message().await.unwrap().unwrap();
        assert!(begin.assets.is_empty() && !begin.resume_token.is_empty(), "{}", database.engine);
        scene.import(11, "web").await.unwrap();
        let told = watch.message().await.unwrap().unwrap();
        assert_eq!(told.assets.iter().map(|a| a.name.as_str()).collect::<Vec<_>>(), [asset("web")]);
        // Members that have no assets here are nobody's news.
        scene.add(&[13, 14]).await;
        let request = scene
            .request("AssetService/DeleteAsset", pb::DeleteAssetRequest { name: asset("web"), ..Default::default() });
        AssetServiceClient::new(scene.channel()).delete_asset(request).await.unwrap();
        let told = watch.message().await.unwrap().unwrap();
        assert_eq!((told.assets.len(), told.unmatched_assets), (0, vec![asset("web")]));
        let of_another = pb::WatchAssetsRequest {
            parent: main(),
            filter: "kind = ASSET_KIND_HOST".into(),
            resume_token: told.resume_token,
        };
        let request = scene.request("AssetService/WatchAssets", of_another);
        let refused = AssetServiceClient::new(scene.channel()).watch_assets(request).await.unwrap_err();
        assert!(details(&refused).contains("PAGE_TOKEN_INVALID"), "{refused:?}");
        scene.running.stop().await;
    }
}
