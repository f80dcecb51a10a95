//! Waiting for positions of the own log and of followed ones.

use std::time::Duration;

use bailiwick_api::r#type::v1::LogPosition;
use bailiwick_core::Role;
use bailiwick_db::{CursorWait, Db, DbError, Position};
use bailiwick_rpc::{PositionError, Positions};
use futures::future::BoxFuture;
use tokio::time::Instant;

/// The positions that a service with a database can wait for.
#[derive(Clone, Debug)]
pub struct FollowedPositions {
    role: Role,
    db: Db,
    followed: Vec<Role>,
}

// === impl FollowedPositions ===

impl FollowedPositions {
    /// Of the log of `role` itself, and of the logs that it follows into the same database.
    pub fn new(role: Role, db: Db, followed: Vec<Role>) -> Self {
        Self { role, db, followed }
    }

    /// What is committed in the own log is seen by every replica: there is nothing to wait for but the database.
    async fn own(&self, position: &Position) -> Result<(), PositionError> {
        let head = self.db.head().await.map_err(unavailable)?;
        if head.reaches(position) { Ok(()) } else { Err(PositionError::Invalid) }
    }

    async fn followed(&self, of: Role, position: &Position, max_wait: Duration) -> Result<(), PositionError> {
        match self.db.wait_cursor(of.as_str(), position, max_wait).await.map_err(unavailable)? {
            CursorWait::Reached => Ok(()),
            CursorWait::Behind(_) => Err(PositionError::NotReached),
            CursorWait::OtherEpoch(_) => Err(PositionError::Invalid),
        }
    }
}

impl Positions for FollowedPositions {
    fn wait<'a>(&'a self, position: &'a LogPosition, deadline: Instant) -> BoxFuture<'a, Result<(), PositionError>> {
        Box::pin(async move {
            let at = Position { epoch: position.epoch.clone(), revision: position.revision };
            let remaining = deadline.saturating_duration_since(Instant::now());
            let waiting = async {
                match position.role.parse::<Role>() {
                    Ok(role) if role == self.role => self.own(&at).await,
                    Ok(role) if self.followed.contains(&role) => self.followed(role, &at, remaining).await,
                    _ => Ok(()),
                }
            };
            tokio::time::timeout_at(deadline, waiting).await.unwrap_or(Err(PositionError::NotReached))
        })
    }
}

fn unavailable(error: DbError) -> PositionError {
    tracing::warn!(%error, "a position cannot be waited for");
    PositionError::Unavailable
}
