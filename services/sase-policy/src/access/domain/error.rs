//! Why a change of what SASE knows is refused.

use super::{ResourceKind, SetupStep};

/// A refusal by the rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SaseError {
    /// There is no such resource, as far as the caller may know.
    #[error("`{0}` does not exist")]
    NotFound(String),
    /// There is one of that id.
    #[error("`{0}` exists already")]
    Exists(String),
    /// It was changed since the caller read it.
    #[error("`{0}` has changed since it was read")]
    EtagMismatch(String),
    /// An earlier step of the set-up is missing (R-SASE-04).
    #[error("the set-up of SASE lacks the step {}", .0.name())]
    SetupIncomplete(SetupStep),
    /// As many as there may be.
    #[error("a directory has at most {} {}", .0.limit(), .0.collection())]
    Quota(ResourceKind),
    /// There are more kinds of past decisions than are looked at together.
    #[error("there are more than {0} kinds of decisions in these days: look at fewer")]
    TooMuchPast(usize),
    /// The field names what does not exist.
    #[error("`{reference}`, which `{field}` names, does not exist")]
    UnknownReference { field: &'static str, reference: String },
    /// The groups would contain each other.
    #[error("`{0}` would contain itself")]
    GroupCycle(String),
    /// Something else names it.
    #[error("`{used_by}` names `{resource}`")]
    InUse { resource: String, used_by: String },
    /// What is selected cannot be so after the change.
    #[error("`{field}` {problem}")]
    Selection { field: &'static str, problem: String },
    /// The key is not the device's, or there is no such device.
    #[error("the enrolment key is not the device's")]
    DeviceKey,
}
