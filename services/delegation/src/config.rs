//! Settings of delegation.

use std::time::Duration;

use bailiwick_core::TrustedService;
use serde::{Deserialize, Serialize};

/// Most delegated administrators that can be configured.
const ADMINISTRATORS: u16 = 1_000;

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How often claims are compared with what needs them, in seconds: 1 to 86,400.
    pub reconcile_interval_s: u32,
    /// Bounds of what directories may have.
    pub limits: Limits,
}

/// How many delegated administrators a service can have in a directory, those of the whole directory and those of
/// folders together: 1 to 1,000 (E-DEL-03). A service that follows another has the limit of that one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Of Security Center.
    pub security_center_administrators_max: u16,
    /// Of SASE.
    pub sase_administrators_max: u16,
    /// Of Bastionhost.
    pub bastionhost_administrators_max: u16,
}

impl Default for Config {
    fn default() -> Self {
        Self { reconcile_interval_s: 30, limits: Limits::default() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let limit = |service: TrustedService| u16::try_from(service.max_delegated_administrators()).unwrap_or(u16::MAX);
        Self {
            security_center_administrators_max: limit(TrustedService::SecurityCenter),
            sase_administrators_max: limit(TrustedService::Sase),
            bastionhost_administrators_max: limit(TrustedService::Bastionhost),
        }
    }
}

impl Config {
    /// What is wrong with it. Each begins with the setting's name, such as `limits.sase_administrators_max`.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = self.limits.problems();
        if !(1..=86_400).contains(&self.reconcile_interval_s) {
            problems.push("`reconcile_interval_s` must be between 1 and 86400".to_owned());
        }
        problems
    }

    pub(crate) fn reconcile_interval(&self) -> Duration {
        Duration::from_secs(u64::from(self.reconcile_interval_s.max(1)))
    }
}

impl Limits {
    pub(crate) fn administrators(&self, service: TrustedService) -> usize {
        let limit = match service {
            TrustedService::SecurityCenter | TrustedService::ThreatAnalysis => self.security_center_administrators_max,
            TrustedService::Sase => self.sase_administrators_max,
            TrustedService::Bastionhost => self.bastionhost_administrators_max,
        };
        usize::from(limit.max(1))
    }

    fn problems(&self) -> Vec<String> {
        let limits = [
            ("security_center", self.security_center_administrators_max),
            ("sase", self.sase_administrators_max),
            ("bastionhost", self.bastionhost_administrators_max),
        ];
        let outside = limits.into_iter().filter(|(_, limit)| !(1..=ADMINISTRATORS).contains(limit));
        outside
            .map(|(service, _)| format!("`limits.{service}_administrators_max` must be between 1 and {ADMINISTRATORS}"))
            .collect()
    }
}
