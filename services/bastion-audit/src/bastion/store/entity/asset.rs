//! `bastion_assets`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "bastion_assets")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub directory: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub instance: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub kind: i64,
    pub source: i64,
    pub state: i64,
    pub owner: i64,
    pub source_key: String,
    pub region: String,
    pub display_name: String,
    pub comment: String,
    pub private_address: String,
    pub public_address: String,
    pub network_domain: String,
    pub create_us: i64,
    pub body: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
