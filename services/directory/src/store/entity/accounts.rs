//! Accounts.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "accounts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: i64,
    pub display_name: String,
    pub provider: String,
    pub external_id: Option<String>,
    pub kind: String,
    pub legal_name: Option<String>,
    pub registration_number: Option<String>,
    pub verifier: Option<String>,
    pub verify_us: Option<i64>,
    pub last_generation: i64,
    pub create_us: i64,
    pub update_us: i64,
    pub version: i64,
    pub delete_us: Option<i64>,
}

/// None are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
