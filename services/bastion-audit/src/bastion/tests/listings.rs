//! Listings of large accounts, and what is left when a call breaks off.

use bailiwick_api::{
    audit::v1::Change,
    bastion::v1::{self as pb, asset_service_client::AssetServiceClient},
};
use bailiwick_core::TrustedService;
use bailiwick_db::{DbError, Tx};
use bailiwick_roster::testing::{account, directory};
use bailiwick_testkit::databases;
use prost::Message;
use sea_orm::{ConnectionTrait, Statement};
use tokio_util::sync::CancellationToken;
use tonic::Code;

use super::{Scene, details, item, main};
use crate::bastion::{app::Bastion, store};

impl Scene {
    async fn sql(&self, sql: &str) {
        let write = |tx: Tx| async move {
            let statement = Statement::from_string(tx.conn().get_database_backend(), sql);
            tx.conn().execute_raw(statement).await?;
            Ok::<_, DbError>(())
        };
        self.suite.db.write("test", write).await.unwrap();
    }

    /// As many more as the one of an id, of the same account, as if they had been reported with it.
    async fn multiply(&self, source_id: &str, count: usize) {
        let sql = format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) \
             INSERT INTO bastion_inventory_items (directory, account, source_id, kind, report, body) \
             SELECT o.directory, o.account, o.source_id || '-' || n.i, o.kind, o.report, \
             REPLACE(o.body, '\"{source_id}\"', '\"{source_id}-' || n.i || '\"') \
             FROM n CROSS JOIN bastion_inventory_items o WHERE o.source_id = '{source_id}'"
        );
        self.sql(&sql).await;
        self.sql(&format!("UPDATE bastion_inventories SET items = items + {count}")).await;
    }

    fn part(&self, items: Vec<pb::InventoryItem>, listing: &str, last: bool) -> pb::ReportInventoryRequest {
        pb::ReportInventoryRequest {
            parent: account(11).name(),
            items,
            listing_id: listing.into(),
            begin: !last && !listing.is_empty(),
            complete: last,
            ..Default::default()
        }
    }

    /// The bastion of another replica.
    fn replica(&self) -> Bastion {
        Bastion::new(&self.suite.deps(CancellationToken::new()))
    }

    async fn items(&self) -> i64 {
        let work = |tx: Tx| async move { store::inventory_lock(tx.conn(), directory(1), account(11)).await };
        self.suite.db.write::<_, DbError, _, _>("test", work).await.unwrap().value.items
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_replaces_all_that_an_account_may_have() {
    for database in databases().await {
        let scene = Scene::start(&database.url).await;
        scene.report(scene.part(vec![item("old", "10.0.0.1")], "", false)).await.unwrap();
        scene.multiply("old", 19_999).await;
        let full = async |listing: &str, id: &str| {
            let refused = scene.report(scene.part(vec![item(id, "10.0.0.2")], listing, false)).await.unwrap_err();
            assert_eq!(refused.code(), Code::ResourceExhausted, "{}: {refused:?}", database.engine);
        };
        full("", "one-more").await;
        scene.report(scene.part(vec![item("new", "10.0.0.2")], "night", false)).await.unwrap();
        // What is named in the listing fills it, up to the same bound; and nobody has more than twice of it.
        scene.multiply("new", 19_999).await;
        scene.sql("UPDATE bastion_inventories SET items = 30000").await;
        full("night", "too-many").await;
        scene.sql("UPDATE bastion_inventories SET items = 40000").await;
        scene.sql("DELETE FROM bastion_inventory_items WHERE source_id LIKE 'new-%'").await;
        full("night", "still-too-many").await;
        // A few batches are left to settle.
        scene
            .sql("DELETE FROM bastion_inventory_items WHERE source_id LIKE 'old-%' AND source_id NOT LIKE 'old-19%'")
            .await;
        scene.sql("UPDATE bastion_inventories SET items = (SELECT COUNT(*) FROM bastion_inventory_items)").await;

        let last = scene.part(vec![item("newer", "10.0.0.3")], "night", true);
        scene.report(last).await.unwrap();
        assert_eq!(scene.discovered().await, ["new", "newer"], "{}", database.engine);
        assert_eq!(scene.items().await, 2);
        scene.running.stop().await;
    }
}

/// Between the last part of a listing and its settling, nobody is shown or given what it dropped; then the service settles it
/// itself, with nobody reporting again.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_complete_listing_dropped_is_gone_before_it_is_settled() {
    for database in databases().await {
        let scene = Scene::start(&database.url).await;
        let items = vec![item("web", "10.0.0.1"), item("db", "10.0.0.2")];
        scene.report(scene.part(items, "", false)).await.unwrap();
        assert_eq!(scene.import(11, "web").await.unwrap().code(), pb::ItemCode::Ok);
        let head = scene.suite.db.head().await.unwrap().revision;
        scene.sql("UPDATE bastion_inventories SET settle_before = report + 1").await;
        assert_eq!(scene.discovered().await, Vec::<String>::new(), "{}", database.engine);
        assert_eq!(scene.import(11, "db").await.unwrap().code(), pb::ItemCode::ObjectNotFound);
        scene.replica().upkeep().await.unwrap();
        assert_eq!(scene.state("web").await, pb::AssetState::Released);
        assert_eq!(scene.items().await, 0);
        let changes = scene.suite.db.changes_after(head, 10).await.unwrap();
        let changes: Vec<_> =
            changes.iter().map(|one| Change::decode(one.change.payload.as_slice()).unwrap()).collect();
        assert_eq!(changes.iter().map(|one| one.method.as_str()).collect::<Vec<_>>(), ["bastion-upkeep"; 2]);
        assert!(changes.iter().all(|one| one.accounts == [account(11).name()]), "{changes:?}");
        scene.replica().upkeep().await.unwrap();
        assert_eq!(scene.suite.db.changes_after(head, 10).await.unwrap().len(), 2, "there is nothing more");
        scene.running.stop().await;
    }
}

