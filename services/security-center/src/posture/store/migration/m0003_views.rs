//! Suppression rules, what of them and of the followed log is still to be applied, and the indexes that views of risks need.

use sea_orm_migration::{
    DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait::async_trait, sea_orm::ConnectionTrait,
};

use super::{flag, index, number, table, text};

pub(super) struct Views;

impl MigrationName for Views {
    fn name(&self) -> &str {
        "security_center_0003_views"
    }
}

#[async_trait]
impl MigrationTrait for Views {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = vec![
            text("directory"),
            text("id"),
            text("filter"),
            text("reason"),
            // 0 if it never expires.
            number("expire_us"),
            flag("disabled"),
            // Whether its expiry has been seen, so that what it suppressed is looked at again.
            flag("expired"),
            text("operator"),
            number("create_us"),
            number("version"),
            // The number of changes of the directory's rules when it was last changed.
            number("generation"),
        ];
        manager.create_table(table("suppression_rules", &["directory", "id"], columns)).await?;
        let due = ["expired", "expire_us"];
        manager.create_index(index("suppression_rules_due", "suppression_rules", &due)).await?;
        // One row for each directory with rules: writers of rules lock it, and writers of risks share it.
        let columns = vec![
            text("directory"),
            number("generation"),
            // As far as which generation the rules were applied to all that there is.
            number("applied"),
            // Where applying the present generation goes on; empty at the beginning.
            text("place"),
            // When it last went on: those that have waited longest come first.
            number("done_us"),
        ];
        manager.create_table(table("suppression_heads", &["directory"], columns)).await?;
        // Accounts of which the followed log has told something that their risks follow from.
        let columns = vec![number("account"), number("changes"), text("place"), number("done_us")];
        manager.create_table(table("risk_work", &["account"], columns)).await?;
        manager.create_index(index("risk_work_next", "risk_work", &["done_us", "account"])).await?;
        // Few risks are suppressed: the others do not burden it. The statement is the same on both engines.
        let suppressed = "CREATE INDEX risks_suppressed ON risks (account, directory, suppression_rule, state) \
                          WHERE suppression_rule <> ''";
        manager.get_connection().execute_unprepared(suppressed).await.map(drop)
    }
}
