//! Why the state does not allow a change.

use bailiwick_core::AccountId;

use super::{BuyType, Edition, Life};

/// A change of a subscription, or of what is assigned of it, that is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SubscriptionError {
    /// It has an edition already.
    #[error("`{}` has an edition of Security Center already", account.name())]
    Exists { account: AccountId, buy_type: BuyType },
    /// It has none that could be changed.
    #[error("`{}` has no subscription of its own that could be changed", account.name())]
    Required { account: AccountId, life: Life },
    /// None in the direction asked for.
    #[error("this is no such change of {} with {servers} protected servers", edition.display_name())]
    ChangeInvalid { edition: Edition, servers: i64 },
    /// Beyond ten years.
    #[error("the period would end more than ten years from now")]
    TooFar,
    /// Not as many servers are left.
    #[error("the subscription of `{}` has {left} protected servers left", account.name())]
    QuotaExceeded { account: AccountId, left: i64 },
    /// More are assigned to members.
    #[error("{assigned} protected servers of `{}` are assigned to members", account.name())]
    InUse { account: AccountId, assigned: i64 },
    /// It is assigned of another's subscription.
    #[error("`{name}` is paid by `{}`: it can be taken back, and assigned anew", payer.name())]
    NotPayer { name: String, payer: AccountId },
    /// There is no such assignment.
    #[error("`{0}` does not exist")]
    NotFound(String),
    /// The resource has changed since its etag was read.
    #[error("`{0}` has changed since its etag was read")]
    EtagMismatch(String),
}
