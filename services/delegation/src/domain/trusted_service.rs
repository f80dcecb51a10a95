//! Trusted access (R-DEL-12).

use bailiwick_core::TrustedService;

use super::Error;

/// A trusted service in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Access {
    /// The service.
    pub service: TrustedService,
    /// Whether it may work on the directory.
    pub enabled: bool,
}

/// The services that are enabled or disabled when `service` is named: never one that follows another by itself.
pub fn changed_with(service: TrustedService) -> Result<Vec<TrustedService>, Error> {
    match service.follows() {
        Some(follows) => Err(Error::Follows { service, follows }),
        None => Ok(service.with_followers().collect()),
    }
}

/// Whether trusted access may be taken back, with so many accounts that depend on it (E-DEL-07).
pub fn may_disable(administrators: u64, members: u64) -> Result<(), Error> {
    if administrators == 0 && members == 0 {
        return Ok(());
    }
    Err(Error::TrustedAccessInUse { administrators, members })
}
