//! The own log, as a part of the trail: read from the own database, with a cursor as the others have.

use std::time::Duration;

use bailiwick_api::audit::v1::Change;
use bailiwick_changelog::log_position;
use bailiwick_core::Role;
use bailiwick_db::{Applied, Db, DbError, LoggedChange, Position};
use prost::Message;
use tokio_util::sync::CancellationToken;

use super::Projection;

/// Changes in one transaction.
const BATCH: u32 = 64;
const IDLE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(1);

/// Projects the own log.
pub(crate) struct OwnLog {
    role: Role,
    db: Db,
}

impl OwnLog {
    /// The log of `role` in `db`.
    pub(crate) fn new(role: Role, db: Db) -> Self {
        Self { role, db }
    }

    /// Projects until `shutdown`. What goes wrong is logged, and tried again after a pause.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let work = async {
            loop {
                if let Err(error) = self.step().await {
                    tracing::error!(%error, "the projection of the own log stands still");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        };
        shutdown.run_until_cancelled(work).await;
    }

    /// Projects the next changes, or waits for some.
    async fn step(&self) -> Result<(), DbError> {
        let cursor = self.db.cursor(self.role.as_str()).await?;
        // Of an earlier epoch only the revision counts: cursor and log came from the same backup.
        let revision = cursor.as_ref().map_or(0, |cursor| cursor.revision);
        let epoch = self.db.epoch().await?;
        let changes = self.db.changes_after(revision, BATCH).await?;
        let Some(last) = changes.last() else {
            self.db.wait_beyond(&Position { epoch, revision }, IDLE).await?;
            return Ok(());
        };
        let new = Position { epoch, revision: last.revision };
        let (new, changes) = (&new, changes.as_slice());
        let work = |tx| async move {
            for logged in changes {
                let at = log_position(self.role, &Position { epoch: new.epoch.clone(), revision: logged.revision });
                Projection::new(self.role).project(&tx, &at, decoded(logged)?).await?;
            }
            Ok::<_, DbError>(())
        };
        match self.db.follow_apply(self.role.as_str(), cursor.as_ref(), new, work).await? {
            Applied::Done(_) => {}
            Applied::Elsewhere(_) => tracing::debug!("another replica projected the own log"),
        }
        Ok(())
    }
}

fn decoded(logged: &LoggedChange) -> Result<Change, DbError> {
    let change = Change::decode(logged.change.payload.as_slice()).map_err(|error| DbError::Other(error.into()))?;
    Ok(Change { revision: logged.revision, ..change })
}
