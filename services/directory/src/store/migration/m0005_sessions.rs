//! When users and keys were last used, keys that are being rotated, and single-purpose credentials.

use sea_orm_migration::{
    DbErr, MigrationName, MigrationTrait, SchemaManager,
    async_trait::async_trait,
    sea_query::{ColumnDef, ForeignKey, Index, Table},
};

/// The migration.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "directory_0005_sessions"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One column a statement: SQLite takes no more.
        for (table, column) in [("users", "update_us"), ("users", "last_sign_in_us")] {
            add(manager, table, ColumnDef::new(column).big_integer()).await?;
        }
        for column in ["last_use_us", "disable_us"] {
            add(manager, "access_keys", ColumnDef::new(column).big_integer()).await?;
        }
        add(manager, "access_keys", ColumnDef::new("last_use_source_ip").text()).await?;
        let due = Index::create().name("access_keys_disable").table("access_keys").col("disable_us").to_owned();
        manager.create_index(due).await?;
        let credentials = Table::create()
            .table("credentials")
            .col(ColumnDef::new("credential").text().not_null().primary_key())
            .col(ColumnDef::new("account").big_integer().not_null())
            .col(ColumnDef::new("user").text().not_null())
            .col(ColumnDef::new("secret_hash").blob().not_null())
            .col(ColumnDef::new("action").text().not_null())
            .col(ColumnDef::new("create_us").big_integer().not_null())
            .col(ColumnDef::new("expire_us").big_integer().not_null())
            .foreign_key(ForeignKey::create().from("credentials", ("account", "user")).to("users", ("account", "user")))
            .to_owned();
        manager.create_table(credentials).await?;
        for (name, columns) in
            [("credentials_user", ["account", "user"].as_slice()), ("credentials_expire", &["expire_us"])]
        {
            let mut index = Index::create().name(name).table("credentials").to_owned();
            for column in columns {
                index.col(*column);
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

async fn add(manager: &SchemaManager<'_>, table: &'static str, column: &mut ColumnDef) -> Result<(), DbErr> {
    manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await
}
