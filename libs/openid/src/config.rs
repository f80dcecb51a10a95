//! What can be configured.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Reach;

/// How OpenID providers are reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OpenIdConfig {
    /// Whether issuers may be in private networks, and on this machine by http. Whoever may register a provider can then
    /// make this server send requests there.
    pub private_issuers: bool,
    /// PEM file of authorities of issuers that are trusted besides the public ones; empty for none.
    pub ca_file: PathBuf,
}

impl OpenIdConfig {
    /// The same, with relative paths taken from a folder.
    #[must_use]
    pub fn in_folder(mut self, folder: &Path) -> Self {
        if !self.ca_file.as_os_str().is_empty() {
            self.ca_file = folder.join(&self.ca_file);
        }
        self
    }

    pub(crate) fn reach(&self) -> Reach {
        if self.private_issuers { Reach::Private } else { Reach::Public }
    }
}
