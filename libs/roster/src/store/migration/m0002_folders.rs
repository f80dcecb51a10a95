//! The folders of directories, and the entries of a list by folder.

use sea_orm_migration::{
    DbErr, MigrationName, MigrationTrait, SchemaManager,
    async_trait::async_trait,
    sea_query::{Index, Table},
};

use super::{RosterEntries, text};

pub(super) struct Folders;

impl MigrationName for Folders {
    fn name(&self) -> &str {
        "roster_0002_folders"
    }
}

#[async_trait]
impl MigrationTrait for Folders {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("roster_folders")
            .col(text("directory"))
            .col(text("folder"))
            .col(text("parent"))
            .primary_key(Index::create().col("directory").col("folder"))
            .to_owned();
        manager.create_table(table).await?;
        let by_folder = Index::create()
            .name("roster_entries_folder")
            .table(RosterEntries::Table)
            .col(RosterEntries::Service)
            .col(RosterEntries::Directory)
            .col(RosterEntries::Folder)
            .col(RosterEntries::Account)
            .to_owned();
        manager.create_index(by_folder).await
    }
}
