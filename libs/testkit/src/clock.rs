//! A clock that stands still until it is moved.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use bailiwick_core::{Clock, Timestamp};

/// A clock for tests. It starts on 2026-01-01 and is moved with [`ManualClock::advance`].
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

const START_US: i64 = 1_767_225_600_000_000;

impl ManualClock {
    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self(AtomicI64::new(START_US))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}
