//! Rules of scores, scores by day, and what is known of root users.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait::async_trait};

use super::{flag, index, number, table, text};

pub(super) struct Scores;

impl MigrationName for Scores {
    fn name(&self) -> &str {
        "security_center_0004_scores"
    }
}

#[async_trait]
impl MigrationTrait for Scores {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The rules are JSON; empty for those that bailiwick comes with.
        let columns = vec![text("directory"), text("rules"), number("version")];
        manager.create_table(table("score_rules", &["directory"], columns)).await?;
        let columns = vec![
            number("account"),
            // Days since 1970-01-01 UTC.
            number("day"),
            number("score"),
            number("critical"),
            number("high"),
            number("medium"),
            number("low"),
            number("informational"),
        ];
        manager.create_table(table("score_days", &["account", "day"], columns)).await?;
        manager.create_index(index("score_days_day", "score_days", &["day"])).await?;
        // The accounts whose score of today is to be written.
        manager.create_table(table("score_due", &["account"], vec![number("account")])).await?;
        let columns = vec![number("account"), flag("enabled"), number("access_keys"), flag("security_info")];
        manager.create_table(table("root_users", &["account"], columns)).await
    }
}
