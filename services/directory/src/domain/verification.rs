//! Verification codes: before something dangerous is done to an account, a code goes to its phone or mailbox, and comes
//! back with the call (R-DIR-27, R-DIR-28, E-DIR-23).
//!
//! A code is good for one purpose, one account in its present membership, who asked for it, and the address that it was
//! sent to. It is good once, until it expires, until it was guessed wrong too often, or until another one is sent for the
//! same account and purpose.

mod code;

use std::time::Duration;

use bailiwick_core::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Error, destination::Destination};

pub use code::Code;

/// Wrong guesses after which a code is dead.
pub const FAILURES_MAX: u32 = 5;
/// The time over which sent codes are counted (E-DIR-23).
pub const RATE_WINDOW: Duration = Duration::from_hours(24);

/// What a code confirms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// That a cloud account becomes a resource account (R-DIR-27).
    SwitchToResourceAccount,
    /// That a resource account becomes a cloud account (R-DIR-34).
    SwitchToCloudAccount,
    /// That a phone number becomes the account's (E-DIR-23).
    BindPhone,
    /// That an e-mail address becomes the account's (E-DIR-24).
    BindEmail,
}

/// What exactly a code is good for. All of it must be the same when the code is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// What it confirms.
    pub purpose: Purpose,
    /// The account that it is about.
    pub account: AccountId,
    /// The account's membership: its incarnation; empty if it belongs to no directory.
    pub incarnation: String,
    /// The identity that asked for it.
    pub requester: String,
    /// Where it was sent.
    pub destination: Destination,
}

/// What became of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// It was sent. It may have expired: see [`Verification::is_live`].
    Sent,
    /// It was used.
    Used,
    /// A later one was sent for the same account and purpose, or what it was to confirm was given up.
    Replaced,
    /// It was guessed wrong [`FAILURES_MAX`] times.
    Dead,
}

/// A code that was requested, without the code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// The id.
    pub id: String,
    /// What it is good for.
    pub subject: Subject,
    /// What became of it.
    pub state: State,
    /// How often it was guessed wrong.
    pub failures: u32,
    /// When it was requested.
    pub create_time: Timestamp,
    /// Until when it is good.
    pub expire_time: Timestamp,
}

/// How often codes are sent, and how long they are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How long a code is good.
    pub validity: Duration,
    /// Least time between two codes for the same account and purpose.
    pub pause: Duration,
    /// Most codes of a directory, or of an account outside one, within [`RATE_WINDOW`].
    pub per_day_max: u32,
}

/// What was sent so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// When the latest code for the same account and purpose was sent.
    pub latest: Option<Timestamp>,
    /// Codes of the same directory, or of the same account outside one, within [`RATE_WINDOW`].
    pub recent: u32,
    /// When the first of `recent` was sent.
    pub first: Option<Timestamp>,
}

/// What came of a guess.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guess {
    /// It is the code.
    Right,
    /// It is not: the verification with this guess counted, to be saved whatever becomes of the call.
    Wrong(Verification),
    /// There was nothing to guess: the code is dead, or another's.
    Void,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::SwitchToResourceAccount, Self::SwitchToCloudAccount, Self::BindPhone, Self::BindEmail];

    /// Its name, for machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SwitchToResourceAccount => "SWITCH_TO_RESOURCE_ACCOUNT",
            Self::SwitchToCloudAccount => "SWITCH_TO_CLOUD_ACCOUNT",
            Self::BindPhone => "BIND_PHONE",
            Self::BindEmail => "BIND_EMAIL",
        }
    }
}

impl Verification {
    /// Sends a code, unless too many were sent (E-DIR-23).
    pub fn request(id: String, subject: Subject, sent: Sent, rules: Rules, now: Timestamp) -> Result<Self, Error> {
        let Rules { validity, pause, per_day_max } = rules;
        let allowed = sent.latest.map(|latest| latest.after(pause));
        if let Some(retry_after) = allowed.and_then(|allowed| wait(now, allowed)) {
            return Err(Error::VerificationTooSoon { retry_after });
        }
        if sent.recent >= per_day_max {
            let next = sent.first.map(|first| first.after(RATE_WINDOW));
            let retry_after = next.and_then(|next| wait(now, next)).unwrap_or(RATE_WINDOW);
            return Err(Error::VerificationQuotaExceeded { limit: per_day_max, retry_after });
        }
        let expire_time = now.after(validity);
        Ok(Self { id, subject, state: State::Sent, failures: 0, create_time: now, expire_time })
    }

    /// Whether the code may still be used.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.state == State::Sent && now < self.expire_time
    }

    /// How many wrong guesses it still bears.
    pub fn attempts_left(&self, now: Timestamp) -> u32 {
        if self.is_live(now) { FAILURES_MAX.saturating_sub(self.failures) } else { 0 }
    }

    /// Compares what somebody presents with the code. What is void for them anyway is not compared, so that nobody can
    /// kill the code of somebody else.
    pub fn guess(&self, by: &str, code: &Code, presented: &str, now: Timestamp) -> Guess {
        if !self.is_live(now) || self.subject.requester != by {
            return Guess::Void;
        }
        if code.matches(presented) {
            return Guess::Right;
        }
        let failures = self.failures + 1;
        let state = if failures >= FAILURES_MAX { State::Dead } else { State::Sent };
        Guess::Wrong(Self { state, failures, ..self.clone() })
    }

    /// Uses it up, after a right guess, for what is being done now (R-DIR-28).
    pub fn use_for(self, subject: &Subject, now: Timestamp) -> Result<Self, Error> {
        if self.is_live(now) && self.subject == *subject {
            Ok(Self { state: State::Used, ..self })
        } else {
            Err(Error::VerificationCodeInvalid { attempts_left: 0 })
        }
    }
}

/// How long it is from one time to a later one; none if that is not later.
fn wait(now: Timestamp, until: Timestamp) -> Option<Duration> {
    let micros = until.as_micros().saturating_sub(now.as_micros());
    u64::try_from(micros).ok().filter(|micros| *micros > 0).map(Duration::from_micros)
}

#[cfg(test)]
mod tests;
