//! Subscriptions, what is assigned of them, the settings of the multi-account feature, and what is kept of the facts of
//! accounts and directories.

use sea_orm_migration::{
    DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait::async_trait, sea_orm::ConnectionTrait,
};

use super::{flag, index, number, table, text};

pub(super) struct Editions;

impl MigrationName for Editions {
    fn name(&self) -> &str {
        "security_center_0002_editions"
    }
}

#[async_trait]
impl MigrationTrait for Editions {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        subscriptions(manager).await?;
        facts(manager).await?;
        auto_add(manager).await?;
        // What was followed before these tables were there is not in them: as after a restore, the log is read anew.
        let anew = "UPDATE cursors SET epoch = 'before-' || epoch WHERE upstream = 'delegation' AND epoch <> ''";
        manager.get_connection().execute_unprepared(anew).await.map(drop)
    }
}

async fn subscriptions(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let columns = vec![
        number("account"),
        number("edition"),
        number("servers"),
        number("start_us"),
        number("expire_us"),
        // 0 while nothing is to come.
        number("pending_edition"),
        number("pending_servers"),
        number("pending_us"),
        // 0 if nothing was ever bought: the row is what writers lock.
        number("version"),
    ];
    manager.create_table(table("subscriptions", &["account"], columns)).await?;
    let columns = vec![
        text("directory"),
        number("account"),
        // The entry in the control list that it is for.
        text("uid"),
        number("payer"),
        // The membership of the payer.
        text("payer_incarnation"),
        number("servers"),
        number("create_us"),
        number("version"),
    ];
    manager.create_table(table("quota_assignments", &["directory", "account"], columns)).await?;
    manager.create_index(index("quota_assignments_payer", "quota_assignments", &["payer"])).await?;
    manager.create_index(index("quota_assignments_account", "quota_assignments", &["account"])).await
}

async fn facts(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let columns = vec![
        number("account"),
        // Of the last membership.
        text("directory"),
        text("incarnation"),
        // In that membership, it was in the control list or was meant to be.
        flag("considered"),
        flag("unverified"),
        flag("suspended"),
    ];
    manager.create_table(table("posture_accounts", &["account"], columns)).await?;
    let columns = vec![text("directory"), number("management_account")];
    manager.create_table(table("posture_directories", &["directory"], columns)).await?;
    let columns = vec![text("directory"), text("service"), number("account"), text("folder")];
    let key = ["directory", "service", "account"];
    manager.create_table(table("posture_administrators", &key, columns)).await?;
    // The lists of members are read by directory.
    manager.create_index(index("roster_accounts_directory", "roster_accounts", &["directory", "account"])).await
}

async fn auto_add(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let columns = vec![
        text("directory"),
        number("auto_add"),
        // JSON lists.
        text("folders"),
        text("join_methods"),
        text("problem"),
        // Until when nobody is added of itself; 0 if that is not put off.
        number("closed_until_us"),
        number("version"),
    ];
    manager.create_table(table("multi_accounts", &["directory"], columns)).await?;
    let columns = vec![text("directory"), number("account"), text("incarnation"), number("attempts"), number("due_us")];
    manager.create_table(table("auto_additions", &["directory", "account"], columns)).await?;
    manager.create_index(index("auto_additions_due", "auto_additions", &["due_us"])).await
}
