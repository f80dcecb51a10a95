//! What the follower of the facts does with each message: without IO and without a clock, so that tests can drive it
//! through every order of events.
//!
//! - A version is replaced only by the next revision of the same epoch, or by a complete list. Anything else is a fault:
//!   the stream is dropped and the whole list asked for, while the version before stays in use.
//! - The version is level with the log since an answered ping was *sent*: an answer that waited in a stalled stream must
//!   not make old facts look fresh.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bailiwick_api::{
    delegation::v1::{
        FactChange as WireChange, FactList, FactListEnd, FactPong, WatchFactsRequest, WatchFactsResponse,
        watch_facts_response::Event as WireEvent,
    },
    r#type::v1::{AccessFactChange, LogPosition},
};
use bailiwick_core::authz::{Fact, FactChange, Snapshot};
use tokio::time::Instant;

/// Most facts of a list: a million accounts with some identities and enrolments each.
const MAX_FACTS: usize = 16 << 20;
/// Most pings without an answer; further ones are not sent.
const MAX_PINGS: usize = 64;

/// The facts at one position.
#[derive(Clone, Debug)]
pub struct Version {
    /// The facts.
    pub snapshot: Snapshot,
    /// The position in the log of `delegation`.
    pub position: LogPosition,
    /// The position in the log of `directory` that is included.
    pub upstream: Option<LogPosition>,
}

impl Version {
    /// The epoch of `directory`'s database that the facts come from. None before any was mirrored, and while `delegation`
    /// replaces those of one by those of another: nobody's token is of it then.
    pub fn epoch(&self) -> Option<&str> {
        self.upstream.as_ref().map(|at| at.epoch.as_str()).filter(|epoch| !epoch.is_empty())
    }
}

/// What a message led to.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Nothing to do yet.
    Nothing,
    /// A new version is to be used.
    Publish(Arc<Version>),
    /// The version in use had everything that was committed at this moment.
    Level(Instant),
    /// The same, and it includes more of the log of `directory`: changes there that touched no fact.
    Raised(Arc<Version>, Instant),
}

/// A stream that cannot be followed any further: the list is needed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A revision is missing, or came twice.
    #[error("revision {got} came where {expected} was due")]
    Gap {
        /// The one that was due.
        expected: i64,
        /// The one that came.
        got: i64,
    },
    /// The log is another one than before.
    #[error("the epoch of the log has changed")]
    Epoch,
    /// The answer to a ping speaks of a revision that was not sent before it.
    #[error("the answer to a ping is ahead of the changes")]
    Ahead,
    /// A message that cannot be read, of a kind that is not known, or out of order.
    #[error("unreadable message: {0}")]
    Unreadable(String),
    /// Over 16,777,216 facts.
    #[error("the list of facts is too long")]
    TooMany,
}

/// The follower.
#[derive(Debug, Default)]
pub struct Follower {
    version: Option<Arc<Version>>,
    stage: Stage,
    relist: bool,
    pings: VecDeque<(i64, Instant)>,
    last_ping: i64,
}

#[derive(Debug, Default)]
enum Stage {
    /// Nothing has come since the stream was opened.
    #[default]
    Opened,
    Listing(Box<Listing>),
    Following,
}

#[derive(Debug)]
struct Listing {
    snapshot: Snapshot,
    /// What depends on memberships, until all of them are known.
    held: Vec<FactChange>,
    count: usize,
}

impl Follower {
    /// Begins a stream: the first message to send.
    pub fn open(&mut self) -> WatchFactsRequest {
        self.stage = Stage::Opened;
        self.pings.clear();
        let after = self.version.as_ref().filter(|_| !self.relist).map(|version| version.position.clone());
        WatchFactsRequest { after, ping: 0 }
    }

    /// The next ping, to be sent at `now`; none while too many are unanswered.
    pub fn ping(&mut self, now: Instant) -> Option<WatchFactsRequest> {
        if self.pings.len() >= MAX_PINGS {
            return None;
        }
        // Numbers are never used again, so that no answer counts for another stream's ping.
        self.last_ping += 1;
        self.pings.push_back((self.last_ping, now));
        Some(WatchFactsRequest { after: None, ping: self.last_ping })
    }

    /// Takes a message.
    ///
    /// # Errors
    /// If the stream must be dropped; the next one begins with a list.
    pub fn receive(&mut self, message: WatchFactsResponse) -> Result<Outcome, Fault> {
        let outcome = match message.event {
            Some(WireEvent::List(list)) => self.list(list),
            Some(WireEvent::ListEnd(end)) => self.list_end(end),
            Some(WireEvent::Change(change)) => self.change(change),
            Some(WireEvent::Pong(pong)) => self.pong(&pong),
            None => Err(Fault::Unreadable("an event of an unknown kind".to_owned())),
        };
        if outcome.is_err() {
            self.relist = true;
        }
        outcome
    }

    fn list(&mut self, list: FactList) -> Result<Outcome, Fault> {
        if !matches!(self.stage, Stage::Listing(_)) {
            self.stage = Stage::Listing(Box::new(Listing::new()));
        }
        if let Stage::Listing(listing) = &mut self.stage {
            listing.add(list)?;
        }
        Ok(Outcome::Nothing)
    }

