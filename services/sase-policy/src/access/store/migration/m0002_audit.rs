//! What administrators changed, with how it was before and after.

use sea_orm_migration::{
    DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait::async_trait, sea_query::Index,
};

use super::m0001_access::{number, table, text};

pub(super) struct Audit;

impl MigrationName for Audit {
    fn name(&self) -> &str {
        "sase_0002_audit"
    }
}

#[async_trait]
impl MigrationTrait for Audit {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = vec![
            text("directory"),
            number("time_us"),
            text("id"),
            text("operator"),
            text("method"),
            text("request_id"),
            text("resource"),
            // 0 if it is of no account.
            number("account"),
            text("kind"),
            // JSON; empty if there was none.
            text("before"),
            text("after"),
        ];
        manager.create_table(table("sase_audit_entries", &["directory", "time_us", "id"], columns)).await?;
        let mut of_one = Index::create();
        of_one.name("sase_audit_entries_resource").table("sase_audit_entries");
        of_one.col("directory").col("resource").col("time_us").col("id");
        manager.create_index(of_one).await
    }
}
