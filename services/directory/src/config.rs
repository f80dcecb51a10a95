//! What can be configured.

use std::ops::RangeInclusive;

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
}

impl Limits {
    /// What is wrong with it; each begins with the setting's name, such as `limits.folders_max`.
    pub fn problems(&self) -> Vec<String> {
        // A whole tree is read to decide over it, and access is decided by at most 10 steps up the tree.
        let bounds: [(&str, u32, RangeInclusive<u32>); 8] = [
            ("members_max", self.members_max, 1..=100_000),
            ("invitations_per_day_max", self.invitations_per_day_max, 1..=10_000),
            ("folders_max", self.folders_max, 1..=1_000),
            ("folder_depth_max", self.folder_depth_max, 1..=8),
            ("control_policies_max", self.control_policies_max, 1..=10_000),
            ("attached_control_policies_max", self.attached_control_policies_max, 1..=20),
            ("users_max", self.users_max, 1..=100_000),
            ("access_keys_max", self.access_keys_max, 1..=10),
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_have_bounds() {
        assert!(Limits::default().problems().is_empty());
        let wrong = Limits { folder_depth_max: 9, members_max: 0, ..Limits::default() };
        let expected =
            ["`limits.members_max` must be between 1 and 100000", "`limits.folder_depth_max` must be between 1 and 8"];
        assert_eq!(wrong.problems(), expected);
    }
}
