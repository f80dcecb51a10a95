//! What can be configured of the listener.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The address at which enforcement points ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EnforcementConfig {
    /// Where enforcement points ask; empty for nowhere. Off loopback TLS is required.
    pub listen: String,
    /// PEM files of the certificate chain and its key; empty for plain text.
    pub tls_certificate: PathBuf,
    /// The key of `tls_certificate`.
    pub tls_key: PathBuf,
    /// Facts that are older than this decide nothing, in milliseconds: 100 to 60,000.
    pub freshness_ms: u64,
}

impl Default for EnforcementConfig {
    fn default() -> Self {
        Self { listen: String::new(), tls_certificate: PathBuf::new(), tls_key: PathBuf::new(), freshness_ms: 2_000 }
    }
}

impl EnforcementConfig {
    /// The same, with relative paths taken from a folder.
    pub(crate) fn in_folder(mut self, folder: &Path) -> Self {
        for path in [&mut self.tls_certificate, &mut self.tls_key] {
            if !path.as_os_str().is_empty() {
                *path = folder.join(&*path);
            }
        }
        self
    }

    /// What is wrong with it, as far as that can be seen without opening anything.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !(100..=60_000).contains(&self.freshness_ms) {
            problems.push("`enforcement.freshness_ms` must be between 100 and 60,000".to_owned());
        }
        if self.tls_certificate.as_os_str().is_empty() != self.tls_key.as_os_str().is_empty() {
            problems.push("`enforcement.tls_certificate` and `enforcement.tls_key` go together".to_owned());
        }
        if self.listen.is_empty() {
            return problems;
        }
        match self.listen.parse::<std::net::SocketAddr>() {
            Err(_) => problems.push("`enforcement.listen` must be an address with a port, or empty".to_owned()),
            Ok(address) if !address.ip().is_loopback() && self.tls_certificate.as_os_str().is_empty() => {
                problems
                    .push("`enforcement.listen` must be on loopback, or have `enforcement.tls_certificate`".to_owned());
            }
            Ok(_) => {}
        }
        problems
    }
}
