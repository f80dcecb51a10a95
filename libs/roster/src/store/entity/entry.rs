//! `roster_entries`: the lists.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "roster_entries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub service: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub directory: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: i64,
    pub uid: String,
    pub incarnation: String,
    pub display_name: String,
    pub account_type: String,
    pub join_method: String,
    pub folder: String,
    pub remark: String,
    pub marked: bool,
    pub add_operator: String,
    pub add_time_us: i64,
    pub version: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
