//! `risks`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "risks")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub account: i64,
    pub directory: String,
    pub category: i64,
    pub severity: i64,
    pub state: i64,
    pub title: String,
    pub detail: String,
    pub text_id: i64,
    pub source: String,
    pub rule: String,
    pub finding_uid: String,
    pub scope: String,
    pub resource: String,
    pub resource_type: String,
    pub region: String,
    pub first_seen_us: i64,
    pub last_seen_us: i64,
    pub open_us: i64,
    pub fix_us: i64,
    pub absent_us: i64,
    pub reopen_count: i64,
    pub ack_reason: String,
    pub ack_until_us: i64,
    pub ack_operator: String,
    pub ack_us: i64,
    pub suppression_rule: String,
    pub version: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
