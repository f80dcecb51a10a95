//! What is in groups of assets, and what is kept sealed.

use sea_orm_migration::{
    DbErr, MigrationName, MigrationTrait, SchemaManager,
    async_trait::async_trait,
    sea_query::{ColumnDef, Index},
};

use super::{table, text};

pub(super) struct Accounts;

impl MigrationName for Accounts {
    fn name(&self) -> &str {
        "bastion_0003_accounts"
    }
}

#[async_trait]
impl MigrationTrait for Accounts {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let key = ["directory", "instance", "asset_group", "asset"];
        manager.create_table(table("bastion_group_assets", &key, key.map(text).to_vec())).await?;
        let mut of_asset = Index::create();
        of_asset.name("bastion_group_assets_asset").table("bastion_group_assets");
        of_asset.col("directory").col("instance").col("asset");
        manager.create_index(of_asset).await?;
        // What names what: the one is in a place, which is the bastion host or an asset of it.
        let key = ["directory", "place", "source_kind", "source_id", "kind", "id"];
        let columns = key.into_iter().chain(["instance"]).map(text).collect();
        manager.create_table(table("bastion_references", &key, columns)).await?;
        let mut named = Index::create();
        named.name("bastion_references_named").table("bastion_references");
        named.col("directory").col("instance").col("kind").col("id").col("source_kind");
        manager.create_index(named).await?;
        let key = ["directory", "place", "kind", "id", "slot"];
        let mut columns = key.map(text).to_vec();
        columns.push(ColumnDef::new("sealed").binary().not_null().to_owned());
        manager.create_table(table("bastion_secrets", &key, columns)).await
    }
}
