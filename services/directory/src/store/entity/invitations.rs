//! Invitations.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invitations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub invitation: String,
    pub directory: String,
    pub account: i64,
    pub note: String,
    pub state: String,
    pub management_account: i64,
    pub sender_legal_name: String,
    pub recipient_legal_name: String,
    pub folder: String,
    /// JSON.
    pub labels: String,
    pub create_us: i64,
    pub expire_us: i64,
    pub respond_us: Option<i64>,
    pub version: i64,
}

/// None are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
