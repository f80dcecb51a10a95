//! The end of a call that both its directions see, and what watches over a stream while it is open.
//!
//! A stream is decided again with each new version of the facts, and ends when it would be refused, when what its
//! service was told of the caller no longer holds, when the token expires, when the facts have been too old for too
//! long, when nothing has moved for too long, or when it is too old itself.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bailiwick_api::errors::v1::ErrorReason;
use bailiwick_core::{
    Clock,
    authz::{Caller, Environment, Permit, Rule, Seat, Targets, decide},
};
use bailiwick_rpc::{Kind, Problem};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::facts::Facts;

/// The end of a call.
#[derive(Debug)]
pub struct Ending {
    over: CancellationToken,
    why: OnceLock<Status>,
    began: Instant,
    /// When something last moved, in milliseconds after `began`.
    moved: AtomicU64,
}

impl Ending {
    /// A call that begins now.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            over: CancellationToken::new(),
            why: OnceLock::new(),
            began: Instant::now(),
            moved: AtomicU64::new(0),
        })
    }

    /// Cancelled when the call is over, for whatever reason.
    pub fn over(&self) -> CancellationToken {
        self.over.clone()
    }

    /// Notes that something moved.
    pub fn touch(&self) {
        let millis = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved.store(millis, Ordering::Relaxed);
    }

    /// The status that it ended with.
    pub fn why(&self) -> Status {
        self.why.get().cloned().unwrap_or_else(|| Status::cancelled("the call was cancelled"))
    }

    fn end(&self, status: impl Into<Status>) {
        // The first reason is the one that is told.
        let _ = self.why.set(status.into());
        self.over.cancel();
    }

    fn last_moved(&self) -> Instant {
        self.began + Duration::from_millis(self.moved.load(Ordering::Relaxed))
    }
}

/// How long a stream may last.
#[derive(Clone, Copy, Debug)]
pub struct StreamTimes {
    /// Without a frame in either direction.
    pub idle: Duration,
    /// In all.
    pub lifetime: Duration,
    /// With facts of this age: a stream outlives a short loss of the facts, in which no new call is admitted.
    pub stale: Duration,
}

/// A stream that was allowed.
pub struct Stream {
    /// Its end.
    pub ending: Arc<Ending>,
    /// Its rule.
    pub rule: &'static Rule,
    /// Its caller.
    pub caller: Caller,
    /// What it names.
    pub targets: Targets,
    /// What was allowed.
    pub permit: Permit,
    /// Where it came from.
    pub environment: Environment,
    /// For the time of each decision.
    pub clock: Arc<dyn Clock>,
    /// The epoch of directory's database that the token is of, and the facts that allowed it; none for public methods.
    pub epoch: Option<String>,
    /// When the caller's token expires.
    pub expires: Option<Instant>,
}

impl Stream {
    /// Watches over it until its end.
    pub async fn watch(self, facts: Arc<Facts>, times: StreamTimes, stopping: CancellationToken) {
        let mut versions = facts.subscribe();
        let over = self.ending.over();
        loop {
            if self.rule.seat != Seat::Public && !self.still_allowed(&facts) {
                return self.ending.end(revoked());
            }
            let Some(next) = self.next_check(&facts, times) else { return };
            tokio::select! {
                () = over.cancelled() => return,
                () = stopping.cancelled() => return self.ending.end(stopped()),
                changed = versions.changed() => if changed.is_err() {
                    return self.ending.end(stopped());
                },
                () = tokio::time::sleep_until(next) => {}
            }
        }
    }

    /// Whether a call like this would be allowed now, and told to its service in the same words.
    fn still_allowed(&self, facts: &Facts) -> bool {
        let Some(version) = facts.latest() else { return false };
        // Of the epoch that it was allowed in: the token is of that one.
        if version.epoch() != self.epoch.as_deref() {
            return false;
        }
        let environment = Environment { now: self.clock.now(), ..self.environment };
        let decided = decide(self.rule, &self.caller, &version.snapshot, &self.targets, &environment);
        decided.is_ok_and(|permit| {
            let told = |permit: &Permit| (permit.tenant(), permit.directory(), permit.scope().clone());
            told(&permit) == told(&self.permit)
        })
    }

    /// When to look next; none if the stream has just been ended.
    fn next_check(&self, facts: &Facts, times: StreamTimes) -> Option<Instant> {
        let now = Instant::now();
        let idle = self.ending.last_moved() + times.idle;
        let lifetime = self.ending.began + times.lifetime;
        let stale = match facts.age(now) {
            _ if self.rule.seat == Seat::Public => lifetime,
            Some(age) => now + times.stale.saturating_sub(age),
            None => now,
        };
        if self.expires.is_some_and(|at| at <= now) {
            self.ending.end(revoked());
        } else if stale <= now {
            let message = "the access facts have been too old for too long";
            self.ending.end(Problem::new(Kind::Unavailable, ErrorReason::FactsStale, message));
        } else if idle <= now || lifetime <= now {
            self.ending.end(Status::deadline_exceeded("the stream was open or idle for too long"));
        } else {
            return [Some(idle), Some(lifetime), Some(stale), self.expires].into_iter().flatten().min();
        }
        None
    }
}

fn revoked() -> Problem {
    let message = "the right to the stream has ended while it was open";
    Problem::new(Kind::PermissionDenied, ErrorReason::AuthorizationRevoked, message)
}

fn stopped() -> Problem {
    Problem::new(Kind::Unavailable, ErrorReason::BackendUnavailable, "the gateway is stopping; connect again")
        .with("role", "gateway")
        .retry_after(Duration::from_millis(100))
}
