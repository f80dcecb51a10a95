//! The schema of this service, after the tables that every service has. A migration that was released does not change.

mod m0001_directory;
mod m0002_verifications;
mod m0006_deletion;
mod m0008_identity_providers;

use sea_orm_migration::MigrationTrait;

/// The migrations in order, for [`bailiwick_db::DbDeps`].
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        Box::new(m0001_directory::Migration),
        Box::new(m0002_verifications::Migration),
        Box::new(m0006_deletion::Migration),
        Box::new(m0008_identity_providers::Migration),
    ]
}
