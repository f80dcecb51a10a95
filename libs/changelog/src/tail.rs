//! The own log as a stream of changes and answers to pings, for every service that lets others watch it.

use std::{pin::Pin, time::Duration};

use bailiwick_db::{Db, DbError, LoggedChange, Position};
use futures::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;

use crate::{
    head::head_with_cursor,
    level::{NEVER, Reading, UpstreamLevel},
};

/// Most changes in one batch, as the contract says.
const BATCH_MAX: u32 = 256;
/// Largest batch in bytes of payloads, unless it is of a single change: a message has at most 4 MiB.
const BATCH_BYTES_MAX: usize = 3 << 20;
/// How long one wait for a change lasts.
const IDLE: Duration = Duration::from_secs(5);

/// A reader of the log from a position on.
pub struct Tail {
    db: Db,
    upstream: Option<UpstreamLevel>,
    position: Position,
    pings: Pin<Box<dyn Stream<Item = i64> + Send>>,
    pending: Option<Pending>,
    shutdown: CancellationToken,
}

/// What a [`Tail`] has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TailEvent {
    /// Changes, gapless, after those before: from 1 to 256.
    Changes(Vec<LoggedChange>),
    /// The answer to a ping. All changes up to `head` came before it.
    Pong {
        /// The number of the ping.
        ping: i64,
        /// The last revision that was committed when the ping came.
        head: Position,
        /// How much of the mirrored log is in the own one at `head`.
        upstream: Option<Position>,
        /// How long ago, at most, the mirror was level; zero without one, [`NEVER`] if it has not been level yet.
        upstream_age: Duration,
    },
}

/// Why a log cannot be read from a position, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    /// The position is of another epoch: the database was restored since.
    #[error("the position is of another epoch of the log")]
    OtherEpoch,
    /// The position is beyond the last change: it is of a future that was lost, and the epoch was not renewed.
    #[error(
        "the position is beyond the last change of the log: after a restore from a backup, the role must be stopped, its \
         epoch renewed by `bailiwick renew-epoch`, and the role started again"
    )]
    BeyondHead,
    /// The position names the log of another role.
    #[error("the position is of the log of another role")]
    OtherLog,
    /// The payload of the change of this revision cannot be read.
    #[error("the change of revision {0} cannot be read")]
    Undecodable(i64),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// A ping that is answered once the changes up to `head` are sent.
struct Pending {
    ping: i64,
    head: Position,
    cursor: Option<Position>,
    level: Option<Reading>,
}

// === impl Tail ===

impl Tail {
    /// Reads after `after`; from the beginning if its epoch is empty. It ends with `pings`, or with `shutdown`. A ping
    /// is taken only when the one before is answered.
    ///
    /// # Errors
    /// If the position is none of this log, or the database fails.
    pub async fn open(
        db: Db,
        upstream: Option<UpstreamLevel>,
        after: Position,
        pings: impl Stream<Item = i64> + Send + 'static,
        shutdown: CancellationToken,
    ) -> Result<Self, TailError> {
        let head = db.head().await?;
        let position = match after.epoch.as_str() {
            "" => Position { epoch: head.epoch, revision: 0 },
            epoch if epoch != head.epoch => return Err(TailError::OtherEpoch),
            _ if after.revision > head.revision || after.revision < 0 => return Err(TailError::BeyondHead),
            _ => after,
        };
        Ok(Self { db, upstream, position, pings: Box::pin(pings), pending: None, shutdown })
    }

    /// Up to where the changes have been returned.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// The next event; none at the end.
    ///
    /// # Errors
    /// If the database fails or was restored meanwhile: the tail is then at its end.
    pub async fn next(&mut self) -> Result<Option<TailEvent>, TailError> {
        loop {
            let reached = self.position.revision;
            if let Some(pending) = self.pending.take_if(|pending| pending.head.revision <= reached) {
                return Ok(Some(pending.answer(self.upstream.is_some())));
            }
            if self.shutdown.is_cancelled() {
                return Ok(None);
            }
            if self.pending.is_none() {
                tokio::select! {
                    biased;
                    () = self.shutdown.cancelled() => return Ok(None),
                    ping = self.pings.next() => {
                        let Some(ping) = ping else { return Ok(None) };
                        self.pending = Some(self.arrived(ping).await?);
                        continue;
                    }
                    head = self.db.wait_beyond(&self.position, IDLE) => self.same_epoch(&head?)?,
                }
            }
            let changes = self.read().await?;
            if !changes.is_empty() {
                return Ok(Some(TailEvent::Changes(changes)));
            }
        }
    }

    async fn arrived(&mut self, ping: i64) -> Result<Pending, TailError> {
        // The level is read before the head, which then includes what the level speaks of.
        let level = self.upstream.as_ref().and_then(|upstream| upstream.level.reading());
        let (head, cursor) = match &self.upstream {
            Some(upstream) => head_with_cursor(self.db.reader(), upstream.role).await?,
            None => (self.db.head().await?, None),
        };
        self.same_epoch(&head)?;
        Ok(Pending { ping, head, cursor, level })
    }

    async fn read(&mut self) -> Result<Vec<LoggedChange>, TailError> {
        let mut changes = self.db.changes_after(self.position.revision, BATCH_MAX).await?;
        let mut bytes = 0;
        let fitting = changes.iter().take_while(|change| {
            bytes += change.change.payload.len();
            bytes <= BATCH_BYTES_MAX
        });
        let fitting = fitting.count().max(1);
        changes.truncate(fitting);
        let numbered = (self.position.revision + 1..).zip(&changes);
        if numbered.into_iter().any(|(expected, change)| expected != change.revision) {
            return Err(DbError::Other("the change log has a gap".into()).into());
        }
        if let Some(last) = changes.last() {
            self.position.revision = last.revision;
        } else if self.pending.is_some() {
            return Err(DbError::Other("the change log ends before its head".into()).into());
        }
        Ok(changes)
    }

    fn same_epoch(&self, head: &Position) -> Result<(), TailError> {
        if head.epoch == self.position.epoch { Ok(()) } else { Err(TailError::OtherEpoch) }
    }
}

impl Pending {
    fn answer(self, mirrors: bool) -> TailEvent {
        let age = self.level.map_or(NEVER, |level| level.age());
        TailEvent::Pong {
            ping: self.ping,
            head: self.head,
            upstream: self.cursor,
            upstream_age: if mirrors { age } else { Duration::ZERO },
        }
    }
}

impl std::fmt::Debug for Tail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tail({}, {:?})", self.position.revision, self.db)
    }
}
