//! A risk and its life: open, acknowledged, suppressed, fixed, open again.

use bailiwick_core::{AccountId, DirectoryId, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Finding, OWN_SOURCE};

const ACCOUNT_BITS: u32 = 12;
const HASH_BITS: u32 = 50;

/// What kind of risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Category {
    Vulnerability,
    Baseline,
    ExposedCredential,
    Attack,
}

/// How bad, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Severity {
    Informational,
    Low,
    Medium,
    High,
    Critical,
}

/// Where a risk is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum State {
    Open,
    Acknowledged,
    Suppressed,
    Fixed,
}

/// Identifies a risk: 12 bits of the account, so that its risks lie together in indexes, a bit for what bailiwick finds
/// itself, and 50 bits of a hash of the account, the scanner and the scanner's id of the finding. Where that is taken by
/// another risk, the next that is free (`docs/decisions/0019-risks-belong-to-accounts.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct RiskId(i64);

/// Why a risk is accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Acknowledgement {
    pub(crate) reason: String,
    pub(crate) until: Timestamp,
    /// Name of the identity.
    pub(crate) operator: String,
    pub(crate) time: Timestamp,
}

/// A risk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Risk {
    pub(crate) id: RiskId,
    pub(crate) account: AccountId,
    /// The directory that last had the account in its control list: an index for its views, which ask the list as well.
    pub(crate) directory: Option<DirectoryId>,
    /// What was last found.
    pub(crate) finding: Finding,
    /// What part of the account the scan was about.
    pub(crate) scope: String,
    /// What follows from the rest at the time of the last change.
    pub(crate) state: State,
    pub(crate) first_seen: Timestamp,
    pub(crate) last_seen: Timestamp,
    /// Since when it is open this time; acknowledging and suppressing do not make it younger.
    pub(crate) open_time: Timestamp,
    pub(crate) fix_time: Option<Timestamp>,
    /// The latest scan that said that all is well. It is no change: it tells what becomes of an older scan that comes later.
    pub(crate) absent: Option<Timestamp>,
    pub(crate) reopen_count: i64,
    /// Of one that is fixed, what holds again if the scan that fixed it finds it after all; it ends when it is reopened.
    pub(crate) acknowledgement: Option<Acknowledgement>,
    /// Id of the rule that suppresses it; empty if none does.
    pub(crate) suppression_rule: String,
    /// Number of changes.
    pub(crate) version: i64,
}

/// What a scan meant for a risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It was known and stands.
    Again,
    /// It was fixed, and came again.
    Reopened,
    /// The same scan had fixed it: it is as it was before.
    Restored,
    /// The scan looked, and all is well now.
    Fixed,
    /// The same scan has said so already.
    Duplicate,
    /// A later scan has said something already, or the scan says nothing new.
    Stale,
}

// === impl RiskId ===

impl RiskId {
    /// The id of what a scanner found in an account, if it is not taken by another risk.
    pub(crate) fn of(account: AccountId, source: &str, uid: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(account.get().to_be_bytes());
        for part in [source, uid] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        let hash = i64::from_be_bytes([a, b, c, d, e, f, g, h]) & ((1 << HASH_BITS) - 1);
        // Accounts that were made one after another are far apart.
        let mixed = account.get().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - ACCOUNT_BITS);
        let own = i64::from(source == OWN_SOURCE);
        Self((i64::try_from(mixed).unwrap_or_default() << 1 | own) << HASH_BITS | hash)
    }

    /// The id to be tried when this one is taken: of the same account and kind.
    pub(crate) fn next(self) -> Self {
        let low = (1 << HASH_BITS) - 1;
        Self(self.0 & !low | (self.0 + 1) & low)
    }

    /// The id as the database has it.
    pub(crate) fn from_number(number: i64) -> Self {
        Self(number)
    }

    /// As the database has it.
    pub(crate) fn number(self) -> i64 {
        self.0
    }

    /// The id of the last segment of a name: 16 hexadecimal digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        i64::from_str_radix(text, 16).ok().filter(|_| digits).map(Self)
    }
}

impl std::fmt::Display for RiskId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

// === impl Risk ===

impl Risk {
    /// A risk that a scan found for the first time.
    pub(crate) fn begin(account: AccountId, finding: Finding, scope: &str, scan: Timestamp) -> Self {
        Self {
            id: RiskId::of(account, &finding.source, &finding.uid),
            account,
            directory: None,
            finding,
            scope: scope.to_owned(),
            state: State::Open,
            first_seen: scan,
            last_seen: scan,
            open_time: scan,
            fix_time: None,
            absent: None,
            reopen_count: 0,
            acknowledgement: None,
            suppression_rule: String::new(),
            version: 1,
        }
    }

    /// Whether it is what a finding in an account is about.
    pub(crate) fn is_of(&self, account: AccountId, finding: &Finding) -> bool {
        self.account == account && self.finding.source == finding.source && self.finding.uid == finding.uid
    }

