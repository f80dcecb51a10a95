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
