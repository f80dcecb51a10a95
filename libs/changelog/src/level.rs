//! How fresh what was followed is.

use std::{sync::Arc, time::Duration};

use bailiwick_core::Role;
use tokio::{sync::watch, time::Instant};

/// The age that is told where a service has not been level since it started: the longest duration of the contract's
/// form.
pub const NEVER: Duration = Duration::from_secs(315_576_000_000);

/// How fresh the state is that a follower has made. Cheap to clone; grows older by itself.
#[derive(Clone, Debug)]
pub struct Level(Arc<watch::Sender<Option<Reading>>>);

/// At `at`, the state included everything that the upstream had `upstream_age` before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) at: Instant,
    pub(crate) upstream_age: Duration,
}

/// The log that a service mirrors in its own, and how fresh the mirror is.
#[derive(Clone, Debug)]
pub struct UpstreamLevel {
    /// The role that owns the log.
    pub role: Role,
    /// The level of its follower.
    pub level: Level,
}

impl Level {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }

    /// How long ago the state included everything that the upstream, and what that mirrors, had; none if it never did
    /// since the process started.
    pub fn age(&self) -> Option<Duration> {
        self.reading().map(|reading| reading.age())
    }

    /// Waits until the state is level for the first time.
    pub async fn reached(&self) {
        // The sender is held by this value: it cannot be gone.
        drop(self.0.subscribe().wait_for(Option::is_some).await);
    }

    pub(crate) fn reading(&self) -> Option<Reading> {
        *self.0.borrow()
    }

    /// A reading that is older than the known one is passed over.
    pub(crate) fn set(&self, new: Reading) {
        self.0.send_if_modified(|known| {
            let newer = known.is_none_or(|known| new.age() < known.age());
            if newer {
                *known = Some(new);
            }
            newer
        });
    }
}

impl Reading {
    pub(crate) fn age(&self) -> Duration {
        self.at.elapsed().saturating_add(self.upstream_age).min(NEVER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(ago: Duration, upstream_age: Duration) -> Reading {
        Reading { at: Instant::now().checked_sub(ago).unwrap(), upstream_age }
    }

    #[test]
    fn age_counts_from_the_reading_and_includes_the_upstreams() {
        let level = Level::new();
        assert_eq!(level.age(), None);
        level.set(reading(Duration::from_millis(300), Duration::from_secs(50)));
        let age = level.age().unwrap();
        assert!((Duration::from_millis(50_300)..Duration::from_secs(60)).contains(&age), "{age:?}");
        level.set(reading(Duration::ZERO, NEVER));
        assert!(level.age().unwrap() < NEVER);
    }

    #[test]
    fn an_older_reading_does_not_replace_a_newer() {
        let level = Level::new();
        level.set(reading(Duration::from_secs(1), Duration::ZERO));
        level.set(reading(Duration::from_secs(9), Duration::ZERO));
        assert!(level.age().unwrap() < Duration::from_secs(9));
        level.set(reading(Duration::ZERO, Duration::ZERO));
        assert!(level.age().unwrap() < Duration::from_secs(1));
    }
}
