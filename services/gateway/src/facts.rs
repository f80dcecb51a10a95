//! The facts that decide: the version in use, how fresh it is, and the follower that keeps it so.
//!
//! One log alone is followed, that of `delegation`, so that no two moments are ever combined into a state that was never
//! true. Reading takes no lock and no network. A version that has not been level with the log within the bound decides
//! nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use bailiwick_api::{errors::v1::ErrorReason, r#type::v1::LogPosition};
use bailiwick_core::Role;
use bailiwick_rpc::{Kind, Problem};
use tokio::{
    sync::{Notify, Semaphore, watch},
    time::Instant,
};

mod follower;
mod watcher;

#[cfg(test)]
mod follower_tests;
#[cfg(test)]
mod tests;

pub use follower::{Fault, Follower, Outcome, Version};
pub use watcher::{Watcher, WatcherTimes};

/// When a caller may try again that was refused for the age of the facts.
const RETRY: Duration = Duration::from_millis(500);
/// Between two questions where the log stands, while somebody waits for a position.
const HURRY: Duration = Duration::from_millis(2);
const NEVER: i64 = i64::MIN;

/// The facts in use.
#[derive(Debug)]
pub struct Facts {
    current: ArcSwapOption<Version>,
    published: watch::Sender<Option<Arc<Version>>>,
    /// When the version in use was last known to be level with the log, in microseconds from `origin`.
    level: AtomicI64,
    origin: Instant,
    bound: Duration,
    hurry: Notify,
    /// Of those who wait, one at a time hurries the follower, for all: any caller can make many wait.
    hurrying: Semaphore,
}

impl Facts {
    /// No facts yet. `bound` is the age from which on they decide nothing.
    pub fn new(bound: Duration) -> Self {
        Self {
            current: ArcSwapOption::empty(),
            published: watch::Sender::new(None),
            level: AtomicI64::new(NEVER),
            origin: Instant::now(),
            bound,
            hurry: Notify::new(),
            hurrying: Semaphore::new(1),
        }
    }

    /// Takes what the follower made of a message.
    pub fn take(&self, outcome: Outcome) {
        match outcome {
            Outcome::Nothing => {}
            Outcome::Publish(version) => self.publish(version),
            Outcome::Level(at) => self.raise(at),
            Outcome::Raised(version, at) => {
                self.publish(version);
                self.raise(at);
            }
        }
    }

    fn publish(&self, version: Arc<Version>) {
        let known = self.current.load();
        if known.as_ref().is_some_and(|known| known.position.epoch != version.position.epoch) {
            // The log was restored: what was level with it was another one.
            self.level.store(NEVER, Ordering::Release);
        }
        self.current.store(Some(Arc::clone(&version)));
        self.published.send_replace(Some(version));
    }

