//! The schema of the trail.

use sea_orm::DeriveIden;
use sea_orm_migration::{
    DbErr, MigrationName, MigrationTrait, SchemaManager,
    async_trait::async_trait,
    sea_query::{ColumnDef, Index, IntoIden, Query, Table},
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
        viewers(manager).await?;
        arrivals(manager).await
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
                .col(number(AuditViewers::Arrival))
                .primary_key(&mut key)
                .to_owned(),
        )
        .await?;
    let by_arrival = Index::create()
        .name("audit_viewers_arrival")
        .table(AuditViewers::Table)
        .col(AuditViewers::Viewer)
        .col(AuditViewers::Arrival)
        .unique()
        .to_owned();
    manager.create_index(by_arrival).await
}

/// The last arrival, one row: locked by whoever adds an entry, so that arrivals are committed in their order.
async fn arrivals(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let mut id = ColumnDef::new(AuditArrivals::Id).small_integer().not_null().primary_key().to_owned();
    let table = Table::create().table(AuditArrivals::Table).col(&mut id).col(number(AuditArrivals::Arrival)).to_owned();
    manager.create_table(table).await?;
    let first = Query::insert()
        .into_table(AuditArrivals::Table)
        .columns([AuditArrivals::Id, AuditArrivals::Arrival])
        .values_panic([1.into(), 0.into()])
        .to_owned();
    manager.execute(first).await
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
    Arrival,
}

#[derive(DeriveIden)]
enum AuditArrivals {
    Table,
    Id,
    Arrival,
}
