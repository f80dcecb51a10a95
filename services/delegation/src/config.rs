//! Settings of delegation.

use std::time::Duration;

use serde::Deserialize;

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How often claims without use are looked for, in seconds; at least 1.
    pub reconcile_interval_s: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { reconcile_interval_s: 30 }
    }
}

impl Config {
    pub(crate) fn reconcile_interval(&self) -> Duration {
        Duration::from_secs(u64::from(self.reconcile_interval_s.max(1)))
    }
}
