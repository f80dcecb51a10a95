//! A fresh database for each test.

use std::fmt;

use tempfile::TempDir;

use crate::postgres;

/// An empty database, there for as long as this value.
#[derive(Debug)]
pub struct TestDatabase {
    /// Its address, as configuration has it.
    pub url: String,
    /// `sqlite` or `postgres`, for the messages of failed tests.
    pub engine: &'static str,
    _guard: Guard,
}

/// What removes it.
pub(crate) enum Guard {
    /// The directory of a file.
    Directory(#[expect(dead_code, reason = "held for its drop")] TempDir),
    /// The private server, which goes as a whole at the end of the process.
    Server,
    /// A database of a server that goes on.
    Shared(postgres::Shared),
}

impl TestDatabase {
    pub(crate) fn new(url: String, engine: &'static str, guard: Guard) -> Self {
        Self { url, engine, _guard: guard }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Self::Shared(shared) = self {
            shared.remove();
        }
    }
}

/// A SQLite database in a directory of its own.
pub fn sqlite() -> TestDatabase {
    let directory = TempDir::with_prefix("bailiwick-").expect("a temporary directory can be made");
    let url = format!("sqlite:{}?mode=rwc", directory.path().join("test.db").display());
    TestDatabase::new(url, "sqlite", Guard::Directory(directory))
}

/// An empty database on each engine: a store test runs on all of them.
pub async fn databases() -> Vec<TestDatabase> {
    vec![sqlite(), postgres::database().await]
}
