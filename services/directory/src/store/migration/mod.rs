//! The schema of this service, after the tables that every service has. A migration that was released does not change.

mod m0001_directory;
mod m0002_verifications;
mod m0003_tree;
mod m0004_identities;
mod m0005_sessions;
mod m0006_deletion;
mod m0007_security_info;
mod m0008_identity_providers;
mod m0009_rotations;

use sea_orm_migration::MigrationTrait;

/// The migrations in order, for [`bailiwick_db::DbDeps`].
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        Box::new(m0001_directory::Migration),
        Box::new(m0002_verifications::Migration),
        Box::new(m0003_tree::Migration),
        Box::new(m0004_identities::Migration),
        Box::new(m0005_sessions::Migration),
        Box::new(m0006_deletion::Migration),
        Box::new(m0007_security_info::Migration),
        Box::new(m0008_identity_providers::Migration),
        Box::new(m0009_rotations::Migration),
    ]
}
