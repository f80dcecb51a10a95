//! Comparing with committed files.

use std::fs;

use crate::checkout;

/// Compares a text with `tests/golden/{name}`, or writes it there if `BAILIWICK_WRITE_GOLDEN` is set.
pub fn assert(name: &str, text: &str) {
    let path = checkout::tests().join("golden").join(name);
    if std::env::var_os("BAILIWICK_WRITE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    if golden != text {
        let difference = golden.lines().zip(text.lines()).find(|(a, b)| a != b);
        panic!("{} is not what it should be; first difference: {difference:#?}", path.display());
    }
}
