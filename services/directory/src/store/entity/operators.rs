//! Operators of the platform; of their keys' secrets the SHA-256 alone.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "operators")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub operator: String,
    pub access_key: String,
    pub secret_hash: Vec<u8>,
    pub enabled: bool,
    pub generation: i64,
    pub create_us: i64,
}

/// None are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
