//! Security information of accounts.

use sea_orm_migration::{
    DbErr, MigrationName, MigrationTrait, SchemaManager,
    async_trait::async_trait,
    sea_query::{ColumnDef, ForeignKey, Index, Table},
};

/// The migration.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "directory_0007_security_info"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let contacts = Table::create()
            .table("security_contacts")
            .col(ColumnDef::new("account").big_integer().not_null())
            .col(ColumnDef::new("channel").text().not_null())
            // Null until one is confirmed.
            .col(ColumnDef::new("address").text())
            .col(ColumnDef::new("new_address").text())
            .col(ColumnDef::new("state").text())
            .col(ColumnDef::new("expire_us").big_integer())
            .primary_key(Index::create().col("account").col("channel"))
            .foreign_key(ForeignKey::create().from("security_contacts", "account").to("accounts", "account"))
            .to_owned();
        manager.create_table(contacts).await
    }
}
