//! The schema.

use sea_orm_migration::{
    DbErr, MigrationName, MigrationTrait, SchemaManager,
    async_trait::async_trait,
    sea_query::{ColumnDef, Index, IntoIden, Table},
};

use super::entity::{
    delegated_administrator as administrator, directory, enrolment, fact, folder, member, role_deletion,
    trusted_access as access,
};

/// The migrations of delegation's database, for `bailiwick_db::DbDeps`.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(Delegation)]
}

struct Delegation;

impl MigrationName for Delegation {
    fn name(&self) -> &str {
        "delegation_0001_tables"
    }
}

#[async_trait]
impl MigrationTrait for Delegation {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        mirrored(manager).await?;
        facts(manager).await?;
        trusted_access(manager).await?;
        delegated_administrators(manager).await?;
        enrolments(manager).await?;
        role_deletions(manager).await
    }
}

async fn mirrored(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let directories = Table::create()
        .table(directory::Entity)
        .col(text(directory::Column::Directory).primary_key())
        .col(text(directory::Column::ManagementAccount))
        .to_owned();
    manager.create_table(directories).await?;
    let members = Table::create()
        .table(member::Entity)
        .col(text(member::Column::Account).primary_key())
        .col(text(member::Column::Directory))
        .col(text(member::Column::Incarnation))
        .col(text(member::Column::DisplayName))
        .col(text(member::Column::Folder))
        .col(ColumnDef::new(member::Column::Suspended).boolean().not_null())
        .to_owned();
    manager.create_table(members).await?;
    let by_directory = Index::create()
        .name("members_directory")
        .table(member::Entity)
        .col(member::Column::Directory)
        .col(member::Column::Account)
        .to_owned();
    manager.create_index(by_directory).await?;
    let folders = Table::create()
        .table(folder::Entity)
        .col(text(folder::Column::Directory))
        .col(text(folder::Column::Folder))
        .col(text(folder::Column::Parent))
        .primary_key(Index::create().col(folder::Column::Directory).col(folder::Column::Folder))
        .to_owned();
    manager.create_table(folders).await
}

async fn facts(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let facts = Table::create()
        .table(fact::Entity)
        .col(text(fact::Column::Key).primary_key())
        .col(ColumnDef::new(fact::Column::Kind).integer().not_null())
        .col(ColumnDef::new(fact::Column::Value).blob().not_null())
        .to_owned();
    manager.create_table(facts).await?;
    let in_order = Index::create()
        .name("facts_kind_key")
        .table(fact::Entity)
        .col(fact::Column::Kind)
        .col(fact::Column::Key)
        .unique()
        .to_owned();
    manager.create_index(in_order).await
}

async fn trusted_access(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table(access::Entity)
        .col(text(access::Column::Directory))
        .col(text(access::Column::Service))
        .primary_key(Index::create().col(access::Column::Directory).col(access::Column::Service))
        .to_owned();
    manager.create_table(table).await
}

async fn delegated_administrators(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    use administrator::Column;
    let table = Table::create()
        .table(administrator::Entity)
        .col(text(Column::Directory))
        .col(text(Column::Service))
        .col(text(Column::Account))
        .col(text(Column::Incarnation))
        .col(text(Column::Follows))
        .col(ColumnDef::new(Column::CreatedUs).big_integer().not_null())
        .col(text(Column::Etag))
        .col(text(Column::Folder))
        .primary_key(Index::create().col(Column::Directory).col(Column::Service).col(Column::Account))
        .to_owned();
    manager.create_table(table).await?;
    let by_account = Index::create()
        .name("delegated_administrators_account")
        .table(administrator::Entity)
        .col(Column::Account)
        .to_owned();
    manager.create_index(by_account).await
}

async fn enrolments(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    use enrolment::Column;
    let table = Table::create()
        .table(enrolment::Entity)
        .col(text(Column::Directory))
        .col(text(Column::Service))
        .col(text(Column::Account))
        .col(text(Column::Incarnation))
        .col(text(Column::Uid))
        .col(ColumnDef::new(Column::CreatedUs).big_integer().not_null())
        .primary_key(Index::create().col(Column::Directory).col(Column::Service).col(Column::Account))
        .to_owned();
    manager.create_table(table).await?;
    let by_account =
        Index::create().name("enrolments_account").table(enrolment::Entity).col(Column::Account).to_owned();
    manager.create_index(by_account).await?;
    let in_order = Index::create()
        .name("enrolments_in_order")
        .table(enrolment::Entity)
        .col(Column::Directory)
        .col(Column::Account)
        .col(Column::Service)
        .to_owned();
    manager.create_index(in_order).await
}

async fn role_deletions(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    use role_deletion::{Column, Entity};
    let table = Table::create()
        .table(Entity)
        .col(text(Column::Account))
        .col(text(Column::Role))
        .col(text(Column::Deletion))
        .col(text(Column::Incarnation))
        .col(text(Column::State))
        .col(text(Column::Usages))
        .col(text(Column::Operator))
        .col(text(Column::CallId))
        .col(ColumnDef::new(Column::CreatedUs).big_integer().not_null())
        .col(ColumnDef::new(Column::EndedUs).big_integer().null())
        .col(ColumnDef::new(Column::OpenRole).text().null().unique_key())
        .primary_key(Index::create().col(Column::Account).col(Column::Role).col(Column::Deletion))
        .to_owned();
    manager.create_table(table).await?;
    let ended = Index::create().name("role_deletions_ended").table(Entity).col(Column::EndedUs).to_owned();
    manager.create_index(ended).await
}

fn text(column: impl IntoIden) -> ColumnDef {
    ColumnDef::new(column).text().not_null().to_owned()
}
