//! How many groups, policies and roles there may be.

use std::fmt;

use super::Error;

/// What is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    /// Groups of an account.
    Groups,
    /// Groups of a user.
    GroupsOfUser,
    /// Users of a group.
    UsersOfGroup,
    /// Custom policies of an account.
    Policies,
    /// Versions of a policy.
    PolicyVersions,
    /// Policies of a user, group or role.
    PoliciesOfTarget,
    /// Roles of an account, service-linked ones not counted.
    Roles,
}

impl Quota {
    /// Refuses one more where there are `present` and may be `limit`.
    pub fn room(self, present: u32, limit: u32) -> Result<(), Error> {
        if present < limit { Ok(()) } else { Err(Error::QuotaExceeded { quota: self, limit }) }
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Groups => "groups of the account",
            Self::GroupsOfUser => "groups of the user",
            Self::UsersOfGroup => "users of the group",
            Self::Policies => "custom policies of the account",
            Self::PolicyVersions => "versions of the policy",
            Self::PoliciesOfTarget => "policies of the target",
            Self::Roles => "roles of the account",
        })
    }
}
