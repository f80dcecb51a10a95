//! Why something about risks and their rules is refused.

use super::State;

/// A refusal by what there is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RiskError {
    /// There is none of this name.
    #[error("`{0}` does not exist")]
    NotFound(String),
    /// The resource has changed since its etag was read.
    #[error("`{0}` has changed since its etag was read")]
    EtagMismatch(String),
    /// The risk is in a state from which this cannot be done.
    #[error("`{0}` is {state}: this cannot be done", state = .1.short_name())]
    State(String, State),
    /// There is a rule of this name.
    #[error("`{0}` exists already")]
    RuleExists(String),
    /// The directory has as many rules as it may.
    #[error("a directory has at most {0} suppression rules")]
    RuleQuota(usize),
}
