//! What `scripts/setup` installs for the tests.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

/// Where it installs.
pub fn folder() -> PathBuf {
    env::var_os("BAILIWICK_TOOLS").map_or_else(
        || PathBuf::from(env::var_os("HOME").expect("`HOME` is not set")).join(".cache/bailiwick/tools"),
        PathBuf::from,
    )
}

/// A tool in it, which must be there.
pub fn installed(tool: &str) -> PathBuf {
    let path = folder().join(tool);
    assert!(path.exists(), "`{}` is missing: run scripts/setup", path.display());
    path
}

/// The path of programs with those of the folder first.
pub fn search_path() -> OsString {
    let own = installed("bin/grpcurl").parent().map(Path::to_owned);
    let rest = env::var_os("PATH").unwrap_or_default();
    env::join_paths(own.into_iter().chain(env::split_paths(&rest))).unwrap()
}
