//! One stream from the server of a log, from opening it to whatever ends it.
//!
//! A log that does not have the cursor is read from its beginning on the same stream, up to the answer to the first
//! ping; after that, the session goes on as any other.

use std::time::Duration;

use bailiwick_api::audit::v1::{
    Change, ChangeBatch, FollowChangesRequest, FollowChangesResponse, Pong,
    change_log_service_client::ChangeLogServiceClient, follow_changes_response::Event,
};
use bailiwick_core::Role;
use bailiwick_db::{Applied, DbError, Position};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout, timeout_at},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use crate::{
    follower::Follower,
    level::Reading,
    payload::log_position,
    reread::{Reread, RereadError},
};

/// How long connecting and opening the stream may take.
const OPEN: Duration = Duration::from_secs(2);
/// How long the server may say nothing.
pub(crate) const SILENCE: Duration = Duration::from_secs(2);
/// Pause between two pings. One is under way at most.
const PING: Duration = Duration::from_millis(200);
/// Largest message: the server sends at most 3 MiB of changes, or one change of 2 MiB.
const MESSAGE_MAX: usize = 4 << 20;

/// Why a session ended. None is final: another session begins at the cursor.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error("the stream did not open in time")]
    Open,
    #[error("the server went silent")]
    Silent,
    #[error("the server ended the stream")]
    Ended,
    #[error("the server refused or failed")]
    Status(#[source] Box<Status>),
    #[error("a message without content, or without epoch or position")]
    Malformed,
    #[error("the log is of another epoch than the cursor")]
    OtherEpoch,
    #[error(
        "the cursor is not in the log, which is of the same epoch: if the database of `{0}` was restored from a backup, \
         stop the role, run `bailiwick renew-epoch {0}` and start it again"
    )]
    NotRenewed(Role),
    #[error("the log, which was restored, cannot be read anew")]
    Reread(#[from] RereadError),
    #[error("revision {got} came where {expected} was due")]
    Gap { expected: i64, got: i64 },
    #[error("a ping was answered that was not sent, or before the changes that it follows")]
    WrongPong,
    #[error("the cursor was moved elsewhere")]
    CursorMoved,
    #[error("a change could not be applied")]
    Db(#[from] DbError),
}

/// One session.
pub(crate) struct Session<'f> {
    follower: &'f Follower,
    /// Where the cursor is, as far as known: others may move it on.
    cursor: Option<Position>,
    /// While a log is read anew that does not have the cursor.
    reread: Option<Reread>,
    sent: Option<(i64, Instant)>,
    pings: i64,
    progressed: bool,
}

// === impl Session ===

impl<'f> Session<'f> {
    pub(crate) fn new(follower: &'f Follower) -> Self {
        Self { follower, cursor: None, reread: None, sent: None, pings: 0, progressed: false }
    }

    /// Whether the server answered anything of use.
    pub(crate) fn progressed(&self) -> bool {
        self.progressed
    }

    /// Runs until something ends it.
    pub(crate) async fn run(&mut self) -> SessionError {
        match self.follow().await {
            Ok(never) => match never {},
            Err(error) => error,
        }
    }

    async fn follow(&mut self) -> Result<std::convert::Infallible, SessionError> {
        let follower = self.follower;
        self.cursor = follower.db.cursor(follower.upstream.as_str()).await?.filter(|at| !at.epoch.is_empty());
        let (requests, mut responses) = match self.open(self.cursor.as_ref()).await {
            // The log does not have the cursor: which of the possible reasons it is, its epoch will tell.
            Err(SessionError::Status(status)) if status.code() == Code::InvalidArgument && self.cursor.is_some() => {
                self.reread = Some(Reread::default());
                self.open(None).await?
            }
            opened => opened?,
        };
        let mut next_ping = Instant::now();
        loop {
            // Counted from here on: the time that applying took is not the server's silence.
            let silent = Instant::now() + SILENCE;
            let message = loop {
                tokio::select! {
                    biased;
                    message = timeout_at(silent, responses.message()) => break message,
                    () = tokio::time::sleep_until(next_ping), if self.sent.is_none() => {
                        self.ping(&requests)?;
                        next_ping = Instant::now() + PING;
                    }
                }
            };
            let message = message.map_err(|_| SessionError::Silent)??.ok_or(SessionError::Ended)?;
            self.take(message).await?;
        }
    }

