//! What policies are made of, what they decided, and what is followed for them.

use sea_orm_migration::{
    DbErr, MigrationName, MigrationTrait, SchemaManager,
    async_trait::async_trait,
    sea_query::{ColumnDef, Index, IndexOrder, Table, TableCreateStatement},
};

pub(super) struct Access;

impl MigrationName for Access {
    fn name(&self) -> &str {
        "sase_0001_access"
    }
}

#[async_trait]
impl MigrationTrait for Access {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Counts the changes by calls of all that decisions look at; its row is what they lock.
        let columns = vec![text("directory"), number("generation")];
        manager.create_table(table("sase_heads", &["directory"], columns)).await?;
        // Counts the changes by facts, of all directories in the row of ''. No call locks a row of it, so that none holds
        // up the facts of other tenants.
        let columns = vec![text("directory"), number("generation")];
        manager.create_table(table("sase_follows", &["directory"], columns)).await?;
        let columns = vec![text("directory"), text("body")];
        manager.create_table(table("sase_instances", &["directory"], columns)).await?;
        // The body is JSON: what decides holds all of them in memory, and nothing is looked for inside.
        let columns = vec![text("directory"), text("kind"), text("id"), text("body")];
        manager.create_table(table("sase_resources", &["directory", "kind", "id"], columns)).await?;
        let columns = vec![text("directory"), text("policy"), number("version"), text("body")];
        let key = ["directory", "policy", "version"];
        manager.create_table(table("sase_policy_versions", &key, columns)).await?;
        let columns = vec![text("directory"), number("account")];
        manager.create_table(table("sase_administrators", &["directory", "account"], columns)).await?;
        // Those that are enabled.
        let columns = vec![text("name"), number("account")];
        manager.create_table(table("sase_ram_users", &["name"], columns)).await?;
        decisions(manager).await
    }
}

async fn decisions(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let columns = vec![
        text("directory"),
        number("time_us"),
        text("id"),
        // 0 if there is no application.
        number("account"),
        text("sase_user"),
        text("application"),
        text("decided_by"),
        number("action"),
        text("body"),
    ];
    manager.create_table(table("sase_decisions", &["directory", "time_us", "id"], columns)).await?;
    let mut newest = Index::create();
    newest.name("sase_decisions_newest").table("sase_decisions");
    newest.col("directory").col(("time_us", IndexOrder::Desc)).col(("id", IndexOrder::Desc));
    manager.create_index(newest).await?;
    let columns = vec![
        text("directory"),
        // Days since 1970-01-01 UTC.
        number("day"),
        text("sase_user"),
        text("application"),
        text("decided_by"),
        number("action"),
        number("decisions"),
    ];
    let key = ["directory", "day", "sase_user", "application", "decided_by", "action"];
    manager.create_table(table("sase_decision_counts", &key, columns)).await
}

pub(super) fn table(name: &'static str, key: &[&'static str], columns: Vec<ColumnDef>) -> TableCreateStatement {
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

pub(super) fn text(column: &'static str) -> ColumnDef {
    ColumnDef::new(column).text().not_null().to_owned()
}

pub(super) fn number(column: &'static str) -> ColumnDef {
    ColumnDef::new(column).big_integer().not_null().to_owned()
}