/// An account that has left reports no more: what is known of it goes, and what was imported stays suspended.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_kept_of_what_an_account_had_that_left() {
    for database in databases().await {
        let scene = Scene::start(&database.url).await;
        scene.report(scene.part(vec![item("web", "10.0.0.1")], "", false)).await.unwrap();
        scene.multiply("web", 300).await;
        let of_other = pb::ReportInventoryRequest {
            parent: account(12).name(),
            ..scene.part(vec![item("own", "10.0.0.1")], "", false)
        };
        scene.report(of_other).await.unwrap();
        scene.import(11, "web").await.unwrap();
        let conn = scene.suite.db.reader();
        let mark = |tx: Tx| async move {
            store::departure_save(tx.conn(), directory(1), account(11), "of an enrolment that has ended").await
        };
        scene.suite.db.write::<_, DbError, _, _>("test", mark).await.unwrap();
        scene.suite.delegation.end(directory(1), TrustedService::Bastionhost, account(11)).await;
        while store::enrolment(conn, directory(1), account(11)).await.unwrap().is_some() {
            tokio::task::yield_now().await;
        }
        scene.replica().upkeep().await.unwrap();
        let count = async |sql: &str| {
            let statement = Statement::from_string(conn.get_database_backend(), sql);
            let row = conn.query_one_raw(statement).await.unwrap().unwrap();
            row.try_get::<i64>("", "count").unwrap()
        };
        assert_eq!(count("SELECT COUNT(*) AS count FROM bastion_inventory_items").await, 1, "{}", database.engine);
        assert_eq!(count("SELECT COUNT(*) AS count FROM bastion_inventories").await, 1);
        assert_eq!(count("SELECT COUNT(*) AS count FROM bastion_departures").await, 0);
        let web = scene.asset("web").await;
        assert_eq!((web.suspended, web.state()), (true, pb::AssetState::Normal));
        assert_eq!(scene.discovered().await, ["own"]);

        scene.add(&[11]).await;
        scene.report(scene.part(vec![item("web", "10.0.0.1")], "", false)).await.unwrap();
        assert_eq!(scene.import(11, "web").await.unwrap().code(), pb::ItemCode::Ok);
        assert!(!scene.asset("web").await.suspended);
        scene.running.stop().await;
    }
}

/// What is asked for can be far apart: a page is then short, and the list goes on.
#[tokio::test(flavor = "multi_thread")]
async fn pages_of_discovered_assets_read_only_so_much_and_leave_nothing_out() {
    for database in databases().await {
        let scene = Scene::start(&database.url).await;
        let base = pb::InventoryItem { kind: pb::AssetKind::Database.into(), ..item("z", "10.0.0.1") };
        scene.report(scene.part(vec![item("i", "10.0.0.1"), base.clone()], "", false)).await.unwrap();
        scene.multiply("i", 2_500).await;
        let parent = account(12).name();
        let more = pb::ReportInventoryRequest { parent, ..scene.part(vec![item("a", "10.0.0.1"), base], "", false) };
        scene.report(more).await.unwrap();
        scene.import(12, "a").await.unwrap();
        let list = async |asked: pb::ListDiscoveredAssetsRequest| {
            let (mut pages, mut found, mut token) = (0, Vec::new(), String::new());
            loop {
                let message = pb::ListDiscoveredAssetsRequest { parent: main(), page_token: token, ..asked.clone() };
                let request = scene.request("AssetService/ListDiscoveredAssets", message);
                let mut assets = AssetServiceClient::new(scene.channel());
                let page = assets.list_discovered_assets(request).await.unwrap().into_inner();
                pages += 1;
                assert!(page.discovered_assets.len() <= usize::try_from(asked.page_size).unwrap());
                found.extend(page.discovered_assets.into_iter().map(|item| (item.account, item.source_id)));
                token = page.next_page_token;
                if token.is_empty() {
                    return (pages, found);
                }
            }
        };
        let of = |member: u8, id: &str| (account(member).name(), id.to_owned());
        let kind = pb::AssetKind::Database.into();
        let sparse = pb::ListDiscoveredAssetsRequest { page_size: 10, kind, ..Default::default() };
        let (pages, found) = list(sparse).await;
        assert_eq!(found, [of(11, "z"), of(12, "z")], "{}", database.engine);
        assert!(pages > 1, "the first one ends before it has found anything");
        let all = pb::ListDiscoveredAssetsRequest { page_size: 1_000, ..Default::default() };
        let (pages, found) = list(all.clone()).await;
        assert_eq!((pages, found.len()), (3, 2_504));
        let mut sorted = found.clone();
        sorted.dedup();
        assert_eq!(sorted.len(), found.len(), "each once");
        let free = pb::ListDiscoveredAssetsRequest { not_imported: true, account: account(12).name(), ..all.clone() };
        assert_eq!(list(free).await, (1, vec![of(12, "z")]));
        let one = pb::ListDiscoveredAssetsRequest { page_size: 1, account: account(12).name(), ..Default::default() };
        assert_eq!(list(one).await, (2, vec![of(12, "a"), of(12, "z")]), "no page after the last one");
        let wrong = pb::ListDiscoveredAssetsRequest { parent: main(), page_token: "x".into(), ..all };
        let request = scene.request("AssetService/ListDiscoveredAssets", wrong);
        let refused = AssetServiceClient::new(scene.channel()).list_discovered_assets(request).await.unwrap_err();
        assert!(details(&refused).contains("PAGE_TOKEN_INVALID"), "{refused:?}");
        scene.running.stop().await;
    }
}
