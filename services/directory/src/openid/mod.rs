//! OpenID providers: their keys, fetched and kept for a while, and what their ID tokens say.
//!
//! Addresses come from tenants, and so do what is answered there: every fetch is bounded in time and size, follows no
//! redirects, and reaches private networks only if the configuration says so.

pub(crate) mod config;
mod fetch;
mod keys;
mod verify;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use verify::Presented;

use std::sync::Arc;

use bailiwick_core::Clock;

use self::{config::SignInConfig, fetch::Fetcher, keys::KeyCache};
use crate::domain::issuer::Reach;

/// Verifies ID tokens.
#[derive(Clone)]
pub(crate) struct OpenId {
    reach: Reach,
    keys: Arc<KeyCache>,
}

/// Sign-in that cannot be set up: a setting and what is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("`directory.sign_in.{0}")]
pub struct SignInSetupError(String);

/// Why an ID token is not accepted. The text is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum VerifyError {
    /// The token is not good.
    #[error("{0}")]
    Refused(String),
    /// The provider's keys cannot be had.
    #[error("{0}")]
    Unavailable(String),
}

impl OpenId {
    /// Sets up what is configured. Nothing is fetched yet.
    pub(crate) fn open(config: &SignInConfig, clock: Arc<dyn Clock>) -> Result<Self, SignInSetupError> {
        let reach = config.reach();
        let fetcher = Fetcher::open(config, reach)?;
        Ok(Self { reach, keys: Arc::new(KeyCache::new(fetcher, clock)) })
    }

    /// What issuers may be registered.
    pub(crate) fn reach(&self) -> Reach {
        self.reach
    }
}
