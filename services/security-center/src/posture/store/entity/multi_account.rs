//! `multi_accounts`: the settings of the feature in a directory.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "multi_accounts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub directory: String,
    pub auto_add: i64,
    /// A JSON list.
    pub folders: String,
    /// A JSON list.
    pub join_methods: String,
    pub problem: String,
    /// Until when nobody is added of itself; 0 if that is not put off.
    pub closed_until_us: i64,
    pub version: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
