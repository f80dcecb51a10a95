//! The schema: the tables that each service has, followed by its own.
//!
//! All that is missing is applied in one transaction, under an advisory lock on PostgreSQL and the write lock on SQLite,
//! so that replicas which start at once do not collide and a crash leaves nothing half done.

use bailiwick_core::random_token;
use sea_orm::{ConnectionTrait, DeriveIden};
use sea_orm_migration::{
    DbErr, MigrationName, MigrationTrait, MigratorTraitSelf, SchemaManager,
    async_trait::async_trait,
    sea_query::{ColumnDef, Index, Query, Table},
};

use crate::{Db, DbError, Engine, tx};

/// Makes a service's migrations.
pub type Migrations = fn() -> Vec<Box<dyn MigrationTrait>>;

/// Any number that no other user of the database locks: "bailiwic" in ASCII.
const ADVISORY_LOCK: i64 = 0x6261_696c_6977_6963;
const EPOCH_DIGITS: usize = 20;

impl Db {
    /// Brings the schema to this program's version. Does nothing if it is there already. The first time, it makes the
    /// epoch of the database.
    pub async fn migrate(&self) -> Result<(), DbError> {
        let tx = tx::begin(self).await?;
        if self.engine() == Engine::Postgres {
            // Waiting for another replica's migration is no statement that got stuck.
            tx.execute_unprepared("SET LOCAL statement_timeout = '15min'").await?;
            tx.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")).await?;
        }
        self.migrator().up(&tx, None).await.map_err(unknown)?;
        tx.commit().await?;
        Ok(())
    }

    /// Fails with [`DbError::NotMigrated`] unless the schema is exactly this program's. Changes nothing.
    pub async fn verify_migrated(&self) -> Result<(), DbError> {
        let pending = self.migrator().get_pending_migrations_read_only(self.reader()).await.map_err(unknown)?;
        if pending.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = pending.iter().map(|migration| migration.name()).collect();
        Err(DbError::NotMigrated(format!("missing {}", names.join(", "))))
    }

    /// Gives the database a new epoch: to be called once after a restore from a backup, before anything is served, so
    /// that positions of the lost future are refused instead of compared.
    pub async fn renew_epoch(&self) -> Result<(), DbError> {
        let renew = Query::update()
            .table(LogHead::Table)
            .value(LogHead::Epoch, random_token(self.0.deps.entropy.as_ref(), EPOCH_DIGITS))
            .to_owned();
        self.writer().execute(&renew).await?;
        self.head().await?;
        Ok(())
    }

    fn migrator(&self) -> Migrator {
        Migrator { epoch: random_token(self.0.deps.entropy.as_ref(), EPOCH_DIGITS), own: self.0.deps.migrations }
    }
}

/// The migration library reports applied migrations that it does not know as a custom error.
fn unknown(error: DbErr) -> DbError {
    match error {
        DbErr::Custom(text) => DbError::NotMigrated(text),
        error => error.into(),
    }
}

struct Migrator {
    epoch: String,
    own: Migrations,
}

impl MigratorTraitSelf for Migrator {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        let mut migrations: Vec<Box<dyn MigrationTrait>> = vec![Box::new(Foundation { epoch: self.epoch.clone() })];
        migrations.extend((self.own)());
        migrations
    }
}

/// The first migration of each service.
struct Foundation {
    epoch: String,
}

impl MigrationName for Foundation {
    fn name(&self) -> &str {
        "db_0001_foundation"
    }
}

#[async_trait]
impl MigrationTrait for Foundation {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.log(manager).await?;
        cursors(manager).await?;
        idempotency(manager).await?;
        leases(manager).await
    }
}

impl Foundation {
    async fn log(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table(LogHead::Table)
                    .col(ColumnDef::new(LogHead::Id).integer().not_null().primary_key())
                    .col(text(LogHead::Epoch))
                    .col(number(LogHead::Revision))
                    .to_owned(),
            )
            .await?;
        let first = Query::insert()
            .into_table(LogHead::Table)
            .columns([LogHead::Id, LogHead::Epoch, LogHead::Revision])
            .values_panic([1.into(), self.epoch.as_str().into(), 0i64.into()])
            .to_owned();
        manager.execute(first).await?;
        manager
            .create_table(
                Table::create()
                    .table(ChangeLog::Table)
                    .col(number(ChangeLog::Revision).primary_key())
                    .col(number(ChangeLog::TimeUs))
                    .col(text(ChangeLog::Method))
                    .col(text(ChangeLog::Resource))
                    .col(text(ChangeLog::Tenant))
                    .col(text(ChangeLog::RequestId))
                    .col(ColumnDef::new(ChangeLog::Payload).blob().not_null())
                    .to_owned(),
            )
            .await
    }
}

async fn cursors(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table(Cursors::Table)
                .col(text(Cursors::Upstream).primary_key())
                .col(text(Cursors::Epoch))
                .col(number(Cursors::Revision))
                .to_owned(),
        )
        .await
}

async fn idempotency(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table(Idempotency::Table)
                .col(text(Idempotency::Scope))
                .col(text(Idempotency::Method))
                .col(text(Idempotency::RequestId))
                .col(ColumnDef::new(Idempotency::Fingerprint).blob().not_null())
                .col(ColumnDef::new(Idempotency::Response).blob().not_null())
                .col(text(Idempotency::Epoch))
                .col(number(Idempotency::Revision))
                .col(number(Idempotency::ExpiresUs))
                .primary_key(
                    Index::create().col(Idempotency::Scope).col(Idempotency::Method).col(Idempotency::RequestId),
                )
                .to_owned(),
        )
        .await?;
    manager
        .create_index(
            Index::create()
                .name("idempotency_expires")
                .table(Idempotency::Table)
                .col(Idempotency::ExpiresUs)
                .to_owned(),
        )
        .await
}

async fn leases(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table(Leases::Table)
                .col(text(Leases::Name).primary_key())
                .col(text(Leases::Holder))
                .col(number(Leases::ExpiresUs))
                .to_owned(),
        )
        .await
}

fn text(column: impl sea_orm::sea_query::IntoIden) -> ColumnDef {
    ColumnDef::new(column).text().not_null().to_owned()
}

fn number(column: impl sea_orm::sea_query::IntoIden) -> ColumnDef {
    ColumnDef::new(column).big_integer().not_null().to_owned()
}

#[derive(DeriveIden)]
enum LogHead {
    Table,
    Id,
    Epoch,
    Revision,
}

#[derive(DeriveIden)]
enum ChangeLog {
    Table,
    Revision,
    TimeUs,
    Method,
    Resource,
    Tenant,
    RequestId,
    Payload,
}

#[derive(DeriveIden)]
enum Cursors {
    Table,
    Upstream,
    Epoch,
    Revision,
}

#[derive(DeriveIden)]
enum Idempotency {
    Table,
    Scope,
    Method,
    RequestId,
    Fingerprint,
    Response,
    Epoch,
    Revision,
    ExpiresUs,
}

#[derive(DeriveIden)]
enum Leases {
    Table,
    Name,
    Holder,
    ExpiresUs,
}

#[cfg(test)]
mod tests;
