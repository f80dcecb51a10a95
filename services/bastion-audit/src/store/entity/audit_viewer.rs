//! `audit_viewers`: who sees which entries, in the order of the lists.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_viewers")]
pub struct Model {
    /// `directories/{directory}` or `accounts/{account}`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub viewer: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub time_us: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub role: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub epoch: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub revision: i64,
    /// The order in which entries came into the trail.
    pub arrival: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
