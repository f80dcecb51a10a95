//! Users, root users among them.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub user: String,
    pub display_name: String,
    pub enabled: bool,
    pub generation: i64,
    pub create_us: i64,
    pub version: i64,
    pub update_us: Option<i64>,
    pub last_sign_in_us: Option<i64>,
}

/// None are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
