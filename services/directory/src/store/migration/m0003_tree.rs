//! Folders, labels of members, control policies, and what directories and invitations gain with them.

use sea_orm_migration::{
    DbErr, MigrationName, MigrationTrait, SchemaManager,
    async_trait::async_trait,
    sea_orm::ConnectionTrait,
    sea_query::{Alias, ColumnDef, ForeignKey, Index, Table, TableCreateStatement},
};

/// The migration.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "directory_0003_tree"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in added() {
            let alter = Table::alter().table(Alias::new(table)).add_column(column).to_owned();
            manager.alter_table(alter).await?;
        }
        for table in [folders(), labels(), policies(), attachments(), deleted()] {
            manager.create_table(table).await?;
        }
        let names = Index::create()
            .name("folders_display_name")
            .table("folders")
            .col("directory")
            .col("parent")
            .col("display_name")
            .unique()
            .to_owned();
        manager.create_index(names).await?;
        let by_policy = Index::create()
            .name("control_policy_attachments_policy")
            .table("control_policy_attachments")
            .col("directory")
            .col("policy")
            .col("node")
            .to_owned();
        manager.create_index(by_policy).await?;
        let by_folder =
            Index::create().name("members_folder").table("members").col("directory").col("folder").to_owned();
        manager.create_index(by_folder).await?;
        for fill in FILL {
            manager.get_connection().execute_unprepared(fill).await?;
        }
        Ok(())
    }
}

/// What every directory has from its beginning.
const FILL: [&str; 4] = [
    "UPDATE directories SET update_us = create_us",
    "INSERT INTO folders (directory, folder, parent, display_name, create_us, update_us, version) \
     SELECT directory, 'root', NULL, 'Root', create_us, create_us, 1 FROM directories",
    "INSERT INTO control_policy_attachments (directory, node, policy, attach_us) \
     SELECT directory, 'folders/root', 'FullAliyunAccess', NULL FROM directories",
    "INSERT INTO control_policy_attachments (directory, node, policy, attach_us) \
     SELECT directory, 'members/' || CAST(account AS TEXT), 'FullAliyunAccess', NULL FROM members",
];

fn added() -> [(&'static str, ColumnDef); 6] {
    let flag = |name: &'static str| ColumnDef::new(name).boolean().not_null().default(false).to_owned();
    let text_or =
        |name: &'static str, value: &'static str| ColumnDef::new(name).text().not_null().default(value).to_owned();
    [
        ("directories", flag("member_deletion_enabled")),
        ("directories", flag("control_policies_enabled")),
        ("directories", ColumnDef::new("update_us").big_integer().not_null().default(0).to_owned()),
        ("invitations", text_or("folder", "root")),
        ("invitations", text_or("labels", "{}")),
        ("invitations", text_or("recipient_legal_name", "")),
    ]
}

fn folders() -> TableCreateStatement {
    table("folders")
        .col(text("directory"))
        .col(text("folder"))
        // Null for the root folder alone.
        .col(ColumnDef::new("parent").text())
        .col(text("display_name"))
        .col(number("create_us"))
        .col(number("update_us"))
        .col(number("version"))
        .primary_key(Index::create().col("directory").col("folder"))
        .foreign_key(ForeignKey::create().from("folders", "directory").to("directories", "directory"))
        .to_owned()
}

fn labels() -> TableCreateStatement {
    table("member_labels")
        .col(number("account"))
        .col(text("label"))
        .col(text("value"))
        .primary_key(Index::create().col("account").col("label"))
        .foreign_key(ForeignKey::create().from("member_labels", "account").to("members", "account"))
        .to_owned()
}

fn policies() -> TableCreateStatement {
    table("control_policies")
        .col(text("directory"))
        .col(text("policy"))
        .col(text("description"))
        .col(text("document"))
        .col(number("create_us"))
        .col(number("update_us"))
        .col(number("version"))
        .primary_key(Index::create().col("directory").col("policy"))
        .foreign_key(ForeignKey::create().from("control_policies", "directory").to("directories", "directory"))
        .to_owned()
}

/// The system policy's among them, which has no row of its own elsewhere.
fn attachments() -> TableCreateStatement {
    table("control_policy_attachments")
        .col(text("directory"))
        .col(text("node"))
        .col(text("policy"))
        .col(ColumnDef::new("attach_us").big_integer())
        .primary_key(Index::create().col("directory").col("node").col("policy"))
        .foreign_key(
            ForeignKey::create().from("control_policy_attachments", "directory").to("directories", "directory"),
        )
        .to_owned()
}

/// Ids of directories that are no more, which no other gets.
fn deleted() -> TableCreateStatement {
    table("deleted_directories").col(text("directory").primary_key()).col(number("delete_us")).to_owned()
}

fn table(name: &'static str) -> TableCreateStatement {
    Table::create().table(name).to_owned()
}

fn text(column: &'static str) -> ColumnDef {
    ColumnDef::new(column).text().not_null().to_owned()
}

fn number(column: &'static str) -> ColumnDef {
    ColumnDef::new(column).big_integer().not_null().to_owned()
}
