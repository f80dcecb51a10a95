//! Folders and what of members and designations is about them; deletions of service-linked roles; the order in which rows
//! are compared with claims.

use bailiwick_api::r#type::v1::{AccessFact, access_fact::Kind};
use prost::Message;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use sea_orm_migration::{
    DbErr, MigrationName, MigrationTrait, SchemaManager,
    async_trait::async_trait,
    sea_query::{Alias, ColumnDef, Index, Table},
};

use super::{
    super::entity::{delegated_administrator as administrator, enrolment, fact, folder, member, role_deletion},
    text,
};

/// The kind of the facts of accounts in the table of facts.
const ACCOUNTS: i32 = 1;

pub(super) struct Folders;

impl MigrationName for Folders {
    fn name(&self) -> &str {
        "delegation_0002_folders"
    }
}

#[async_trait]
impl MigrationTrait for Folders {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        folders(manager).await?;
        members(manager).await?;
        designations(manager).await?;
        role_deletions(manager).await?;
        let in_order = Index::create()
            .name("enrolments_in_order")
            .table(enrolment::Entity)
            .col(enrolment::Column::Directory)
            .col(enrolment::Column::Account)
            .col(enrolment::Column::Service)
            .to_owned();
        manager.create_index(in_order).await
    }
}

async fn folders(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table(folder::Entity)
        .col(text(folder::Column::Directory))
        .col(text(folder::Column::Folder))
        .col(text(folder::Column::Parent))
        .primary_key(Index::create().col(folder::Column::Directory).col(folder::Column::Folder))
        .to_owned();
    manager.create_table(table).await
}

/// The folder of each member is in the fact that it is mirrored from.
async fn members(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    add(manager, "members", text(member::Column::Folder).default("").to_owned()).await?;
    let suspended = ColumnDef::new(member::Column::Suspended).boolean().not_null().default(false).to_owned();
    add(manager, "members", suspended).await?;
    let conn = manager.get_connection();
    for row in fact::Entity::find().filter(fact::Column::Kind.eq(ACCOUNTS)).all(conn).await? {
        let Ok(AccessFact { kind: Some(Kind::Account(account)) }) = AccessFact::decode(row.value.as_slice()) else {
            return Err(DbErr::Custom(format!("`{}` cannot be read", row.key)));
        };
        let folder = account.folder.rsplit('/').next().unwrap_or_default();
        member::Entity::update_many()
            .col_expr(member::Column::Folder, Expr::value(folder))
            .filter(member::Column::Account.eq(account.account.trim_start_matches("accounts/")))
            .exec(conn)
            .await?;
    }
    Ok(())
}

async fn designations(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let folder = text(administrator::Column::Folder).default("").to_owned();
    add(manager, "delegated_administrators", folder).await
}

async fn role_deletions(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    use role_deletion::{Column, Entity};
    let table = Table::create()
        .table(Entity)
        .col(text(Column::Account))
        .col(text(Column::Role))
        .col(text(Column::Deletion))
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

async fn add(manager: &SchemaManager<'_>, table: &str, column: ColumnDef) -> Result<(), DbErr> {
    manager.alter_table(Table::alter().table(Alias::new(table)).add_column(column).to_owned()).await
}
