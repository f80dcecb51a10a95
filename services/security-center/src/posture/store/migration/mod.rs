//! The schema.

mod m0001_risks;
mod m0002_editions;
mod m0003_views;
mod m0004_scores;

use sea_orm_migration::{
    MigrationTrait,
    sea_query::{ColumnDef, Index, IndexCreateStatement, IndexOrder, Table, TableCreateStatement},
};

/// The migrations of Security Center.
pub(crate) fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        Box::new(m0001_risks::Risks),
        Box::new(m0002_editions::Editions),
        Box::new(m0003_views::Views),
        Box::new(m0004_scores::Scores),
    ]
}

/// A table with a primary key of some of its columns.
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

/// An index over some columns; those that end in ` desc` descend.
fn index(name: &'static str, table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name).table(table);
    for column in columns {
        match column.strip_suffix(" desc") {
            Some(column) => index.col((column, IndexOrder::Desc)),
            None => index.col(*column),
        };
    }
    index
}

fn text(column: &'static str) -> ColumnDef {
    ColumnDef::new(column).text().not_null().to_owned()
}

fn number(column: &'static str) -> ColumnDef {
    ColumnDef::new(column).big_integer().not_null().to_owned()
}

fn flag(column: &'static str) -> ColumnDef {
    ColumnDef::new(column).boolean().not_null().to_owned()
}

fn bytes(column: &'static str) -> ColumnDef {
    ColumnDef::new(column).blob().not_null().to_owned()
}
