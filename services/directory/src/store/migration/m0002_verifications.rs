//! Verification codes, and messages on their way.

use sea_orm_migration::{
    DbErr, MigrationName, MigrationTrait, SchemaManager,
    async_trait::async_trait,
    sea_query::{ColumnDef, Index, IndexCreateStatement, Table},
};

/// The migration.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "directory_0002_verifications"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Rows outlive what they are about, for they are counted for a day: no foreign keys.
        let verifications = Table::create()
            .table("verifications")
            .col(text("verification").primary_key())
            .col(text("tenant"))
            .col(number("account"))
            .col(text("purpose"))
            .col(text("incarnation"))
            .col(text("requester"))
            .col(text("channel"))
            .col(text("address"))
            .col(text("state"))
            .col(number("failures"))
            // Null once it can no longer be used.
            .col(ColumnDef::new("sealed_code").blob())
            .col(number("create_us"))
            .col(number("expire_us"))
            .to_owned();
        let outbox = Table::create()
            .table("outbox")
            .col(text("message").primary_key())
            .col(number("tries"))
            .col(number("due_us"))
            .col(number("expire_us"))
            .col(ColumnDef::new("sealed").blob().not_null())
            .to_owned();
        manager.create_table(verifications).await?;
        manager.create_table(outbox).await?;
        for index in [
            index("verifications_account", "verifications", &["account", "purpose", "create_us"]),
            index("verifications_tenant", "verifications", &["tenant", "create_us"]),
            index("verifications_create", "verifications", &["create_us"]),
            index("outbox_due", "outbox", &["due_us"]),
        ] {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

fn text(column: &'static str) -> ColumnDef {
    ColumnDef::new(column).text().not_null().to_owned()
}

fn number(column: &'static str) -> ColumnDef {
    ColumnDef::new(column).big_integer().not_null().to_owned()
}

fn index(name: &'static str, table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create().name(name).table(table).to_owned();
    for column in columns {
        index.col(*column);
    }
    index
}