    async fn open(
        &self,
        after: Option<&Position>,
    ) -> Result<(mpsc::Sender<FollowChangesRequest>, Streaming<FollowChangesResponse>), SessionError> {
        let follower = self.follower;
        let after = after.map(|at| log_position(follower.upstream, at)).unwrap_or_default();
        // Room for the first message and the one ping that is under way.
        let (requests, receiver) = mpsc::channel(2);
        let first = FollowChangesRequest { after: Some(after), ping: 0 };
        requests.try_send(first).map_err(|_| SessionError::Ended)?;
        let mut client = ChangeLogServiceClient::new(follower.from.clone()).max_decoding_message_size(MESSAGE_MAX);
        let opening = client.follow_changes(ReceiverStream::new(receiver));
        let response = timeout(OPEN, opening).await.map_err(|_| SessionError::Open)??;
        Ok((requests, response.into_inner()))
    }

    fn ping(&mut self, requests: &mpsc::Sender<FollowChangesRequest>) -> Result<(), SessionError> {
        self.pings += 1;
        // The time is taken before the sending: an age may be told too old, never too young.
        self.sent = Some((self.pings, Instant::now()));
        let ping = FollowChangesRequest { after: None, ping: self.pings };
        requests.try_send(ping).map_err(|_| SessionError::Ended)
    }

    async fn take(&mut self, message: FollowChangesResponse) -> Result<(), SessionError> {
        match message.event.ok_or(SessionError::Malformed)? {
            Event::Changes(batch) => self.batch(batch).await?,
            Event::Pong(pong) => self.pong(pong).await?,
        }
        self.progressed = true;
        Ok(())
    }

    async fn batch(&mut self, batch: ChangeBatch) -> Result<(), SessionError> {
        if let Some(reread) = self.reread.take() {
            self.reread = Some(self.reread(reread, batch).await?);
            return Ok(());
        }
        for change in batch.changes {
            self.check_epoch(&batch.epoch)?;
            let reached = self.cursor.as_ref().map_or(0, |at| at.revision);
            // Another replica has applied it.
            if change.revision <= reached {
                continue;
            }
            if change.revision != reached + 1 {
                return Err(SessionError::Gap { expected: reached + 1, got: change.revision });
            }
            let at = Position { epoch: batch.epoch.clone(), revision: change.revision };
            self.apply(at, Some(change)).await?;
        }
        Ok(())
    }

    async fn pong(&mut self, pong: Pong) -> Result<(), SessionError> {
        let (number, at) = self.sent.take().ok_or(SessionError::WrongPong)?;
        let head = pong.head.filter(|head| head.revision >= 0).ok_or(SessionError::Malformed)?;
        if let Some(reread) = self.reread.take() {
            self.replace(reread, &head.epoch).await?;
        }
        self.check_epoch(&head.epoch)?;
        let head = Position { epoch: head.epoch, revision: head.revision };
        if self.cursor.is_none() && head.revision == 0 {
            // So that the epoch is known, and positions of it can be waited for.
            self.apply(head.clone(), None).await?;
        }
        let reached = self.cursor.as_ref().is_some_and(|cursor| cursor.reaches(&head));
        if pong.ping != number || !reached {
            return Err(SessionError::WrongPong);
        }
        let upstream_age = pong.upstream_age.unwrap_or_default();
        let upstream_age = Duration::try_from(upstream_age).map_err(|_| SessionError::Malformed)?;
        self.follower.level.set(Reading { at, upstream_age });
        Ok(())
    }

