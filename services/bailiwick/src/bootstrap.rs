//! `bailiwick bootstrap`: makes, once, everything that a suite needs before its first start. What is there already is
//! kept, so that it can be run before every start.

mod keys;
mod mesh;

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use bailiwick_core::Entropy;

use crate::config::Config;

pub use keys::{Keys, OperatorKey};

/// Names of the files in the data folder.
pub mod file {
    /// The configuration.
    pub const CONFIG: &str = "bailiwick.toml";
    /// The operator's credential, for the operator.
    pub const OPERATOR: &str = "operator.json";
    /// Certificates and keys of the roles.
    pub const MESH: &str = "mesh";
    /// Secrets of the suite.
    pub const KEYS: &str = "keys";
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// A file could not be written or read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A key or certificate could not be made.
    #[error("a certificate could not be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A file does not hold what it should.
    #[error("{}: {what}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
}

/// Fills `data` with what is missing there. `names` are the DNS names and addresses of the public address.
///
/// # Errors
/// If a file cannot be written, or one that is there cannot be read.
pub fn bootstrap(data: &Path, names: &[String], entropy: &dyn Entropy) -> Result<(), BootstrapError> {
    for folder in [data.to_owned(), data.join(file::KEYS), data.join(file::MESH)] {
        fs::create_dir_all(&folder).map_err(|source| BootstrapError::File { path: folder, source })?;
    }
    keys::create(data, entropy)?;
    mesh::create(data, names)?;
    let home = fs::canonicalize(data).map_err(|source| BootstrapError::File { path: data.to_owned(), source })?;
    let config = Config { data: home, ..Config::default() };
    let text = toml::to_string_pretty(&config).unwrap_or_default();
    create_once(&data.join(file::CONFIG), text.as_bytes(), 0o644)
}

/// Writes a file unless it exists: a secret is never replaced by accident. The file appears whole or not at all.
fn create_once(path: &Path, bytes: &[u8], mode: u32) -> Result<(), BootstrapError> {
    let failed = |source| BootstrapError::File { path: path.to_owned(), source };
    if path.exists() {
        return Ok(());
    }
    let draft = path.with_extension("new");
    let mut options = OpenOptions::new();
    let mut out = options.write(true).create(true).truncate(true).mode(mode).open(&draft).map_err(failed)?;
    out.write_all(bytes).and_then(|()| out.sync_all()).map_err(failed)?;
    fs::rename(&draft, path).map_err(failed)
}

fn read(path: &Path) -> Result<String, BootstrapError> {
    fs::read_to_string(path).map_err(|source| BootstrapError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, os::unix::fs::PermissionsExt};

    use bailiwick_core::{Role, SystemEntropy};

    use super::*;

    /// Every file below a folder: its mode and what it holds.
    fn contents(folder: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(contents(&path));
            } else {
                let mode = path.metadata().unwrap().permissions().mode() & 0o777;
                found.insert(path.clone(), (mode, fs::read(&path).unwrap()));
            }
        }
        found
    }

    #[test]
    fn secrets_are_made_once_and_only_their_owner_reads_them() {
        let data = tempfile::tempdir().unwrap();
        let names = ["localhost".to_owned()];
        bootstrap(data.path(), &names, &SystemEntropy).unwrap();
        let first = contents(data.path());
        for (path, (mode, _)) in &first {
            let open = path.extension().is_some_and(|e| e == "toml")
                || (path.starts_with(data.path().join(file::MESH)) && path.extension().is_some_and(|e| e == "pem"));
            assert_eq!(*mode, if open { 0o644 } else { 0o600 }, "{}", path.display());
        }
        for role in Role::ALL {
            assert!(first.contains_key(&data.path().join(file::MESH).join(format!("{role}.pem"))));
        }
        bootstrap(data.path(), &names, &SystemEntropy).unwrap();
        assert_eq!(contents(data.path()), first, "a second run changes nothing");
    }

    #[test]
    fn the_operators_half_fits_the_suites_and_damage_is_named() {
        let data = tempfile::tempdir().unwrap();
        bootstrap(data.path(), &[], &SystemEntropy).unwrap();
        let keys = Keys::load(data.path()).unwrap();
        let credential: serde_json::Value =
            serde_json::from_str(&read(&data.path().join(file::OPERATOR)).unwrap()).unwrap();
        assert_eq!(credential["access_key_id"], keys.operator.access_key_id.as_str());
        let hash: [u8; 32] =
            <sha2::Sha256 as sha2::Digest>::digest(credential["secret"].as_str().unwrap().as_bytes()).into();
        assert_eq!(keys.operator.secret_hash(), hash);
        assert_ne!(keys.caller_context, keys.seal);

        let seal = data.path().join(file::KEYS).join("seal.key");
        fs::write(&seal, "short").unwrap();
        let error = Keys::load(data.path()).map(drop).unwrap_err().to_string();
        assert!(error.contains("seal.key"), "{error}");
    }
}
