//! OpenID providers, and the ID tokens that signed somebody in.

use sea_orm_migration::{
    DbErr, MigrationName, MigrationTrait, SchemaManager,
    async_trait::async_trait,
    sea_query::{ColumnDef, Index, Table},
};

/// The migration.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "directory_0008_identity_providers"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let providers = Table::create()
            .table("identity_providers")
            .col(number("account"))
            .col(text("identity_provider"))
            .col(text("settings"))
            .col(number("create_us"))
            .col(number("update_us"))
            .col(number("version"))
            .primary_key(Index::create().col("account").col("identity_provider"))
            .to_owned();
        let sign_ins = Table::create()
            .table("sign_ins")
            .col(ColumnDef::new("token_hash").blob().not_null().primary_key())
            .col(number("expire_us"))
            .to_owned();
        manager.create_table(providers).await?;
        manager.create_table(sign_ins).await?;
        let expire = Index::create().name("sign_ins_expire").table("sign_ins").col("expire_us").to_owned();
        manager.create_index(expire).await
    }
}

fn text(column: &'static str) -> ColumnDef {
    ColumnDef::new(column).text().not_null().to_owned()
}

fn number(column: &'static str) -> ColumnDef {
    ColumnDef::new(column).big_integer().not_null().to_owned()
}
