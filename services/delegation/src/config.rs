//! Settings of delegation.

use std::time::Duration;

use bailiwick_core::TrustedService;
use serde::Deserialize;

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How often claims without use are looked for, in seconds; at least 1.
    pub reconcile_interval_s: u32,
    /// How many delegated administrators a service can have in a directory (E-DEL-03).
    pub max_delegated_administrators: AdministratorLimits,
}

/// How many delegated administrators a service can have in a directory, those of the whole directory and those of
/// folders together; at least 1. A service that follows another has the limit of that one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdministratorLimits {
    /// Of Security Center.
    pub security_center: u16,
    /// Of SASE.
    pub sase: u16,
    /// Of Bastionhost.
    pub bastionhost: u16,
}

impl Default for Config {
    fn default() -> Self {
        Self { reconcile_interval_s: 30, max_delegated_administrators: AdministratorLimits::default() }
    }
}

impl Default for AdministratorLimits {
    fn default() -> Self {
        let limit = |service: TrustedService| u16::try_from(service.max_delegated_administrators()).unwrap_or(u16::MAX);
        Self {
            security_center: limit(TrustedService::SecurityCenter),
            sase: limit(TrustedService::Sase),
            bastionhost: limit(TrustedService::Bastionhost),
        }
    }
}

impl Config {
    pub(crate) fn reconcile_interval(&self) -> Duration {
        Duration::from_secs(u64::from(self.reconcile_interval_s.max(1)))
    }
}

impl AdministratorLimits {
    pub(crate) fn of(&self, service: TrustedService) -> usize {
        let limit = match service {
            TrustedService::SecurityCenter | TrustedService::ThreatAnalysis => self.security_center,
            TrustedService::Sase => self.sase,
            TrustedService::Bastionhost => self.bastionhost,
        };
        usize::from(limit.max(1))
    }
}
