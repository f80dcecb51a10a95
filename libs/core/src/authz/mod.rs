//! The one place that decides access.
//!
//! [`decide`] takes a method's [`Rule`] (from the contract), the [`Caller`], the [`Facts`] and what the request names,
//! and answers with a [`Permit`] or a [`Refusal`]. It is pure and total. A permit can be made only here: by `decide`, or
//! from the gateway's signed [`CallerContext`], so that a query which takes a permit cannot be reached without a
//! decision.

mod attached;
mod caller;
mod context;
mod decide;
mod explain;
mod facts;
mod permit;
mod policy;
mod refusal;
mod rule;
mod shards;
mod snapshot;

#[cfg(test)]
mod decide_tests;

pub use attached::{AttachedPolicy, ControlPolicy};
pub use caller::{Authentication, Caller, Principal, Purpose, Session, SignedIn};
pub use context::{CallerContext, ContextError, ContextKey};
pub use decide::{Targets, decide, explain};
pub use explain::{Explanation, PolicyMatch, PolicyType, Step};
pub use facts::{
    AccountFact, CredentialFact, Designation, Fact, FactChange, Facts, FolderFact, IdentityFact, Placement,
};
pub use permit::{Permit, Scope, Tenant};
pub use policy::{
    Circumstances, Document, DocumentError, Environment, Kind as PolicyKind, Matched, Matches, Mistake, SystemPolicy,
    Verdict, action_matches,
};
pub use refusal::{Code, Reason, Refusal};
pub use rule::{Audit, FieldPath, Rule, Seat};
pub use snapshot::Snapshot;
