//! The tables.

pub(super) mod administrator;
pub(super) mod auto_addition;
pub(super) mod directory;
pub(super) mod finding_import;
pub(super) mod multi_account;
pub(super) mod place;
pub(super) mod quota_assignment;
pub(super) mod risk;
pub(super) mod risk_text;
pub(super) mod risk_work;
pub(super) mod subscription;
pub(super) mod suppression_head;
pub(super) mod suppression_rule;
