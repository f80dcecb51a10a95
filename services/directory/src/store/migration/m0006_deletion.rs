//! Members that wait for their deletion, and accounts that were deleted.

use sea_orm_migration::{
    DbErr, MigrationName, MigrationTrait, SchemaManager,
    async_trait::async_trait,
    sea_query::{ColumnDef, Index, Table},
};

/// The migration.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "directory_0006_deletion"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        add(manager, "members", ColumnDef::new("purge_us").big_integer()).await?;
        add(manager, "accounts", ColumnDef::new("delete_us").big_integer()).await?;
        let due = Index::create().name("members_purge").table("members").col("purge_us").to_owned();
        manager.create_index(due).await
    }
}

async fn add(manager: &SchemaManager<'_>, table: &'static str, column: &mut ColumnDef) -> Result<(), DbErr> {
    manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await
}