    /// `accounts/{account}/risks/{risk}`.
    pub(crate) fn name(&self) -> String {
        format!("{}/risks/{}", self.account.name(), self.id)
    }

    /// Changes with each change.
    pub(crate) fn etag(&self) -> String {
        self.version.to_string()
    }

    /// The state at a time: what was acknowledged until before then is open.
    pub(crate) fn state_at(&self, now: Timestamp) -> State {
        if self.fix_time.is_some() {
            State::Fixed
        } else if !self.suppression_rule.is_empty() {
            State::Suppressed
        } else if self.acknowledgement.as_ref().is_some_and(|a| now < a.until) {
            State::Acknowledged
        } else {
            State::Open
        }
    }

    /// A scan at `scan` found it, or looked and found that all is well. An older scan than the last that said something
    /// changes nothing but when it was first seen. Of one scan that says both, that it was found counts, in whatever
    /// order it says so. One that a later scan than `scan` lacked is fixed after all.
    pub(crate) fn seen(&mut self, finding: Finding, scope: &str, scan: Timestamp, now: Timestamp) -> Seen {
        if finding.passed {
            return if self.missed(scan, now) { Seen::Fixed } else { Seen::Stale };
        }
        if scan < self.first_seen {
            self.first_seen = scan;
            self.version += 1;
        }
        let fixed = self.fix_time;
        if scan < self.last_seen || fixed.is_some_and(|fixed| scan < fixed) {
            return Seen::Stale;
        }
        if scan == self.last_seen && fixed.is_none() {
            return Seen::Duplicate;
        }
        self.last_seen = scan;
        self.finding = finding;
        scope.clone_into(&mut self.scope);
        let reopened = fixed.is_some_and(|fixed| fixed < scan);
        if reopened {
            self.reopen_count += 1;
            self.open_time = scan;
            self.acknowledgement = None;
        }
        self.version += 1;
        let absent = self.absent.filter(|absent| *absent > scan);
        self.fix_time = absent;
        self.settle(now);
        match fixed {
            _ if absent.is_some() => Seen::Stale,
            _ if reopened => Seen::Reopened,
            Some(_) => Seen::Restored,
            None => Seen::Again,
        }
    }

    /// Whether nothing but that a further scan found it again makes it another than before.
    pub(crate) fn merely_seen_again(&self, before: &Self) -> bool {
        let seen = Self { last_seen: self.last_seen, version: before.version + 1, ..before.clone() };
        seen == *self
    }

    /// Whether nothing but that a further scan said that all is well makes it another than before.
    pub(crate) fn merely_absent_still(&self, before: &Self) -> bool {
        self.absent != before.absent && Self { absent: self.absent, ..before.clone() } == *self
    }

    /// A full scan of its scope lacked it, or a scan looked and found that all is well. Tells whether it is fixed by that:
    /// not if that scan, or a later one, has found it.
    pub(crate) fn missed(&mut self, scan: Timestamp, now: Timestamp) -> bool {
        if scan <= self.last_seen {
            return false;
        }
        self.absent = self.absent.max(Some(scan));
        if self.fix_time.is_some() {
            return false;
        }
        self.fix_time = Some(scan);
        self.version += 1;
        self.settle(now);
        true
    }

    /// Sets the state that follows from the rest. Tells whether it is another.
    pub(crate) fn settle(&mut self, now: Timestamp) -> bool {
        let state = self.state_at(now);
        std::mem::replace(&mut self.state, state) != state
    }
}

// === impl Category, Severity, State ===

impl Category {
    pub(crate) const ALL: [Self; 4] = [Self::Vulnerability, Self::Baseline, Self::ExposedCredential, Self::Attack];

    /// The number in the database and in the contract.
    pub(crate) const fn code(self) -> i32 {
        match self {
            Self::Vulnerability => 1,
            Self::Baseline => 2,
            Self::ExposedCredential => 3,
            Self::Attack => 4,
        }
    }

    /// The category of a number; none for any other number.
    pub(crate) fn of(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.code() == code)
    }
}

impl Severity {
    pub(crate) const ALL: [Self; 5] = [Self::Informational, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The number in the database and in the contract; higher is worse.
    pub(crate) const fn code(self) -> i32 {
        match self {
            Self::Informational => 1,
            Self::Low => 2,
            Self::Medium => 3,
            Self::High => 4,
            Self::Critical => 5,
        }
    }

    /// The severity of a number; none for any other number.
    pub(crate) fn of(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.code() == code)
    }
}

impl State {
    pub(crate) const ALL: [Self; 4] = [Self::Open, Self::Acknowledged, Self::Suppressed, Self::Fixed];

    /// The number in the database and in the contract.
    pub(crate) const fn code(self) -> i32 {
        match self {
            Self::Open => 1,
            Self::Acknowledged => 2,
            Self::Suppressed => 3,
            Self::Fixed => 4,
        }
    }

    /// The state of a number; none for any other number.
    pub(crate) fn of(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.code() == code)
    }
}

#[cfg(test)]
mod tests;
