//! Verification codes that were requested.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "verifications")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub verification: String,
    pub tenant: String,
    pub account: i64,
    pub purpose: String,
    pub incarnation: String,
    pub requester: String,
    pub channel: String,
    pub address: String,
    pub state: String,
    pub failures: i64,
    pub sealed_code: Option<Vec<u8>>,
    pub create_us: i64,
    pub expire_us: i64,
}

/// None are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
