//! The schema of the lists.

use sea_orm::DeriveIden;
use sea_orm_migration::{
    DbErr, MigrationName, MigrationTrait, SchemaManager,
    async_trait::async_trait,
    sea_query::{ColumnDef, Index, IntoIden, Table},
};

/// The migrations of the lists, for the front of a service's own.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(Lists)]
}

struct Lists;

impl MigrationName for Lists {
    fn name(&self) -> &str {
        "roster_0001_lists"
    }
}

#[async_trait]
impl MigrationTrait for Lists {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        entries(manager).await?;
        let index = Index::create()
            .name("roster_entries_account")
            .table(RosterEntries::Table)
            .col(RosterEntries::Account)
            .to_owned();
        manager.create_index(index).await?;
        let by_folder = Index::create()
            .name("roster_entries_folder")
            .table(RosterEntries::Table)
            .col(RosterEntries::Service)
            .col(RosterEntries::Directory)
            .col(RosterEntries::Folder)
            .col(RosterEntries::Account)
            .to_owned();
        manager.create_index(by_folder).await?;
        accounts(manager).await?;
        folders(manager).await
    }
}

async fn entries(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let mut key = Index::create()
        .col(RosterEntries::Service)
        .col(RosterEntries::Directory)
        .col(RosterEntries::Account)
        .to_owned();
    manager
        .create_table(
            Table::create()
                .table(RosterEntries::Table)
                .col(text(RosterEntries::Service))
                .col(text(RosterEntries::Directory))
                .col(number(RosterEntries::Account))
                .col(text(RosterEntries::Uid))
                .col(text(RosterEntries::Incarnation))
                .col(text(RosterEntries::DisplayName))
                .col(text(RosterEntries::AccountType))
                .col(text(RosterEntries::JoinMethod))
                .col(text(RosterEntries::Folder))
                .col(text(RosterEntries::Remark))
                .col(ColumnDef::new(RosterEntries::Marked).boolean().not_null())
                .col(text(RosterEntries::AddOperator))
                .col(number(RosterEntries::AddTimeUs))
                .col(number(RosterEntries::Version))
                .primary_key(&mut key)
                .to_owned(),
        )
        .await
}

async fn accounts(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table(RosterAccounts::Table)
                .col(number(RosterAccounts::Account).primary_key())
                .col(text(RosterAccounts::Directory))
                .col(text(RosterAccounts::Incarnation))
                .col(text(RosterAccounts::DisplayName))
                .col(text(RosterAccounts::AccountType))
                .col(text(RosterAccounts::JoinMethod))
                .col(text(RosterAccounts::Folder))
                .to_owned(),
        )
        .await
}

async fn folders(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("roster_folders")
        .col(text("directory"))
        .col(text("folder"))
        .col(text("parent"))
        .primary_key(Index::create().col("directory").col("folder"))
        .to_owned();
    manager.create_table(table).await
}

fn text(column: impl IntoIden) -> ColumnDef {
    ColumnDef::new(column).text().not_null().to_owned()
}

fn number(column: impl IntoIden) -> ColumnDef {
    ColumnDef::new(column).big_integer().not_null().to_owned()
}

#[derive(DeriveIden)]
enum RosterEntries {
    Table,
    Service,
    Directory,
    Account,
    Uid,
    Incarnation,
    DisplayName,
    AccountType,
    JoinMethod,
    Folder,
    Remark,
    Marked,
    AddOperator,
    AddTimeUs,
    Version,
}

#[derive(DeriveIden)]
enum RosterAccounts {
    Table,
    Account,
    Directory,
    Incarnation,
    DisplayName,
    AccountType,
    JoinMethod,
    Folder,
}
