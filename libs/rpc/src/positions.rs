//! Waiting until a position of a change log can be seen here.

use bailiwick_api::r#type::v1::LogPosition;
use futures::future::BoxFuture;
use tokio::time::Instant;

/// Why a position is not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PositionError {
    /// Not by the deadline: UNAVAILABLE, REVISION_NOT_REACHED.
    #[error("the position of the consistency token was not reached in time")]
    NotReached,
    /// Of another epoch, or beyond the head of the log: INVALID_ARGUMENT, CONSISTENCY_TOKEN_INVALID.
    #[error("the consistency token is of another epoch, or beyond the end of the log")]
    Invalid,
    /// The database cannot be asked: UNAVAILABLE, DATABASE_UNAVAILABLE.
    #[error("the database of the service cannot be reached")]
    Unavailable,
}

/// The positions that a role can wait for: of its own log and of those that it follows.
pub trait Positions: Send + Sync {
    /// Returns when what was committed up to `position` can be seen here. A position of a log that the role neither
    /// has nor follows is ignored: nothing here depends on it.
    ///
    /// # Errors
    /// See [`PositionError`]; by `deadline` at the latest.
    fn wait<'a>(&'a self, position: &'a LogPosition, deadline: Instant) -> BoxFuture<'a, Result<(), PositionError>>;
}

/// For a role without a log: every position is ignored.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPositions;

impl Positions for NoPositions {
    fn wait<'a>(&'a self, _: &'a LogPosition, _: Instant) -> BoxFuture<'a, Result<(), PositionError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
