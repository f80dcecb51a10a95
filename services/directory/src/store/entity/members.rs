//! Memberships, that of the management account among them: one for an account at most.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "members")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: i64,
    pub directory: String,
    pub incarnation: String,
    pub join_method: String,
    pub display_name: String,
    pub folder: String,
    pub join_us: i64,
    pub version: i64,
    pub purge_us: Option<i64>,
}

/// None are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
