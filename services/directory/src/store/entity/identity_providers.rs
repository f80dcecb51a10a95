//! OpenID providers. Their settings are JSON: they are read and written as a whole.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "identity_providers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub identity_provider: String,
    pub settings: String,
    pub create_us: i64,
    pub update_us: i64,
    pub version: i64,
}

/// None are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
