//! `risk_work`: accounts of which the log of `delegation` has told something that their risks follow from.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "risk_work")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: i64,
    /// How many times something was told since all was done.
    pub changes: i64,
    /// Empty at the beginning.
    pub place: String,
    /// When something was last done; 0 if nothing was yet.
    pub done_us: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
