//! `finding_imports`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "finding_imports")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub format: i64,
    pub scope: String,
    pub full_scan: bool,
    pub scan_us: i64,
    pub on_error: i64,
    pub file_name: String,
    pub state: i64,
    pub stored_bytes: i64,
    pub reader: String,
    pub findings: i64,
    pub created: i64,
    pub seen: i64,
    pub reopened: i64,
    pub fixed: i64,
    pub duplicates: i64,
    pub passed: i64,
    pub dropped: i64,
    pub problem_line: i64,
    pub problem: String,
    pub operator: String,
    pub create_us: i64,
    pub update_us: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
