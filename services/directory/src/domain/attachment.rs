//! What policies are attached to: users, groups and roles.

use bailiwick_core::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Error, Quota, policy::PolicyId};

/// What policies are attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// A user.
    User,
    /// A group: its users have what it has.
    Group,
    /// A role.
    Role,
}

/// A user, group or role of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The account.
    pub account: AccountId,
    /// What it is.
    pub kind: TargetKind,
    /// Its id.
    pub id: &'a str,
}

/// That a policy is attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// The account.
    pub account: AccountId,
    /// What it is attached to, within the account: `users/{user}`, `groups/{group}` or `roles/{role}`.
    pub target: String,
    /// Since when.
    pub attach_time: Timestamp,
}

impl TargetKind {
    /// The part of the name that tells it.
    pub const fn collection(self) -> &'static str {
        match self {
            Self::User => "users",
            Self::Group => "groups",
            Self::Role => "roles",
        }
    }
}

impl Target<'_> {
    /// The resource name without its account.
    pub fn within(self) -> String {
        format!("{}/{}", self.kind.collection(), self.id)
    }

    /// The resource name.
    pub fn name(self) -> String {
        format!("{}/{}", self.account.name(), self.within())
    }
}

impl Attachment {
    /// The resource name of what the policy is attached to.
    pub fn target_name(&self) -> String {
        format!("{}/{}", self.account.name(), self.target)
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The policy is to be attached.
    Attach,
    /// It is not to be attached.
    Detach,
}

/// The policies that a target has once one was attached or detached, each once and in order; none if nothing changes. At
/// most `limit` can be attached.
pub fn put(attached: &[PolicyId], policy: &PolicyId, to: Put, limit: u32) -> Result<Option<Vec<PolicyId>>, Error> {
    if attached.contains(policy) == (to == Put::Attach) {
        return Ok(None);
    }
    let mut policies: Vec<PolicyId> = attached.iter().filter(|known| *known != policy).cloned().collect();
    if to == Put::Attach {
        Quota::PoliciesOfTarget.room(u32::try_from(policies.len()).unwrap_or(u32::MAX), limit)?;
        policies.push(policy.clone());
        policies.sort_unstable();
    }
    Ok(Some(policies))
}

#[cfg(test)]
mod tests {
    use bailiwick_core::authz::SystemPolicy;
    use proptest::prelude::*;

    use super::*;

    fn some_policy() -> impl Strategy<Value = PolicyId> {
        prop_oneof![
            proptest::sample::select(&SystemPolicy::ALL[..]).prop_map(PolicyId::System),
            "[a-d]".prop_map(PolicyId::Custom),
        ]
    }

    proptest! {
        #[test]
        fn policies_are_a_bounded_set(steps in proptest::collection::vec((some_policy(), any::<bool>()), 0..40)) {
            let mut policies = Vec::new();
            let mut model = std::collections::BTreeSet::new();
            for (policy, attach) in steps {
                let to = if attach { Put::Attach } else { Put::Detach };
                let next = put(&policies, &policy, to, 5);
                if attach && model.len() == 5 && !model.contains(&policy) {
                    let full = Error::QuotaExceeded { quota: Quota::PoliciesOfTarget, limit: 5 };
                    prop_assert_eq!(next, Err(full));
                    continue;
                }
                let changes = if attach { model.insert(policy) } else { model.remove(&policy) };
                let next = next.unwrap();
                prop_assert_eq!(next.is_some(), changes);
                policies = next.unwrap_or(policies);
                prop_assert_eq!(&policies, &model.iter().cloned().collect::<Vec<_>>());
            }
        }
    }
}
