//! What can be configured.

use std::path::Path;

use bailiwick_openid::OpenIdConfig;
use serde::{Deserialize, Serialize};

use crate::EnforcementConfig;

/// The configuration of the role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where enforcement points ask.
    pub enforcement: EnforcementConfig,
    /// How the providers of users are reached.
    pub identity: OpenIdConfig,
}

impl Config {
    /// The same, with relative paths taken from a folder.
    #[must_use]
    pub fn in_folder(self, folder: &Path) -> Self {
        Self { enforcement: self.enforcement.in_folder(folder), identity: self.identity.in_folder(folder) }
    }

    /// What is wrong with it, each with the setting.
    pub fn problems(&self) -> Vec<String> {
        self.enforcement.problems()
    }
}
