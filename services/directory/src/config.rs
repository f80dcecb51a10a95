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
    /// How long the deletion of a member can be taken back, in days, 365 at most; not at all if zero (E-DIR-20).
    pub deletion_silence_days: u32,
}

/// Most days for which a deletion can wait.
pub(crate) const SILENCE_DAYS_MAX: u32 = 365;

impl Default for Limits {
    fn default() -> Self {
        Self {
            members_max: 20,
            invitations_per_day_max: 20,
            users_max: 1_000,
            access_keys_max: 2,
            token_seconds: 900,
            deletion_silence_days: 45,
        }
    }
}
