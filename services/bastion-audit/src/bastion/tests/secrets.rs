//! Secrets of accounts.

use std::sync::Arc;

use bailiwick_api::bastion::v1::{
    self as pb, asset_account_service_client::AssetAccountServiceClient, asset_service_client::AssetServiceClient,
};
use bailiwick_core::SystemEntropy;
use bailiwick_db::Sealer;
use bailiwick_roster::testing::directory;
use bailiwick_testkit::databases;
use sea_orm::{ConnectionTrait, Statement};

use super::{Scene, asset, main};

/// A host that was added by hand.
async fn add_web(scene: &Scene) {
    let message = pb::CreateAssetRequest {
        parent: main(),
        asset_id: "web".into(),
        asset: Some(pb::Asset {
            kind: pb::AssetKind::Host.into(),
            display_name: "web".into(),
            public_address: "192.0.2.7".into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let request = scene.request("AssetService/CreateAsset", message);
    AssetServiceClient::new(scene.channel()).create_asset(request).await.unwrap();
}

/// What of a secret is in the database opens with the key of the installation alone, in its own place alone.
#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_sealed_and_nothing_else_has_them() {
    const SECRET: &str = "correct horse battery staple";
    for database in databases().await {
        let scene = Scene::start(&database.url).await;
        add_web(&scene).await;
        let account = pb::AssetAccount { login_name: "root".into(), password: SECRET.into(), ..Default::default() };
        let message = pb::CreateAssetAccountRequest {
            parent: asset("web"),
            asset_account_id: "root".into(),
            asset_account: Some(account),
            request_id: "0b8fba4e-7d1c-4f53-9c3a-08cc5b4f5a5f".into(),
        };
        let request = scene.request("AssetAccountService/CreateAssetAccount", message);
        AssetAccountServiceClient::new(scene.channel()).create_asset_account(request).await.unwrap();

        let conn = scene.suite.db.reader();
        let read = async |sql: &str| {
            let statement = Statement::from_string(conn.get_database_backend(), sql);
            conn.query_one_raw(statement).await.unwrap().unwrap()
        };
        let sealed: Vec<u8> = read("SELECT sealed FROM bastion_secrets").await.try_get("", "sealed").unwrap();
        let sealer = Sealer::new([6; 32], Arc::new(SystemEntropy));
        let directory = directory(1).to_string();
        let bound = |id: &'static str| {
            ["bastion", &directory, "main/assets/web", "assetAccounts", id, "password"].map(str::as_bytes)
        };
        assert_eq!(sealer.open(&bound("root"), &sealed).unwrap().as_slice(), SECRET.as_bytes(), "{}", database.engine);
        sealer.open(&bound("other"), &sealed).unwrap_err();
        let body: String =
            read("SELECT body FROM bastion_resources WHERE kind = 'assetAccounts'").await.try_get("", "body").unwrap();
        let fingerprint: Vec<u8> =
            read("SELECT fingerprint FROM idempotency").await.try_get("", "fingerprint").unwrap();
        let changes = scene.suite.db.changes_after(0, 1_000).await.unwrap();
        let mut kept: Vec<Vec<u8>> = changes.into_iter().map(|logged| logged.change.payload).collect();
        kept.extend([sealed, body.into_bytes(), fingerprint]);
        for bytes in kept {
            assert!(!String::from_utf8_lossy(&bytes).contains(SECRET));
        }
        scene.running.stop().await;
    }
}

/// The clock of the scene stands still: two passwords differ in nothing that is known of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_set_in_the_moment_of_another_is_the_one_that_is_kept() {
    for database in databases().await {
        let scene = Scene::start(&database.url).await;
        add_web(&scene).await;
        let account = |password: &str| pb::AssetAccount {
            name: format!("{}/assetAccounts/root", asset("web")),
            login_name: "root".into(),
            password: password.into(),
            ..Default::default()
        };
        let message = pb::CreateAssetAccountRequest {
            parent: asset("web"),
            asset_account_id: "root".into(),
            asset_account: Some(account("first")),
            ..Default::default()
        };
        let mut accounts = AssetAccountServiceClient::new(scene.channel());
        let request = scene.request("AssetAccountService/CreateAssetAccount", message);
        let first = accounts.create_asset_account(request).await.unwrap().into_inner();
        let message = pb::UpdateAssetAccountRequest { asset_account: Some(account("second")), ..Default::default() };
        let request = scene.request("AssetAccountService/UpdateAssetAccount", message);
        let second = accounts.update_asset_account(request).await.unwrap().into_inner();
        assert_eq!(first.credential_update_time, second.credential_update_time, "in one moment");
        assert_ne!(first.etag, second.etag, "{}", database.engine);

        let conn = scene.suite.db.reader();
        let statement = Statement::from_string(conn.get_database_backend(), "SELECT sealed FROM bastion_secrets");
        let sealed: Vec<u8> = conn.query_one_raw(statement).await.unwrap().unwrap().try_get("", "sealed").unwrap();
        let directory = directory(1).to_string();
        let bound = ["bastion", &directory, "main/assets/web", "assetAccounts", "root", "password"].map(str::as_bytes);
        let opened = Sealer::new([6; 32], Arc::new(SystemEntropy)).open(&bound, &sealed).unwrap();
        assert_eq!(opened.as_slice(), b"second", "{}", database.engine);
        scene.running.stop().await;
    }
}
