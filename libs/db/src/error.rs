//! What can go wrong with a database, sorted by what the caller can do about it.

use std::error::Error;

use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};

type Source = Box<dyn Error + Send + Sync>;

/// A failure of the database. `Display` is fit for outsiders; the cause is in `source()`, for the log.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// Others changed the same rows, and went on doing so through all retries: ABORTED, to be tried again later.
    #[error("concurrent changes prevented this one")]
    Conflict(#[source] Source),
    /// The database cannot be reached or is overloaded. Whether an unfinished change was made is unknown, unless the
    /// request is repeated with its request id.
    #[error("the database is unavailable")]
    Unavailable(#[source] Source),
    /// The request id was used within the last 24 hours for a request of other content.
    #[error("the request id was used for another request")]
    RequestIdReused,
    /// A row with the same key exists. The constraint is an index name on PostgreSQL and column names on SQLite.
    #[error("such a row exists already")]
    Unique {
        /// The constraint.
        constraint: String,
        /// What the driver said.
        source: Source,
    },
    /// What a transaction would say of itself in the change log is more than those who follow take: RESOURCE_EXHAUSTED.
    #[error("the change of `{resource}` has {bytes} bytes; a change has {limit} at most")]
    ChangeTooLarge {
        /// Name of the resource that was to change.
        resource: String,
        /// The size of the change.
        bytes: usize,
        /// Most bytes of a change.
        limit: usize,
    },
    /// The schema is not the one of this program. Lists what is missing, or what is there that is not known.
    #[error("the database is not migrated to this version: {0}")]
    NotMigrated(String),
    /// Anything else: a defect or a broken database.
    #[error("the database operation failed")]
    Other(#[source] Source),
}

/// An error that a transaction may end with. It tells whether the cause is the database, so that the transaction can be
/// tried again.
pub trait TxError: From<DbError> + Send {
    /// The database error inside, if that is what it is.
    fn db(&self) -> Option<&DbError>;
}

// === impl DbError ===

impl DbError {
    /// Whether a row with the same key exists.
    pub fn is_unique(&self) -> bool {
        matches!(self, Self::Unique { .. })
    }

    pub(crate) fn other(text: impl Into<Source>) -> Self {
        Self::Other(text.into())
    }

    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict(_))
    }
}

impl TxError for DbError {
    fn db(&self) -> Option<&DbError> {
        Some(self)
    }
}

impl From<DbErr> for DbError {
    fn from(error: DbErr) -> Self {
        if let Some(SqlErr::UniqueConstraintViolation(message)) = error.sql_err() {
            return Self::Unique { constraint: constraint(&error, &message), source: Box::new(error) };
        }
        match kind(&error) {
            Kind::Conflict => Self::Conflict(Box::new(error)),
            Kind::Unavailable => Self::Unavailable(Box::new(error)),
            Kind::Other => Self::Other(Box::new(error)),
        }
    }
}

enum Kind {
    Conflict,
    Unavailable,
    Other,
}

fn driver(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(e))
        | DbErr::Exec(RuntimeErr::SqlxError(e))
        | DbErr::Query(RuntimeErr::SqlxError(e)) => Some(e),
        _ => None,
    }
}

fn kind(error: &DbErr) -> Kind {
    match (driver(error), error) {
        (Some(sqlx::Error::Database(e)), _) => {
            let code = e.code().unwrap_or_default();
            if e.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() { sqlite(&code) } else { postgres(&code) }
        }
        (
            Some(
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed,
            ),
            _,
        )
        | (None, DbErr::ConnectionAcquire(_) | DbErr::Conn(_)) => Kind::Unavailable,
        _ => Kind::Other,
    }
}

/// The primary result code is the low byte of the extended one: BUSY, LOCKED; IOERR, FULL, CANTOPEN.
fn sqlite(code: &str) -> Kind {
    match code.parse::<i32>().unwrap_or_default() & 0xff {
        5 | 6 => Kind::Conflict,
        10 | 13 | 14 => Kind::Unavailable,
        _ => Kind::Other,
    }
}

/// Serialization failure, deadlock, lock not available; then connection, resources, shutdown and the time limits.
fn postgres(code: &str) -> Kind {
    match code {
        "40001" | "40P01" | "55P03" => Kind::Conflict,
        "57014" | "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "25P04" => Kind::Unavailable,
        _ if code.starts_with("08") || code.starts_with("53") => Kind::Unavailable,
        _ => Kind::Other,
    }
}

fn constraint(error: &DbErr, message: &str) -> String {
    let named = match driver(error) {
        Some(sqlx::Error::Database(e)) => e.constraint(),
        _ => None,
    };
    // SQLite: `UNIQUE constraint failed: members.directory, members.account`.
    let columns = message.rsplit_once("failed: ").map_or(message, |(_, columns)| columns);
    named.unwrap_or(columns).to_owned()
}
