//! Risks, the numbers of them, and the imports that they come from.

use sea_orm_migration::{
    DbErr, MigrationName, MigrationTrait, SchemaManager,
    async_trait::async_trait,
    sea_orm::{ConnectionTrait, DbBackend},
};

use super::{bytes, flag, index, number, table, text};

pub(super) struct Risks;

impl MigrationName for Risks {
    fn name(&self) -> &str {
        "security_center_0001_risks"
    }
}

#[async_trait]
impl MigrationTrait for Risks {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        risks(manager).await?;
        imports(manager).await
    }
}

async fn risks(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let columns = vec![
        number("id"),
        number("account"),
        // Empty while no directory has had the account in its list.
        text("directory"),
        number("category"),
        number("severity"),
        number("state"),
        text("title"),
        text("detail"),
        number("text_id"),
        text("source"),
        text("rule"),
        text("finding_uid"),
        text("scope"),
        text("resource"),
        text("resource_type"),
        text("region"),
        number("first_seen_us"),
        number("last_seen_us"),
        number("open_us"),
        // 0 while it is not fixed.
        number("fix_us"),
        // The latest scan that said that all is well; 0 if none did.
        number("absent_us"),
        number("reopen_count"),
        text("ack_reason"),
        // 0 while it is not acknowledged.
        number("ack_until_us"),
        text("ack_operator"),
        number("ack_us"),
        text("suppression_rule"),
        number("version"),
    ];
    manager.create_table(table("risks", &["id"], columns)).await?;
    for (name, columns) in [
        ("risks_account", ["account", "severity desc", "id"]),
        ("risks_directory", ["directory", "severity desc", "id"]),
        ("risks_acknowledged", ["state", "ack_until_us", "id"]),
    ] {
        manager.create_index(index(name, "risks", &columns)).await?;
    }
    let scan = ["account", "source", "scope", "id"];
    manager.create_index(index("risks_scan", "risks", &scan)).await?;
    // Most changes are that a risk was seen again. No index has what changes by that, and with room in its page the row
    // changes in place.
    if manager.get_database_backend() == DbBackend::Postgres {
        manager.get_connection().execute_unprepared("ALTER TABLE risks SET (fillfactor = 85)").await?;
    }
    // The order in which fixed risks are removed; those that are open cost nothing.
    let fixed = "CREATE INDEX risks_fixed ON risks (account, fix_us, id) WHERE fix_us > 0";
    manager.get_connection().execute_unprepared(fixed).await?;
    // What a rule of a scanner says is the same for all that it finds in an account.
    let columns = vec![
        number("id"),
        number("account"),
        // The other half of the hash whose first half is the id.
        number("digest"),
        text("description"),
        text("remediation"),
        text("reference_urls"),
    ];
    manager.create_table(table("risk_texts", &["id", "account"], columns)).await?;
    manager.create_index(index("risk_texts_account", "risk_texts", &["account", "id"])).await?;
    // By scanner and scope, the last scan that looked at all of the scope.
    let columns = vec![number("account"), text("scope"), text("source"), number("scan_us")];
    manager.create_table(table("full_scans", &["account", "scope", "source"], columns)).await?;
    let columns = vec![
        number("account"),
        number("category"),
        number("severity"),
        number("state"),
        number("day"),
        number("risks"),
    ];
    let key = ["account", "category", "severity", "state", "day"];
    manager.create_table(table("risk_tallies", &key, columns)).await?;
    // The last scans that said something about an account; its row is what writers of its risks lock.
    let columns = vec![number("account"), text("directory"), number("risks"), number("last_scan_us")];
    manager.create_table(table("risk_accounts", &["account"], columns)).await
}

async fn imports(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let columns = vec![
        number("account"),
        text("id"),
        number("format"),
        text("scope"),
        flag("full_scan"),
        number("scan_us"),
        number("on_error"),
        text("file_name"),
        number("state"),
        number("stored_bytes"),
        // How reading goes on after the stored bytes, JSON.
        text("reader"),
        number("findings"),
        number("created"),
        number("seen"),
        number("reopened"),
        number("fixed"),
        number("duplicates"),
        number("passed"),
        number("dropped"),
        number("problem_line"),
        text("problem"),
        text("operator"),
        number("create_us"),
        number("update_us"),
    ];
    manager.create_table(table("finding_imports", &["account", "id"], columns)).await?;
    let newest = ["account", "create_us desc", "id"];
    manager.create_index(index("finding_imports_newest", "finding_imports", &newest)).await?;
    manager.create_index(index("finding_imports_left", "finding_imports", &["state", "update_us"])).await?;
    manager.create_index(index("finding_imports_unfinished", "finding_imports", &["account", "state"])).await?;
    manager.create_index(index("finding_imports_oldest", "finding_imports", &["create_us"])).await?;
    let columns = vec![number("account"), text("import"), number("at"), bytes("data")];
    manager.create_table(table("finding_import_chunks", &["account", "import", "at"], columns)).await
}
