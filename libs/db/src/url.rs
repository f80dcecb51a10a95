//! The address of a database.

use std::{fmt, str::FromStr};

/// The engine behind an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Embedded: one file, one process that writes.
    Sqlite,
    /// A server, any number of replicas.
    Postgres,
}

/// `sqlite:PATH?mode=rwc` or `postgres://USER:PASSWORD@HOST/DATABASE`. Printing it shows the engine only, for it may
/// hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    text: String,
    engine: Engine,
}

/// An address of neither engine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// Another scheme.
    #[error("a database address begins with `sqlite:` or `postgres://`")]
    Scheme,
    /// A SQLite database without a file: each connection of the pools would see another database.
    #[error("a database in memory cannot be used: name a file")]
    InMemory,
}

impl DatabaseUrl {
    /// The engine.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        let engine = if let Some(file) = text.strip_prefix("sqlite:") {
            let path = file.trim_start_matches("//");
            if path.is_empty() || path.starts_with('?') || path.contains(":memory:") || path.contains("mode=memory") {
                return Err(DatabaseUrlError::InMemory);
            }
            Engine::Sqlite
        } else if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            Engine::Postgres
        } else {
            return Err(DatabaseUrlError::Scheme);
        };
        Ok(Self { text: text.to_owned(), engine })
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({:?})", self.engine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_engines_and_only_files() {
        assert_eq!("sqlite:/var/a.db?mode=rwc".parse::<DatabaseUrl>().unwrap().engine(), Engine::Sqlite);
        assert_eq!("postgres://u:secret@h/d".parse::<DatabaseUrl>().unwrap().engine(), Engine::Postgres);
        assert_eq!("mysql://u@h/d".parse::<DatabaseUrl>(), Err(DatabaseUrlError::Scheme));
        for text in ["sqlite::memory:", "sqlite://:memory:", "sqlite:", "sqlite:a?mode=memory"] {
            assert_eq!(text.parse::<DatabaseUrl>(), Err(DatabaseUrlError::InMemory), "{text}");
        }
    }

    #[test]
    fn the_password_is_not_printed() {
        let url: DatabaseUrl = "postgres://u:secret@h/d".parse().unwrap();
        assert!(!format!("{url:?}").contains("secret"));
    }
}
