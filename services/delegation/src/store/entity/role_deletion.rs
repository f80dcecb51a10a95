//! Deletions of service-linked roles.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "role_deletions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub role: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub deletion: String,
    pub incarnation: String,
    pub state: String,
    /// JSON.
    pub usages: String,
    /// JSON.
    pub operator: String,
    pub call_id: String,
    pub created_us: i64,
    pub ended_us: Option<i64>,
    /// What the role is, in which membership, until the deletion ends: unique, so that a role has one such deletion.
    pub open_role: Option<String>,
}

/// None.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
