//! Access keys; of their secrets the SHA-256 alone.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "access_keys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub access_key: String,
    pub account: i64,
    pub user: String,
    pub secret_hash: Vec<u8>,
    pub enabled: bool,
    pub create_us: i64,
    pub version: i64,
    pub last_use_us: Option<i64>,
    pub disable_us: Option<i64>,
    pub last_use_source_ip: Option<String>,
    pub rotate_us: Option<i64>,
}

/// None are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
