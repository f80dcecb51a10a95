//! Where the sources are. Cargo says so when it runs a test: what it said when it built one may be of another clone that
//! shares the target folder.

use std::{env, path::PathBuf};

/// The folder of this crate.
pub fn tests() -> PathBuf {
    env::var_os("CARGO_MANIFEST_DIR").expect("run by cargo").into()
}

/// The folder of the workspace.
pub fn root() -> PathBuf {
    tests().parent().unwrap().to_owned()
}
