//! The first schema.

use sea_orm_migration::{
    DbErr, MigrationName, MigrationTrait, SchemaManager,
    async_trait::async_trait,
    sea_query::{
        ColumnDef, ForeignKey, ForeignKeyCreateStatement, Index, IndexCreateStatement, Table, TableCreateStatement,
    },
};

/// The migration.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "directory_0001_directory"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in organisation().into_iter().chain(identities()) {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

fn organisation() -> [TableCreateStatement; 5] {
    let accounts = table("accounts")
        .col(number("account").primary_key())
        .col(text("display_name"))
        .col(text("provider"))
        // Null where it was not told: nulls are distinct in a unique index.
        .col(ColumnDef::new("external_id").text())
        .col(text("kind"))
        .col(ColumnDef::new("legal_name").text())
        .col(ColumnDef::new("registration_number").text())
        .col(ColumnDef::new("verifier").text())
        .col(ColumnDef::new("verify_us").big_integer())
        .col(number("last_generation"))
        .col(number("create_us"))
        .col(number("update_us"))
        .col(number("version"))
        .to_owned();
    let directories = table("directories")
        .col(text("directory").primary_key())
        .col(number("management_account"))
        .col(number("create_us"))
        .col(number("version"))
        .foreign_key(&mut to_account("directories", "management_account"))
        .to_owned();
    // The account is the key: it belongs to one directory at most.
    let members = table("members")
        .col(number("account").primary_key())
        .col(text("directory"))
        .col(text("incarnation"))
        .col(text("join_method"))
        .col(text("display_name"))
        .col(text("folder"))
        .col(number("join_us"))
        .col(number("version"))
        .foreign_key(&mut to_account("members", "account"))
        .foreign_key(&mut to_directory("members"))
        .to_owned();
    let invitations = table("invitations")
        .col(text("invitation").primary_key())
        .col(text("directory"))
        .col(number("account"))
        .col(text("note"))
        .col(text("state"))
        .col(number("management_account"))
        .col(text("sender_legal_name"))
        .col(number("create_us"))
        .col(number("expire_us"))
        .col(ColumnDef::new("respond_us").big_integer())
        .col(number("version"))
        .foreign_key(&mut to_account("invitations", "account"))
        .foreign_key(&mut to_directory("invitations"))
        .to_owned();
    let claims = table("claims")
        .col(text("claim").primary_key())
        .col(text("directory"))
        .col(number("account"))
        .col(text("incarnation"))
        .col(text("trusted_service"))
        .col(text("kind"))
        .col(ColumnDef::new("blocking").boolean().not_null())
        .col(number("create_us"))
        .foreign_key(&mut to_directory("claims"))
        .to_owned();
    [accounts, directories, members, invitations, claims]
}

fn identities() -> [TableCreateStatement; 5] {
    let users = table("users")
        .col(number("account"))
        .col(text("user"))
        .col(text("display_name"))
        .col(ColumnDef::new("enabled").boolean().not_null())
        .col(number("generation"))
        .col(number("create_us"))
        .col(number("version"))
        .primary_key(Index::create().col("account").col("user"))
        .foreign_key(&mut to_account("users", "account"))
        .to_owned();
    let access_keys = table("access_keys")
        .col(text("access_key").primary_key())
        .col(number("account"))
        .col(text("user"))
        .col(ColumnDef::new("secret_hash").blob().not_null())
        .col(ColumnDef::new("enabled").boolean().not_null())
        .col(number("create_us"))
        .col(number("version"))
        .foreign_key(&mut to_user("access_keys"))
        .to_owned();
    let user_policies = table("user_policies")
        .col(number("account"))
        .col(text("user"))
        .col(text("policy"))
        .primary_key(Index::create().col("account").col("user").col("policy"))
        .foreign_key(&mut to_user("user_policies"))
        .to_owned();
    let roles = table("service_linked_roles")
        .col(number("account"))
        .col(text("role"))
        .col(text("trusted_service"))
        .col(number("generation"))
        .col(number("create_us"))
        .primary_key(Index::create().col("account").col("role"))
        .foreign_key(&mut to_account("service_linked_roles", "account"))
        .to_owned();
    let operators = table("operators")
        .col(text("operator").primary_key())
        .col(text("access_key"))
        .col(ColumnDef::new("secret_hash").blob().not_null())
        .col(ColumnDef::new("enabled").boolean().not_null())
        .col(number("generation"))
        .col(number("create_us"))
        .to_owned();
    [users, access_keys, user_policies, roles, operators]
}

fn indexes() -> [IndexCreateStatement; 10] {
    [
        unique("accounts_external_id", "accounts", &["provider", "external_id"]),
        unique("directories_management_account", "directories", &["management_account"]),
        unique("members_directory", "members", &["directory", "account"]),
        unique("members_display_name", "members", &["directory", "display_name"]),
        index("invitations_sent", "invitations", &["directory", "create_us", "invitation"]),
        index("invitations_received", "invitations", &["account", "create_us", "invitation"]),
        index("access_keys_user", "access_keys", &["account", "user"]),
        unique("claims_member", "claims", &["directory", "account", "trusted_service", "kind"]),
        index("claims_kind", "claims", &["kind", "claim"]),
        unique("operators_access_key", "operators", &["access_key"]),
    ]
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

fn index(name: &'static str, table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create().name(name).table(table).to_owned();
    for column in columns {
        index.col(*column);
    }
    index
}

fn unique(name: &'static str, table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    index(name, table, columns).unique().to_owned()
}

fn to_account(table: &'static str, column: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create().from(table, column).to("accounts", "account").to_owned()
}

fn to_directory(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create().from(table, "directory").to("directories", "directory").to_owned()
}

fn to_user(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create().from(table, ("account", "user")).to("users", ("account", "user")).to_owned()
}
