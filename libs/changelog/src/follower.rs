//! Follows the log of another service: one session after the other, each from where the cursor is.

use std::{sync::Arc, time::Duration};

use bailiwick_api::{audit::v1::Change, r#type::v1::LogPosition};
use bailiwick_core::{Entropy, Role};
use bailiwick_db::{Db, DbError, Tx};
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use crate::{
    error::with_causes,
    level::{Level, UpstreamLevel},
    reread::HeldFact,
    session::{Session, SessionError},
};

/// Pause before the second attempt; doubled for each further one that got nothing.
const BACKOFF: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// What a follower does with each change.
pub trait Apply: Send + Sync {
    /// Makes a change one's own, within the transaction that moves the cursor to `at`, its position. It may be called
    /// again for the same change if the transaction was rolled back, and must have no other effects. An error stops the
    /// follower at this change: it is tried again, and never passed over.
    fn apply(&self, tx: Tx, at: LogPosition, change: Change) -> BoxFuture<'_, Result<(), DbError>>;

    /// Sees changes of a log that was restored from a backup, in order from the first, before [`Apply::replace`]. Many of
    /// them were applied before the restore, at the same revisions of the former epoch, and all may be seen repeatedly:
    /// what must be made of each change once is to be recognised. The cursor does not move, but is locked. Does nothing
    /// where only facts count.
    fn again<'a>(&'a self, tx: Tx, epoch: &'a str, changes: &'a [Change]) -> BoxFuture<'a, Result<(), DbError>> {
        drop((tx, epoch, changes));
        Box::pin(async { Ok(()) })
    }

    /// Replaces all that was made of the facts of the log by what follows from `facts`, which are all that hold at `at`,
    /// by key; within the transaction that moves the cursor there, into a new epoch. As with [`Apply::apply`], it may be
    /// called again.
    fn replace<'a>(&'a self, tx: Tx, at: LogPosition, facts: &'a [HeldFact]) -> BoxFuture<'a, Result<(), DbError>>;
}

/// The follower of one log. Any number of replicas may follow through the same database: each change is applied once.
pub struct Follower {
    pub(crate) db: Db,
    pub(crate) from: Channel,
    pub(crate) upstream: Role,
    pub(crate) apply: Arc<dyn Apply>,
    pub(crate) level: Level,
    entropy: Arc<dyn Entropy>,
}

// === impl Follower ===

impl Follower {
    /// A follower of the log of `upstream`, which `from` leads to, that has done nothing yet: see [`Follower::run`].
    pub fn new(db: Db, from: Channel, upstream: Role, apply: Arc<dyn Apply>, entropy: Arc<dyn Entropy>) -> Self {
        Self { db, from, upstream, apply, level: Level::new(), entropy }
    }

    /// How fresh what it has made is.
    pub fn level(&self) -> Level {
        self.level.clone()
    }

    /// The level with the role that is followed, for those who serve what mirrors it.
    pub fn upstream_level(&self) -> UpstreamLevel {
        UpstreamLevel { role: self.upstream, level: self.level() }
    }

    /// Follows until `shutdown`. What goes wrong is logged, and tried again after a pause.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut failures = 0;
        loop {
            let mut session = Session::new(&self);
            let ended = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                error = session.run() => error,
            };
            failures = if session.progressed() { 0 } else { failures + 1 };
            self.log(&ended);
            let pause = pause(failures, self.entropy.as_ref());
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn log(&self, ended: &SessionError) {
        let error = with_causes(ended);
        if ended.needs_attention() {
            tracing::error!(log.role = %self.upstream, error, "following a change log stands still");
        } else {
            tracing::warn!(log.role = %self.upstream, error, "following a change log was interrupted");
        }
    }
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Follower({} into {:?})", self.upstream, self.db)
    }
}

/// Half of it is random, so that the followers of a service that comes back do not come back at once.
fn pause(failures: u32, entropy: &dyn Entropy) -> Duration {
    let whole = (BACKOFF * (1 << failures.min(10))).min(BACKOFF_MAX);
    let mut random = [0; 1];
    entropy.fill(&mut random);
    let [random] = random;
    whole / 2 + whole / 2 * u32::from(random) / 255
}
