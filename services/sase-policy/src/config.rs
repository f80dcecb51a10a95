//! What can be configured.

use std::path::Path;

use bailiwick_openid::OpenIdConfig;
use serde::{Deserialize, Serialize};

/// The configuration of the role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How the providers of users are reached.
    pub identity: OpenIdConfig,
}

impl Config {
    /// The same, with relative paths taken from a folder.
    #[must_use]
    pub fn in_folder(self, folder: &Path) -> Self {
        Self { identity: self.identity.in_folder(folder) }
    }
}
