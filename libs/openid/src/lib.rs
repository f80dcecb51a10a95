//! OpenID providers: their keys, fetched and kept for a while, and what their ID tokens say.
//!
//! Addresses come from tenants, and so do what is answered there: every fetch is bounded in time and size, follows no
//! redirects, and reaches private networks only if the configuration says so.
//!
//! - [`OpenId`] verifies: that a token is of an issuer, for an audience, signed by a key that only the issuer has, and of now;
//! - [`Claims`] is what a verified token says;
//! - [`Reach`] is which issuers may be registered, and reached.
//!
//! Who somebody is by the claims is decided by those who use it.

mod claims;
mod config;
mod fetch;
mod issuer;
mod keys;
#[cfg(feature = "testing")]
pub mod testing;
mod verify;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use bailiwick_core::Clock;

use self::{fetch::Fetcher, keys::KeyCache};

pub use claims::Claims;
pub use config::OpenIdConfig;
pub use issuer::{Reach, Unreachable};
pub use verify::{Presented, Trusted, issuer_of};

/// How old an ID token may be that is presented right after it was had.
pub const AGE_MAX: Duration = Duration::from_mins(10);

/// Verifies ID tokens.
#[derive(Clone)]
pub struct OpenId {
    reach: Reach,
    keys: Arc<KeyCache>,
}

/// What is configured cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("`{setting}` {problem}")]
pub struct OpenIdSetupError {
    /// The setting.
    pub setting: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

/// Why an ID token is not accepted. The text is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The token is not good.
    #[error("{0}")]
    Refused(String),
    /// The provider's keys cannot be had.
    #[error("{0}")]
    Unavailable(String),
}

impl OpenId {
    /// Sets up what is configured. Nothing is fetched yet.
    ///
    /// # Errors
    /// If the authorities that are configured cannot be read.
    pub fn open(config: &OpenIdConfig, clock: Arc<dyn Clock>) -> Result<Self, OpenIdSetupError> {
        let reach = config.reach();
        let fetcher = Fetcher::open(config, reach)?;
        Ok(Self { reach, keys: Arc::new(KeyCache::new(fetcher, clock)) })
    }

    /// What issuers may be registered.
    pub fn reach(&self) -> Reach {
        self.reach
    }
}
