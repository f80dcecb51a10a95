//! Roles that are not service-linked.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "roles")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub role: String,
    pub description: String,
    pub trust_policy: String,
    pub max_session_seconds: i32,
    pub generation: i64,
    pub access_from: Option<String>,
    pub create_us: i64,
    pub update_us: i64,
    pub last_use_us: Option<i64>,
    pub version: i64,
}

/// None are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
