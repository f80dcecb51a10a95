//! `audit_entries`: the trail.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_entries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub role: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub epoch: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub revision: i64,
    pub tenant: String,
    pub time_us: i64,
    /// `bailiwick_core::Operator` as JSON.
    pub operator: String,
    pub method: String,
    pub resource: String,
    /// A JSON list.
    pub accounts: String,
    pub request_id: String,
    pub request_json: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