    fn list_end(&mut self, end: FactListEnd) -> Result<Outcome, Fault> {
        let position = sound(end.position)?;
        let listing = match std::mem::replace(&mut self.stage, Stage::Following) {
            Stage::Listing(listing) => listing,
            // A list without facts.
            Stage::Opened => Box::new(Listing::new()),
            Stage::Following => return Err(Fault::Unreadable("the end of a list that did not begin".to_owned())),
        };
        let Listing { mut snapshot, held, .. } = *listing;
        snapshot.apply(position.revision, held);
        self.relist = false;
        Ok(self.publish(Version { snapshot, position, upstream: end.upstream }))
    }

    fn change(&mut self, change: WireChange) -> Result<Outcome, Fault> {
        let position = sound(change.position)?;
        let present = match (&self.stage, &self.version) {
            (Stage::Opened | Stage::Following, Some(version)) if !self.relist => version,
            _ => return Err(Fault::Unreadable("a change before the list was complete".to_owned())),
        };
        if position.epoch != present.position.epoch {
            return Err(Fault::Epoch);
        }
        let expected = present.position.revision + 1;
        if position.revision != expected {
            return Err(Fault::Gap { expected, got: position.revision });
        }
        let changes = change.changes.iter().map(|c| c.to_core().map_err(|e| Fault::Unreadable(e.to_string())));
        let changes = changes.collect::<Result<Vec<_>, _>>()?;
        let mut snapshot = present.snapshot.clone();
        snapshot.apply(position.revision, changes);
        // What a change says of the upstream log is a lower bound: an answer to a ping may have said more.
        let known = present.upstream.as_ref();
        let upstream = change.upstream.filter(|at| is_ahead(at, known)).or_else(|| known.cloned());
        self.stage = Stage::Following;
        Ok(self.publish(Version { snapshot, position, upstream }))
    }

    fn pong(&mut self, pong: &FactPong) -> Result<Outcome, Fault> {
        let sent = loop {
            match self.pings.pop_front() {
                Some((number, sent)) if number == pong.ping => break sent,
                Some((number, _)) if number < pong.ping => {}
                // The first message has number 0, and its answer, if there is one, says nothing.
                _ if pong.ping == 0 => return Ok(Outcome::Nothing),
                _ => return Err(Fault::Unreadable("an answer to no ping".to_owned())),
            }
        };
        // While a list is under way, its end will say what it holds; the next ping is not far.
        let (Stage::Opened | Stage::Following, Some(version), false) = (&self.stage, &self.version, self.relist) else {
            return Ok(Outcome::Nothing);
        };
        let head = sound(pong.head.clone())?;
        if head.epoch != version.position.epoch {
            return Err(Fault::Epoch);
        }
        if head.revision > version.position.revision {
            return Err(Fault::Ahead);
        }
        self.stage = Stage::Following;
        let behind = upstream_age(pong)?;
        let Some(level) = sent.checked_sub(behind) else { return Ok(Outcome::Nothing) };
        // Of changes that came since the ping was sent it knows nothing, so that what it calls another epoch may be the
        // former one.
        let known = version.upstream.as_ref();
        let latest = head.revision == version.position.revision;
        let newer = |at: &&LogPosition| is_ahead(at, known) && (latest || known.is_none_or(|of| of.epoch == at.epoch));
        match pong.upstream.as_ref().filter(newer) {
            Some(upstream) => {
                let raised = Arc::new(Version { upstream: Some(upstream.clone()), ..Version::clone(version) });
                self.version = Some(Arc::clone(&raised));
                Ok(Outcome::Raised(raised, level))
            }
            None => Ok(Outcome::Level(level)),
        }
    }

    fn publish(&mut self, version: Version) -> Outcome {
        let version = Arc::new(version);
        self.version = Some(Arc::clone(&version));
        Outcome::Publish(version)
    }
}

impl Listing {
    fn new() -> Self {
        Self { snapshot: Snapshot::empty(), held: Vec::new(), count: 0 }
    }

    fn add(&mut self, list: FactList) -> Result<(), Fault> {
        self.count += list.facts.len();
        if self.count > MAX_FACTS {
            return Err(Fault::TooMany);
        }
        let mut ready = Vec::with_capacity(list.facts.len());
        for fact in list.facts {
            let change = AccessFactChange { fact: Some(fact), removed: false };
            let change = change.to_core().map_err(|e| Fault::Unreadable(e.to_string()))?;
            if matches!(change.fact, Fact::Delegation { .. } | Fact::Enrolment { .. }) {
                self.held.push(change);
            } else {
                ready.push(change);
            }
        }
        self.snapshot.apply(0, ready);
        Ok(())
    }
}

/// Whether a position includes more than what is known: of another epoch counts as more, since it is the newer word.
fn is_ahead(upstream: &LogPosition, known: Option<&LogPosition>) -> bool {
    known.is_none_or(|known| known.epoch != upstream.epoch || known.revision < upstream.revision)
}

fn sound(position: Option<LogPosition>) -> Result<LogPosition, Fault> {
    let position = position.filter(|p| !p.epoch.is_empty() && p.revision >= 0);
    position.ok_or_else(|| Fault::Unreadable("a position without epoch or revision".to_owned()))
}

fn upstream_age(pong: &FactPong) -> Result<Duration, Fault> {
    let age =
        pong.upstream_age.ok_or_else(|| Fault::Unreadable("the age of the upstream log is missing".to_owned()))?;
    let malformed = || Fault::Unreadable("the age of the upstream log is malformed".to_owned());
    let seconds = u64::try_from(age.seconds).map_err(|_| malformed())?;
    let nanos = u32::try_from(age.nanos).map_err(|_| malformed())?;
    if nanos >= 1_000_000_000 {
        return Err(malformed());
    }
    Ok(Duration::new(seconds, nanos))
}
