//! Bastion hosts, and what is in them of which there is little.

use sea_orm_migration::{
    DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait::async_trait, sea_query::Index,
};

use super::{table, text};

pub(super) struct Instances;

impl MigrationName for Instances {
    fn name(&self) -> &str {
        "bastion_0001_instances"
    }
}

#[async_trait]
impl MigrationTrait for Instances {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // What writers lock.
        manager.create_table(table("bastion_heads", &["directory"], vec![text("directory")])).await?;
        // Of the bastion hosts themselves, the place is empty.
        let columns =
            vec![text("directory"), text("place"), text("kind"), text("id"), text("unique_name"), text("body")];
        manager.create_table(table("bastion_resources", &["directory", "place", "kind", "id"], columns)).await?;
        let mut called = Index::create();
        called.name("bastion_resources_called").table("bastion_resources").unique();
        called.col("directory").col("place").col("kind").col("unique_name");
        manager.create_index(called).await
    }
}
