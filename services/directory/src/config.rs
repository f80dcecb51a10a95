//! What can be configured.

use std::{ops::RangeInclusive, path::Path};

use serde::{Deserialize, Serialize};

pub use crate::delivery::config::DeliveryConfig;
pub use crate::openid::config::SignInConfig;

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
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            members_max: 20,
            invitations_per_day_max: 20,
            users_max: 1_000,
            access_keys_max: 2,
            token_seconds: 900,
            verification_seconds: 600,
            verification_pause_seconds: 60,
            verifications_per_day_max: 100,
            deletion_silence_days: 45,
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

impl Limits {
    fn problems(&self) -> Vec<String> {
        let bounds: [(&str, u32, RangeInclusive<u32>); 4] = [
            ("verification_seconds", self.verification_seconds, 60..=3_600),
            ("verification_pause_seconds", self.verification_pause_seconds, 1..=3_600),
            ("verifications_per_day_max", self.verifications_per_day_max, 1..=10_000),
            ("deletion_silence_days", self.deletion_silence_days, 0..=365),
        ];
        let outside = bounds.into_iter().filter(|(_, value, bounds)| !bounds.contains(value));
        outside
            .map(|(name, _, bounds)| format!("`limits.{name}` must be between {} and {}", bounds.start(), bounds.end()))
            .collect()
    }
}
