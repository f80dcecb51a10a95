//! The schema.

mod m0001_access;
mod m0002_audit;

use sea_orm_migration::MigrationTrait;

/// The migrations of access policies.
pub(crate) fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(m0001_access::Access), Box::new(m0002_audit::Audit)]
}
