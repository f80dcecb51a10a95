//! Groups, custom policies and roles; one table of what policies are attached to.

use sea_orm::ConnectionTrait;
use sea_orm_migration::{
    DbErr, MigrationName, MigrationTrait, SchemaManager,
    async_trait::async_trait,
    sea_query::{ColumnDef, ForeignKey, ForeignKeyCreateStatement, Index, Table, TableCreateStatement},
};

/// The migration.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "directory_0004_identities"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        let of_policy = Index::create()
            .name("policy_attachments_policy")
            .table("policy_attachments")
            .col("account")
            .col("policy")
            .col("target")
            .to_owned();
        manager.create_index(of_policy).await?;
        let of_user = Index::create()
            .name("group_members_user")
            .table("group_members")
            .col("account")
            .col("user")
            .col("group")
            .to_owned();
        manager.create_index(of_user).await?;
        let moved = "INSERT INTO policy_attachments (account, target, policy, attach_us) \
                     SELECT account, 'users/' || \"user\", policy, 0 FROM user_policies";
        manager.get_connection().execute_unprepared(moved).await?;
        manager.drop_table(Table::drop().table("user_policies").to_owned()).await
    }
}

fn tables() -> [TableCreateStatement; 6] {
    let groups = table("groups")
        .col(number("account"))
        .col(text("group"))
        .col(text("description"))
        .col(number("create_us"))
        .col(number("update_us"))
        .col(number("version"))
        .primary_key(Index::create().col("account").col("group"))
        .foreign_key(&mut to_account("groups"))
        .to_owned();
    let group_members = table("group_members")
        .col(number("account"))
        .col(text("group"))
        .col(text("user"))
        .col(number("join_us"))
        .primary_key(Index::create().col("account").col("group").col("user"))
        .foreign_key(&mut to("group_members", "group", "groups"))
        .foreign_key(&mut to("group_members", "user", "users"))
        .to_owned();
    let policies = table("policies")
        .col(number("account"))
        .col(text("policy"))
        .col(text("description"))
        .col(small("default_version"))
        .col(small("last_version"))
        .col(number("create_us"))
        .col(number("update_us"))
        .col(number("version"))
        .primary_key(Index::create().col("account").col("policy"))
        .foreign_key(&mut to_account("policies"))
        .to_owned();
    let versions = table("policy_versions")
        .col(number("account"))
        .col(text("policy"))
        .col(small("number"))
        .col(text("document"))
        .col(number("create_us"))
        .primary_key(Index::create().col("account").col("policy").col("number"))
        .foreign_key(&mut to("policy_versions", "policy", "policies"))
        .to_owned();
    // A target is a user, a group or a role: what it refers to is checked in the transaction that writes it, under the
    // lock of the account.
    let attachments = table("policy_attachments")
        .col(number("account"))
        .col(text("target"))
        .col(text("policy"))
        .col(number("attach_us"))
        .primary_key(Index::create().col("account").col("target").col("policy"))
        .foreign_key(&mut to_account("policy_attachments"))
        .to_owned();
    let roles = table("roles")
        .col(number("account"))
        .col(text("role"))
        .col(text("description"))
        .col(text("trust_policy"))
        .col(small("max_session_seconds"))
        .col(number("generation"))
        .col(ColumnDef::new("access_from").text())
        .col(number("create_us"))
        .col(number("update_us"))
        .col(ColumnDef::new("last_use_us").big_integer())
        .col(number("version"))
        .primary_key(Index::create().col("account").col("role"))
        .foreign_key(&mut to_account("roles"))
        .to_owned();
    [groups, group_members, policies, versions, attachments, roles]
}

fn table(name: &'static str) -> TableCreateStatement {
    Table::create().table(name).to_owned()
}

fn text(column: &'static str) -> ColumnDef {
    ColumnDef::new(column).text().not_null().to_owned()
}

fn number(column: &'static str) -> ColumnDef {
    ColumnDef::new(column).big_integer().not_null().to_owned()
}

fn small(column: &'static str) -> ColumnDef {
    ColumnDef::new(column).integer().not_null().to_owned()
}

fn to_account(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create().from(table, "account").to("accounts", "account").to_owned()
}

fn to(table: &'static str, column: &'static str, other: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create().from(table, ("account", column)).to(other, ("account", column)).to_owned()
}