    fn raise(&self, level: Instant) {
        let micros = match level.checked_duration_since(self.origin) {
            Some(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
            None => -i64::try_from((self.origin - level).as_micros()).unwrap_or(i64::MAX),
        };
        self.level.fetch_max(micros, Ordering::AcqRel);
    }

    /// Returns when somebody waits for a position: the follower then asks where the log stands, instead of waiting for
    /// its next ping.
    pub async fn hurried(&self) {
        self.hurry.notified().await;
    }

    /// How long ago the version in use was known to be level with the log; none if never.
    pub fn age(&self, now: Instant) -> Option<Duration> {
        let level = self.level.load(Ordering::Acquire);
        if level == NEVER {
            return None;
        }
        let now = i64::try_from(now.saturating_duration_since(self.origin).as_micros()).unwrap_or(i64::MAX);
        Some(Duration::from_micros(u64::try_from(now.saturating_sub(level)).unwrap_or(0)))
    }

    /// The version in use, if it may decide at `now`.
    ///
    /// # Errors
    /// UNAVAILABLE, FACTS_NOT_READY before the first list, and while `delegation` replaces directory's facts; UNAVAILABLE,
    /// FACTS_STALE if it is too old.
    pub fn fresh(&self, now: Instant) -> Result<Arc<Version>, Problem> {
        // The age first: what is loaded after it can only be newer. Once more after it, in case that it is of another log.
        let (Some(age), Some(version), Some(_)) = (self.age(now), self.current.load_full(), self.age(now)) else {
            return Err(not_ready());
        };
        if age > self.bound {
            return Err(Problem::new(Kind::Unavailable, ErrorReason::FactsStale, "the access facts are too old")
                .with("age_ms", age.as_millis().to_string())
                .with("bound_ms", self.bound.as_millis().to_string())
                .retry_after(RETRY));
        }
        // In the midst of the facts of one epoch being replaced by those of another, a mixture would decide.
        if version.epoch().is_none() {
            return Err(not_ready());
        }
        Ok(version)
    }

    /// The same, for a token of directory's epoch `epoch`.
    ///
    /// # Errors
    /// As [`Facts::fresh`]; UNAUTHENTICATED, CREDENTIAL_REVOKED if the facts come from another epoch: the token is of
    /// before a restore of directory's database. So is one of after it, in the moment until the facts have come.
    pub fn fresh_for(&self, epoch: &str, now: Instant) -> Result<Arc<Version>, Problem> {
        let version = self.fresh(now)?;
        if version.epoch() == Some(epoch) {
            return Ok(version);
        }
        let message = "the credential is of before a restore of the directory's database";
        Err(Problem::new(Kind::Unauthenticated, ErrorReason::CredentialRevoked, message))
    }

    /// The version in use, however old.
    pub fn latest(&self) -> Option<Arc<Version>> {
        self.current.load_full()
    }

    /// Tells of each new version.
    pub fn subscribe(&self) -> watch::Receiver<Option<Arc<Version>>> {
        self.published.subscribe()
    }

    /// Returns when the version in use includes `position`. Positions of logs that decide nothing are not waited for.
    ///
    /// # Errors
    /// INVALID_ARGUMENT, CONSISTENCY_TOKEN_INVALID if it is of another epoch; UNAVAILABLE, REVISION_NOT_REACHED if it is
    /// not reached by `deadline`.
    pub async fn wait_for(&self, position: &LogPosition, deadline: Instant) -> Result<(), Problem> {
        let upstream = position.role == Role::Directory.as_str();
        if !upstream && position.role != Role::Delegation.as_str() {
            return Ok(());
        }
        let mut published = self.published.subscribe();
        let reached = published.wait_for(|version| {
            let at = version.as_ref().and_then(|v| if upstream { v.upstream.as_ref() } else { Some(&v.position) });
            let at = at.filter(|at| !at.epoch.is_empty());
            at.is_some_and(|at| at.epoch != position.epoch || at.revision >= position.revision)
        });
        let hurrying = async {
            let _turn = self.hurrying.acquire().await;
            let mut turns = tokio::time::interval(HURRY);
            loop {
                turns.tick().await;
                self.hurry.notify_one();
            }
        };
        let waiting = async {
            tokio::select! {
                biased;
                reached = reached => reached,
                never = hurrying => never,
            }
        };
        let epoch = match tokio::time::timeout_at(deadline, waiting).await {
            Ok(Ok(version)) => version
                .as_ref()
                .and_then(|v| if upstream { v.upstream.as_ref() } else { Some(&v.position) })
                .map(|at| at.epoch.clone()),
            _ => {
                let message = "the position of the consistency token was not reached in time";
                return Err(Problem::new(Kind::Unavailable, ErrorReason::RevisionNotReached, message)
                    .with("role", position.role.clone())
                    .retry_after(RETRY));
            }
        };
        if epoch.is_some_and(|epoch| epoch == position.epoch) { Ok(()) } else { Err(foreign_token()) }
    }
}

fn not_ready() -> Problem {
    let message = "the gateway has no access facts yet";
    Problem::new(Kind::Unavailable, ErrorReason::FactsNotReady, message).retry_after(RETRY)
}

/// The refusal of a token that is malformed or of another epoch.
pub fn foreign_token() -> Problem {
    let message = "the consistency token is malformed, or of before a restore of the database";
    Problem::new(Kind::InvalidArgument, ErrorReason::ConsistencyTokenInvalid, message)
}
