//! What can be configured.

use std::{ops::RangeInclusive, path::Path};

use serde::{Deserialize, Serialize};

pub use crate::delivery::config::DeliveryConfig;
pub use bailiwick_openid::OpenIdConfig as SignInConfig;

/// What no setting exceeds, so that the fact of one user fits into one change: it names all policies of the user and of its
/// groups.
pub(crate) const GROUPS_PER_USER_BOUND: u32 = 50;
pub(crate) const POLICIES_PER_TARGET_BOUND: u32 = 50;
/// As many users are read by one statement.
const USERS_PER_GROUP_BOUND: u32 = 1_000;
/// Of control policies, the fact of a folder or member names all that are attached to it.
pub(crate) const ATTACHED_CONTROL_POLICIES_BOUND: u32 = 20;

/// The configuration of the role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Bounds of what tenants may have.
    pub limits: Limits,
    /// How codes reach people.
    pub delivery: DeliveryConfig,
    /// How OpenID providers are reached.
    pub sign_in: SignInConfig,
}

/// Bounds of what tenants may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Members of a directory, its pending invitations counted, its management account not (E-DIR-03).
    pub members_max: u32,
    /// Invitations that a directory sends within 24 hours, those that were accepted not counted (E-DIR-04).
    pub invitations_per_day_max: u32,
    /// Folders of a directory, its root folder not counted (E-DIR-02).
    pub folders_max: u32,
    /// Levels of folders below the root folder (E-DIR-01).
    pub folder_depth_max: u32,
    /// Custom control policies of a directory (E-DIR-29).
    pub control_policies_max: u32,
    /// Control policies attached to one folder or member (E-DIR-26).
    pub attached_control_policies_max: u32,
    /// Users of an account, its root user counted.
    pub users_max: u32,
    /// Access keys of a user.
    pub access_keys_max: u32,
    /// How long a token is accepted, in seconds.
    pub token_seconds: u32,
    /// How long a verification code is good, in seconds: 60 to 3,600 (E-DIR-23).
    pub verification_seconds: u32,
    /// Least time between two codes for the same account and purpose, in seconds: 1 to 3,600.
    pub verification_pause_seconds: u32,
    /// Verification codes that a directory, or an account outside one, sends within 24 hours: 1 to 10,000 (E-DIR-23).
    pub verifications_per_day_max: u32,
    /// How long the deletion of a member can be taken back, in days, 365 at most; not at all if zero (E-DIR-20).
    pub deletion_silence_days: u32,
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
    /// Users of a group: a change of the group is told to the gateways for each of them.
    pub users_per_group_max: u32,
    /// Custom policies of an account.
    pub policies_max: u32,
    /// Policies attached to a user, group or role.
    pub policies_per_target_max: u32,
    /// Roles of an account, service-linked ones not counted.
    pub roles_max: u32,
}

impl Limits {
    /// What is wrong with it; each begins with the setting's name, such as `limits.folders_max`.
    fn problems(&self) -> Vec<String> {
        // A whole tree is read to decide over it, and access is decided by at most 10 steps up the tree.
        let identities = self.identities;
        let bounds: [(&str, u32, RangeInclusive<u32>); 18] = [
            ("members_max", self.members_max, 1..=100_000),
            ("invitations_per_day_max", self.invitations_per_day_max, 1..=10_000),
            ("folders_max", self.folders_max, 1..=1_000),
            ("folder_depth_max", self.folder_depth_max, 1..=8),
            ("control_policies_max", self.control_policies_max, 1..=10_000),
            ("attached_control_policies_max", self.attached_control_policies_max, 1..=ATTACHED_CONTROL_POLICIES_BOUND),
            ("users_max", self.users_max, 1..=100_000),
            ("access_keys_max", self.access_keys_max, 1..=10),
            ("verification_seconds", self.verification_seconds, 60..=3_600),
            ("verification_pause_seconds", self.verification_pause_seconds, 1..=3_600),
            ("verifications_per_day_max", self.verifications_per_day_max, 1..=10_000),
            ("deletion_silence_days", self.deletion_silence_days, 0..=365),
            ("identities.groups_max", identities.groups_max, 1..=1_000),
            ("identities.groups_per_user_max", identities.groups_per_user_max, 1..=GROUPS_PER_USER_BOUND),
            ("identities.users_per_group_max", identities.users_per_group_max, 1..=USERS_PER_GROUP_BOUND),
            ("identities.policies_max", identities.policies_max, 1..=10_000),
            ("identities.policies_per_target_max", identities.policies_per_target_max, 1..=POLICIES_PER_TARGET_BOUND),
            ("identities.roles_max", identities.roles_max, 1..=10_000),
        ];
        let outside = bounds.into_iter().filter(|(_, value, bounds)| !bounds.contains(value));
        let problem = |(name, _, bounds): (&str, u32, RangeInclusive<u32>)| {
            format!("`limits.{name}` must be between {} and {}", bounds.start(), bounds.end())
        };
        outside.map(problem).collect()
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            members_max: 20,
            invitations_per_day_max: 20,
            folders_max: 100,
            folder_depth_max: 5,
            control_policies_max: 1_500,
            attached_control_policies_max: 10,
            users_max: 1_000,
            access_keys_max: 2,
            token_seconds: 900,
            verification_seconds: 600,
            verification_pause_seconds: 60,
            verifications_per_day_max: 100,
            deletion_silence_days: 45,
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

impl Config {
    /// The same, with relative paths taken from a folder.
    pub fn in_folder(mut self, folder: &Path) -> Self {
        self.delivery = self.delivery.in_folder(folder);
        self.sign_in = self.sign_in.in_folder(folder);
        self
    }

    /// What is wrong with it, as far as that can be seen without opening anything. Each begins with the setting's name,
    /// such as `limits.verification_seconds`.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = self.limits.problems();
        problems.extend(self.delivery.problems().into_iter().map(|problem| format!("`delivery.{problem}")));
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_have_bounds() {
        assert!(Limits::default().problems().is_empty());
        let identities = IdentityLimits { groups_per_user_max: 51, ..IdentityLimits::default() };
        let wrong = Limits { folder_depth_max: 9, members_max: 0, identities, ..Limits::default() };
        let expected = [
            "`limits.members_max` must be between 1 and 100000",
            "`limits.folder_depth_max` must be between 1 and 8",
            "`limits.identities.groups_per_user_max` must be between 1 and 50",
        ];
        assert_eq!(wrong.problems(), expected);
    }
}
