//! Why a change of what the bastion knows is refused.

use bailiwick_core::AccountId;

use super::{Edition, ResourceKind};

/// A refusal by the rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BastionError {
    /// There is no such resource, as far as the caller may know.
    #[error("`{0}` does not exist")]
    NotFound(String),
    /// There is one of that id, or called so.
    #[error("`{0}` exists already")]
    Exists(String),
    /// It was changed since the caller read it.
    #[error("`{0}` has changed since it was read")]
    EtagMismatch(String),
    /// As many as there may be.
    #[error("there are at most {} {}", .0.limit(), .0.collection())]
    Quota(ResourceKind),
    /// Something else is in it or names it.
    #[error("`{resource}` is in use: `{used_by}`")]
    InUse { resource: String, used_by: String },
    /// The edition of the bastion host cannot do it (E-BAS-03).
    #[error("`{instance}` is of the edition {}, and needs one of {}", .edition.name(), Edition::with_multi_account())]
    EditionRequired { instance: String, edition: Edition },
    /// The account is no member of the bastion host, and it does not belong to it (R-BAS-06).
    #[error("`{}` is no member of the bastion host", .0.name())]
    NoMember(AccountId),
    /// A removal of the member was begun.
    #[error("a removal of `{}` was begun: repeat it, or add the member anew", .0.name())]
    MemberLeaving(AccountId),
    /// The owner of the bastion host stands above who calls (E-BAS-02).
    #[error("`{instance}` belongs to `{}`, which stands above the account that calls", .owner.name())]
    OwnerAbove { instance: String, owner: AccountId },
    /// Assets are imported downwards only (E-BAS-02).
    #[error("assets of `{}` do not go into a bastion host of `{}`", .account.name(), .owner.name())]
    ImportDirection { account: AccountId, owner: AccountId },
    /// The account has as many assets as the inventory takes.
    #[error("an account has at most {0} assets")]
    InventoryQuota(i64),
    /// The report is a part of a listing of this id, which is not the open one.
    #[error("a listing of the id `{0}` is not open: begin a new one")]
    ListingNotOpen(String),
    /// The field names what does not exist.
    #[error("`{reference}`, which `{field}` names, does not exist")]
    UnknownReference { field: &'static str, reference: String },
    /// The field cannot be so, given what else there is.
    #[error("`{field}` {problem}")]
    Invalid { field: &'static str, problem: String },
}
