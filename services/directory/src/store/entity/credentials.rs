//! Single-purpose credentials; of their secrets the SHA-256 alone.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credentials")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub credential: String,
    pub account: i64,
    pub user: String,
    pub secret_hash: Vec<u8>,
    pub action: String,
    pub create_us: i64,
    pub expire_us: i64,
}

/// None are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
