//! Who is in groups of users, and which RAM users there are.

use sea_orm_migration::{
    DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait::async_trait, sea_query::Index,
};

use super::{number, table, text};

pub(super) struct Grants;

impl MigrationName for Grants {
    fn name(&self) -> &str {
        "bastion_0004_grants"
    }
}

#[async_trait]
impl MigrationTrait for Grants {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let key = ["directory", "instance", "user_group", "bastion_user"];
        manager.create_table(table("bastion_group_users", &key, key.map(text).to_vec())).await?;
        let mut of_user = Index::create();
        of_user.name("bastion_group_users_user").table("bastion_group_users");
        of_user.col("directory").col("instance").col("bastion_user");
        manager.create_index(of_user).await?;
        // Those that are enabled.
        manager.create_table(table("bastion_ram_users", &["name"], vec![text("name"), number("account")])).await
    }
}
