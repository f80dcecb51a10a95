//! Suppression rules, what of them is still to be applied, and the indexes that views of risks need.

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
        ];
        manager.create_table(table("suppression_heads", &["directory"], columns)).await?;
        // Accounts that came into or left a control list, whose risks other rules hold for now.
        let columns = vec![number("account"), number("changes"), text("place")];
        manager.create_table(table("suppression_accounts", &["account"], columns)).await?;
        // Few risks are suppressed: the others do not burden it. The statement is the same on both engines.
        let suppressed = "CREATE INDEX risks_suppressed ON risks (directory, account, suppression_rule, state) \
                          WHERE suppression_rule <> ''";
        manager.get_connection().execute_unprepared(suppressed).await.map(drop)
    }
}
