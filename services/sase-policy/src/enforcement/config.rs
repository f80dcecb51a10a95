//! What can be configured of the listener.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

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
    /// Not to be configured.
    #[serde(skip)]
    pub(crate) limits: Limits,
}

/// Bounds of what the listener takes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Connections; further ones wait to be accepted.
    pub(crate) connections: usize,
    /// How long a connection may last without a credential, TLS included.
    pub(crate) handshake: Duration,
    /// Requests of one point that are decided at once.
    pub(crate) calls: usize,
    /// Further ones of it that wait; those beyond are refused with UNAVAILABLE.
    pub(crate) waiting: usize,
    /// How long an answer may take, with all that it waits for.
    pub(crate) within: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_024,
            handshake: Duration::from_secs(10),
            calls: 256,
            waiting: 1_024,
            within: Duration::from_secs(5),
        }
    }
}

impl Default for EnforcementConfig {
    fn default() -> Self {
        Self {
            listen: String::new(),
            tls_certificate: PathBuf::new(),
            tls_key: PathBuf::new(),
            freshness_ms: 2_000,
            limits: Limits::default(),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_could_read_must_be_encrypted() {
        let config = |listen: &str, certificate: &str, key: &str| EnforcementConfig {
            listen: listen.into(),
            tls_certificate: certificate.into(),
            tls_key: key.into(),
            ..EnforcementConfig::default()
        };
        for (config, wrong) in [
            (EnforcementConfig::default(), None),
            (config("127.0.0.1:0", "", ""), None),
            (config("[::1]:7114", "", ""), None),
            (config("0.0.0.0:7114", "c", "k"), None),
            (config("0.0.0.0:7114", "", ""), Some("`enforcement.listen`")),
            (config("192.0.2.1:7114", "", ""), Some("`enforcement.listen`")),
            (config("localhost", "", ""), Some("`enforcement.listen`")),
            (config("", "c", ""), Some("`enforcement.tls_certificate`")),
            (config("127.0.0.1:0", "", "k"), Some("`enforcement.tls_certificate`")),
            (EnforcementConfig { freshness_ms: 99, ..config("", "", "") }, Some("`enforcement.freshness_ms`")),
            (EnforcementConfig { freshness_ms: 60_001, ..config("", "", "") }, Some("`enforcement.freshness_ms`")),
        ] {
            let problems = config.problems();
            assert_eq!(problems.len(), usize::from(wrong.is_some()), "{config:?}: {problems:?}");
            assert!(problems.iter().all(|problem| problem.starts_with(wrong.unwrap())), "{config:?}: {problems:?}");
        }
    }
}
