//! STAND-IN of this branch for the table of roles, which another branch makes: goes at the merge.

use sea_orm_migration::{
    DbErr, MigrationName, MigrationTrait, SchemaManager,
    async_trait::async_trait,
    sea_query::{ColumnDef, Index, Table},
};

/// The migration.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "directory_0099_stand_in"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let roles = Table::create()
            .table("roles")
            .col(ColumnDef::new("account").big_integer().not_null())
            .col(ColumnDef::new("role").text().not_null())
            .col(ColumnDef::new("trust_policy").text().not_null())
            .col(ColumnDef::new("max_session_seconds").big_integer().not_null())
            .col(ColumnDef::new("generation").big_integer().not_null())
            .col(ColumnDef::new("create_us").big_integer().not_null())
            .col(ColumnDef::new("last_use_us").big_integer())
            .primary_key(Index::create().col("account").col("role"))
            .to_owned();
        manager.create_table(roles).await
    }
}
