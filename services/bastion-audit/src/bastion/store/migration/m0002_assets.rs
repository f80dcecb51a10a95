//! Inventories, assets, and what is followed for them.

use sea_orm_migration::{
    DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait::async_trait, sea_query::Index,
};

use super::{number, table, text};

pub(super) struct Assets;

impl MigrationName for Assets {
    fn name(&self) -> &str {
        "bastion_0002_assets"
    }
}

#[async_trait]
impl MigrationTrait for Assets {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        inventories(manager).await?;
        assets(manager).await?;
        let columns = vec![text("directory"), number("account")];
        manager.create_table(table("bastion_administrators", &["directory", "account"], columns)).await?;
        // Of which enrolment a removal was begun.
        let columns = vec![text("directory"), number("account"), text("uid")];
        manager.create_table(table("bastion_departures", &["directory", "account"], columns)).await
    }
}

async fn inventories(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let columns = vec![
        text("directory"),
        number("account"),
        // Reports, which are numbered; what writers lock.
        number("report"),
        // The listing that is not complete yet, and its first report.
        text("listing"),
        number("listing_begin"),
        // That which was completed last.
        text("completed"),
        // What was last named before this report is to be released; 0 if nothing is.
        number("settle_before"),
        number("items"),
        // The enrolment or membership in which it was reported.
        text("claim"),
    ];
    manager.create_table(table("bastion_inventories", &["directory", "account"], columns)).await?;
    let columns = vec![
        text("directory"),
        number("account"),
        text("source_id"),
        number("kind"),
        // The last one that named it.
        number("report"),
        text("body"),
    ];
    manager.create_table(table("bastion_inventory_items", &["directory", "account", "source_id"], columns)).await?;
    let mut oldest = Index::create();
    oldest.name("bastion_inventory_items_report").table("bastion_inventory_items");
    oldest.col("directory").col("account").col("report");
    manager.create_index(oldest).await
}

async fn assets(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let columns = vec![
        text("directory"),
        text("instance"),
        text("id"),
        number("kind"),
        number("source"),
        number("state"),
        // 0 for none.
        number("owner"),
        // The id in the account of the owner; of what has none, a slash and its own id.
        text("source_key"),
        text("region"),
        text("display_name"),
        text("comment"),
        text("private_address"),
        text("public_address"),
        // Empty for none.
        text("network_domain"),
        number("create_us"),
        text("body"),
    ];
    manager.create_table(table("bastion_assets", &["directory", "instance", "id"], columns)).await?;
    let mut called = Index::create();
    called.name("bastion_assets_called").table("bastion_assets").unique();
    called.col("directory").col("instance").col("display_name");
    manager.create_index(called).await?;
    let mut of_owner = Index::create();
    of_owner.name("bastion_assets_owner").table("bastion_assets").unique();
    of_owner.col("directory").col("owner").col("source_key").col("instance");
    manager.create_index(of_owner).await
}
