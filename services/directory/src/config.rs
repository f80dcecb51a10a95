//! What can be configured.

use serde::{Deserialize, Serialize};

/// The configuration of the role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Bounds of what tenants may have.
    pub limits: Limits,
}

/// Bounds of what tenants may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Members of a directory, its pending invitations counted, its management account not (E-DIR-03).
    pub members_max: u32,
    /// Invitations that a directory sends within 24 hours, those that were accepted not counted (E-DIR-04).
    pub invitations_per_day_max: u32,
    /// Users of an account, its root user counted.
    pub users_max: u32,
    /// Access keys of a user.
    pub access_keys_max: u32,
    /// How long a token is accepted, in seconds.
    pub token_seconds: u32,
    /// Groups, policies and roles.
    pub identities: IdentityLimits,
}

/// Bounds of the groups, policies and roles of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdentityLimits {
    /// Groups of an account.
    pub groups_max: u32,
    /// Groups of a user.
    pub groups_per_user_max: u32,
    /// Users of a group: a change of the group is told to the gateways for each of them, in one message.
    pub users_per_group_max: u32,
    /// Custom policies of an account.
    pub policies_max: u32,
    /// Policies attached to a user, group or role.
    pub policies_per_target_max: u32,
    /// Roles of an account, service-linked ones not counted.
    pub roles_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            members_max: 20,
            invitations_per_day_max: 20,
            users_max: 1_000,
            access_keys_max: 2,
            token_seconds: 900,
            identities: IdentityLimits::default(),
        }
    }
}

impl Default for IdentityLimits {
    fn default() -> Self {
        Self {
            groups_max: 50,
            groups_per_user_max: 10,
            users_per_group_max: 100,
            policies_max: 1_500,
            policies_per_target_max: 20,
            roles_max: 1_000,
        }
    }
}