    /// Reads a part of a log that was restored.
    async fn reread(&mut self, mut reread: Reread, batch: ChangeBatch) -> Result<Reread, SessionError> {
        let ChangeBatch { epoch, changes } = batch;
        self.check_renewed(&epoch)?;
        reread.of_epoch(&epoch)?;
        let follower = self.follower;
        if let Some(cursor) = &self.cursor {
            let (epoch, changes) = (epoch.as_str(), changes.as_slice());
            let work = |tx| follower.apply.again(tx, epoch, changes);
            let seen = follower.db.follow_apply(follower.upstream.as_str(), Some(cursor), cursor, work).await?;
            if let Applied::Elsewhere(_) = seen {
                return Err(SessionError::CursorMoved);
            }
        }
        reread.add(changes)?;
        Ok(reread)
    }

    /// Everything that the log had when the ping came has been read: makes it one's own.
    async fn replace(&mut self, mut reread: Reread, epoch: &str) -> Result<(), SessionError> {
        self.check_renewed(epoch)?;
        reread.of_epoch(epoch)?;
        let follower = self.follower;
        let at = reread.at(epoch);
        let (position, facts) = (&log_position(follower.upstream, &at), &reread.into_facts());
        let work = |tx| follower.apply.replace(tx, position.clone(), facts);
        let upstream = follower.upstream;
        match follower.db.follow_apply(upstream.as_str(), self.cursor.as_ref(), &at, work).await? {
            Applied::Done(_) => {
                let (epoch, revision) = (at.epoch.as_str(), at.revision);
                tracing::warn!(log.role = %upstream, log.epoch = epoch, log.revision = revision, "a log was restored from a backup; all that was made of it was replaced");
                self.cursor = Some(at);
                Ok(())
            }
            Applied::Elsewhere(_) => Err(SessionError::CursorMoved),
        }
    }

    /// The log does not have the cursor. Of another epoch, it was restored; of the same one, nobody can say what was lost.
    fn check_renewed(&self, epoch: &str) -> Result<(), SessionError> {
        match &self.cursor {
            _ if epoch.is_empty() => Err(SessionError::Malformed),
            Some(cursor) if cursor.epoch == epoch => Err(SessionError::NotRenewed(self.follower.upstream)),
            _ => Ok(()),
        }
    }

    fn check_epoch(&self, epoch: &str) -> Result<(), SessionError> {
        match &self.cursor {
            _ if epoch.is_empty() => Err(SessionError::Malformed),
            Some(cursor) if cursor.epoch != epoch => Err(SessionError::OtherEpoch),
            _ => Ok(()),
        }
    }

    /// Applies a change, if there is one, and moves the cursor to `at`, unless another replica did.
    async fn apply(&mut self, at: Position, change: Option<Change>) -> Result<(), SessionError> {
        let follower = self.follower;
        let (upstream, position) = (follower.upstream, log_position(follower.upstream, &at));
        let work = |tx| {
            let applying = change.clone().map(|change| follower.apply.apply(tx, position.clone(), change));
            async move {
                match applying {
                    Some(applying) => applying.await,
                    None => Ok(()),
                }
            }
        };
        let applied = follower.db.follow_apply(upstream.as_str(), self.cursor.as_ref(), &at, work).await;
        self.cursor = match applied? {
            Applied::Done(_) => Some(at),
            Applied::Elsewhere(Some(current)) if current.reaches(&at) => Some(current),
            Applied::Elsewhere(_) => return Err(SessionError::CursorMoved),
        };
        Ok(())
    }
}

// === impl SessionError ===

impl SessionError {
    /// Whether it will not pass by itself.
    pub(crate) fn needs_attention(&self) -> bool {
        matches!(self, Self::NotRenewed(_) | Self::OtherEpoch)
    }
}

impl From<Status> for SessionError {
    fn from(status: Status) -> Self {
        Self::Status(Box::new(status))
    }
}
