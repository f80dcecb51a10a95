//! The schema of the trail.

use sea_orm::DeriveIden;
use sea_orm_migration::{
    DbErr, MigrationName, MigrationTrait, SchemaManager,
    async_trait::async_trait,
    sea_query::{ColumnDef, Index, IntoIden, Table},
};

/// The migrations of the trail.
pub(crate) fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(Trail)]
}

struct Trail;

impl MigrationName for Trail {
    fn name(&self) -> &str {
        "bastion_audit_0001_trail"
    }
}

#[async_trait]
impl MigrationTrait for Trail {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        entries(manager).await?;
        viewers(manager).await
    }
}

async fn entries(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let mut key =
        Index::create().col(AuditEntries::Role).col(AuditEntries::Epoch).col(AuditEntries::Revision).to_owned();
    manager
        .create_table(
            Table::create()
                .table(AuditEntries::Table)
                .col(text(AuditEntries::Role))
                .col(text(AuditEntries::Epoch))
                .col(number(AuditEntries::Revision))
                .col(text(AuditEntries::Tenant))
                .col(number(AuditEntries::TimeUs))
                .col(text(AuditEntries::Operator))
                .col(text(AuditEntries::Method))
                .col(text(AuditEntries::Resource))
                .col(text(AuditEntries::Accounts))
                .col(text(AuditEntries::RequestId))
                .col(text(AuditEntries::RequestJson))
                .primary_key(&mut key)
                .to_owned(),
        )
        .await
}

async fn viewers(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let mut key = Index::create()
        .col(AuditViewers::Viewer)
        .col(AuditViewers::TimeUs)
        .col(AuditViewers::Role)
        .col(AuditViewers::Epoch)
        .col(AuditViewers::Revision)
        .to_owned();
    manager
        .create_table(
            Table::create()
                .table(AuditViewers::Table)
                .col(text(AuditViewers::Viewer))
                .col(number(AuditViewers::TimeUs))
                .col(text(AuditViewers::Role))
                .col(text(AuditViewers::Epoch))
                .col(number(AuditViewers::Revision))
                .primary_key(&mut key)
                .to_owned(),
        )
        .await
}

fn text(column: impl IntoIden) -> ColumnDef {
    ColumnDef::new(column).text().not_null().to_owned()
}

fn number(column: impl IntoIden) -> ColumnDef {
    ColumnDef::new(column).big_integer().not_null().to_owned()
}

#[derive(DeriveIden)]
enum AuditEntries {
    Table,
    Role,
    Epoch,
    Revision,
    Tenant,
    TimeUs,
    Operator,
    Method,
    Resource,
    Accounts,
    RequestId,
    RequestJson,
}

#[derive(DeriveIden)]
enum AuditViewers {
    Table,
    Viewer,
    TimeUs,
    Role,
    Epoch,
    Revision,
}
