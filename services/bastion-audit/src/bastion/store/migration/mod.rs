//! The schema.

mod m0001_instances;
mod m0002_assets;
mod m0003_accounts;
mod m0004_grants;

use sea_orm_migration::{
    MigrationTrait,
    sea_query::{ColumnDef, Index, Table, TableCreateStatement},
};

/// The migrations of the bastion.
pub(crate) fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        Box::new(m0001_instances::Instances),
        Box::new(m0002_assets::Assets),
        Box::new(m0003_accounts::Accounts),
        Box::new(m0004_grants::Grants),
    ]
}

fn table(name: &'static str, key: &[&'static str], columns: Vec<ColumnDef>) -> TableCreateStatement {
    let mut primary = Index::create();
    for column in key {
        primary.col(*column);
    }
    let mut table = Table::create();
    table.table(name);
    for column in columns {
        table.col(column);
    }
    table.primary_key(&mut primary).to_owned()
}

fn text(column: &'static str) -> ColumnDef {
    ColumnDef::new(column).text().not_null().to_owned()
}

fn number(column: &'static str) -> ColumnDef {
    ColumnDef::new(column).big_integer().not_null().to_owned()
}
