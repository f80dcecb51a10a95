//! What is told of a decision besides its outcome (E-GW-01).

/// What was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// The conditions in their order, up to the first that failed.
    pub steps: Vec<Step>,
    /// The policies with a statement about the call.
    pub policies: Vec<PolicyMatch>,
}

/// One condition of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What was asked.
    pub condition: String,
    /// Whether it holds.
    pub holds: bool,
    /// The fact or policy that decided it.
    pub because: String,
}

/// A policy with a statement about an action of the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyMatch {
    /// Its name; of a session policy, the name of the session.
    pub policy: String,
    /// Which kind of policy it is.
    pub kind: PolicyType,
    /// The action.
    pub action: String,
    /// The resource, as the call names it; empty if the call names none.
    pub resource: String,
    /// Whether the statement allows it; else it denies it.
    pub allows: bool,
    /// The place of the statement in the document, from 0; none if the document is not known, which denies everything.
    pub statement: Option<usize>,
    /// The `Sid` of the statement; empty if it has none.
    pub sid: String,
}

/// What may deny an action, or not allow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PolicyType {
    /// A control policy of the directory (E-DIR-27).
    Control,
    /// The policy of the role session (E-GW-02).
    Session,
    /// A policy of the identity.
    Identity,
    /// The one action that a credential is good for.
    Credential,
}

impl PolicyType {
    /// The name in the metadata of refusals.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Control => "CONTROL",
            Self::Session => "SESSION",
            Self::Identity => "IDENTITY",
            Self::Credential => "CREDENTIAL",
        }
    }
}
