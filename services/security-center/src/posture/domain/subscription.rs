//! What an account has bought, and how that changes (R-SC-06). Time is evaluated where it is read: a period that has ended
//! and a change that is due count as such, whatever is stored.

use std::time::Duration;

use bailiwick_core::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{BuyType, Edition, SubscriptionError};

/// A month of a subscription.
const MONTH: Duration = Duration::from_hours(30 * 24);
/// How long everything goes on after the end of the period (E-SC-07).
const GRACE: Duration = Duration::from_hours(7 * 24);
/// How far in the future a period ends at most: ten years.
const HORIZON: Duration = Duration::from_hours(3_650 * 24);

/// What an account has bought, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subscription {
    pub(crate) account: AccountId,
    pub(crate) edition: Edition,
    pub(crate) servers: i64,
    pub(crate) start: Timestamp,
    pub(crate) expire: Timestamp,
    /// A downgrade that was not in effect when it was stored.
    pub(crate) pending: Option<Pending>,
    /// Number of changes; 0 if it never had any.
    pub(crate) version: i64,
}

/// A downgrade to come; to Basic, the end of the subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) edition: Edition,
    pub(crate) servers: i64,
    pub(crate) at: Timestamp,
}

/// Where a subscription is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Active,
    Grace,
    Expired,
    None,
}

/// A subscription at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) life: Life,
    /// Basic unless it runs.
    pub(crate) edition: Edition,
    /// 0 unless it runs.
    pub(crate) servers: i64,
    pub(crate) start: Timestamp,
    pub(crate) expire: Timestamp,
    pub(crate) grace_end: Timestamp,
}

/// An edition and a number of servers that are asked for; 0 servers are as many as now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wanted {
    pub(crate) edition: Edition,
    pub(crate) servers: i64,
}

// === impl Life ===

impl Life {
    /// The number in the contract.
    pub(crate) const fn code(self) -> i32 {
        match self {
            Self::Active => 1,
            Self::Grace => 2,
            Self::Expired => 3,
            Self::None => 4,
        }
    }

    /// The name in metadata of refusals.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Grace => "GRACE",
            Self::Expired => "EXPIRED",
            Self::None => "NONE",
        }
    }
}

// === impl Standing ===

impl Standing {
    /// Whether what was bought can be used.
    pub(crate) fn runs(&self) -> bool {
        matches!(self.life, Life::Active | Life::Grace)
    }
}

// === impl Subscription ===

impl Subscription {
    /// That of an account that never bought any.
    pub(crate) fn none(account: AccountId) -> Self {
        let at = Timestamp::default();
        Self { account, edition: Edition::Basic, servers: 0, start: at, expire: at, pending: None, version: 0 }
    }

    /// `accounts/{account}/subscription`.
    pub(crate) fn name(&self) -> String {
        format!("{}/subscription", self.account.name())
    }

    /// Changes with each change.
    pub(crate) fn etag(&self) -> String {
        self.version.to_string()
    }

    /// Where it is at a moment.
    pub(crate) fn at(&self, now: Timestamp) -> Standing {
        let due = self.pending.filter(|pending| pending.at <= now);
        let (edition, servers) = due.map_or((self.edition, self.servers), |due| (due.edition, due.servers));
        let grace_end = self.expire.after(GRACE);
        let life = if self.version == 0 {
            Life::None
        } else if edition == Edition::Basic || grace_end <= now {
            Life::Expired
        } else if self.expire <= now {
            Life::Grace
        } else {
            Life::Active
        };
        let standing = Standing { life, edition, servers, start: self.start, expire: self.expire, grace_end };
        if standing.runs() { standing } else { Standing { edition: Edition::Basic, servers: 0, ..standing } }
    }

    /// The change to come at a moment; none that is in effect, or that its end has overtaken.
    pub(crate) fn pending_at(&self, now: Timestamp) -> Option<Pending> {
        self.pending.filter(|pending| now < pending.at && self.at(now).runs())
    }

    /// How many servers can be assigned to members: no more than there are once a change to come is in effect.
    pub(crate) fn assignable(&self, now: Timestamp) -> i64 {
        let standing = self.at(now);
        self.pending_at(now).map_or(standing.servers, |pending| pending.servers.min(standing.servers))
    }

    /// Whether it is as the caller read it.
    ///
    /// # Errors
    /// [`SubscriptionError::EtagMismatch`].
    pub(crate) fn check_etag(&self, etag: &str) -> Result<(), SubscriptionError> {
        if etag.is_empty() || etag == self.etag() { Ok(()) } else { Err(SubscriptionError::EtagMismatch(self.name())) }
    }

    /// Buys an edition, unless one runs.
    ///
    /// # Errors
    /// [`SubscriptionError::Exists`].
    pub(crate) fn purchase(&self, wanted: Wanted, months: u32, now: Timestamp) -> Result<Self, SubscriptionError> {
        if self.at(now).runs() {
            return Err(SubscriptionError::Exists { account: self.account, buy_type: BuyType::Own });
        }
        Ok(Self {
            account: self.account,
            edition: wanted.edition,
            servers: wanted.servers,
            start: now,
            expire: now.after(MONTH.saturating_mul(months)),
            pending: None,
            version: self.version + 1,
        })
    }

    /// Moves up at once, and takes a downgrade back that was to come.
    ///
    /// # Errors
    /// [`SubscriptionError::Required`]; [`SubscriptionError::ChangeInvalid`] if neither is more and none is less.
    pub(crate) fn upgrade(&self, wanted: Wanted, now: Timestamp) -> Result<Self, SubscriptionError> {
        let (settled, wanted) = self.changing(wanted, now)?;
        let less = wanted.edition < settled.edition || wanted.servers < settled.servers;
        if less || settled.is(wanted) {
            return Err(settled.invalid());
        }
        Ok(Self { edition: wanted.edition, servers: wanted.servers, pending: None, ..settled })
    }

    /// Moves down, at once or at the end of the period. `assigned` servers are with members.
    ///
    /// # Errors
    /// [`SubscriptionError::Required`]; [`SubscriptionError::ChangeInvalid`] if neither is less or one is more;
    /// [`SubscriptionError::InUse`] below what is assigned.
    pub(crate) fn downgrade(
        &self,
        wanted: Wanted,
        immediately: bool,
        assigned: i64,
        now: Timestamp,
    ) -> Result<Self, SubscriptionError> {
        let (settled, mut wanted) = self.changing(wanted, now)?;
        let more = wanted.edition > settled.edition || wanted.servers > settled.servers;
        if more || settled.is(wanted) {
            return Err(settled.invalid());
        }
        // Basic protects no servers.
        if wanted.edition == Edition::Basic {
            wanted.servers = 0;
        }
        if wanted.servers < assigned {
            return Err(SubscriptionError::InUse { account: self.account, assigned });
        }
        // In the days of grace the period has ended.
        if !immediately && now < settled.expire {
            let pending = Pending { edition: wanted.edition, servers: wanted.servers, at: settled.expire };
            return Ok(Self { pending: Some(pending), ..settled });
        }
        let expire = if wanted.edition == Edition::Basic { settled.expire.min(now) } else { settled.expire };
        Ok(Self { edition: wanted.edition, servers: wanted.servers, expire, pending: None, ..settled })
    }

    /// Adds months after the end of the period, which in the days of grace revives it. A downgrade to come stays, at its
    /// time.
    ///
    /// # Errors
    /// [`SubscriptionError::Required`]; [`SubscriptionError::ChangeInvalid`] if it is to end, by a downgrade to Basic;
    /// [`SubscriptionError::TooFar`].
    pub(crate) fn renew(&self, months: u32, now: Timestamp) -> Result<Self, SubscriptionError> {
        let settled = self.settled(now)?;
        if settled.pending.is_some_and(|pending| pending.edition == Edition::Basic) {
            return Err(settled.invalid());
        }
        let expire = settled.expire.after(MONTH.saturating_mul(months));
        if expire > now.after(HORIZON) {
            return Err(SubscriptionError::TooFar);
        }
        Ok(Self { expire, ..settled })
    }

    /// Takes a downgrade back that was to come.
    ///
    /// # Errors
    /// [`SubscriptionError::Required`]; [`SubscriptionError::ChangeInvalid`] if there is none.
    pub(crate) fn cancel_change(&self, now: Timestamp) -> Result<Self, SubscriptionError> {
        let settled = self.settled(now)?;
        if settled.pending.is_none() {
            return Err(settled.invalid());
        }
        Ok(Self { pending: None, ..settled })
    }

    /// What follows a change: with what is due in effect, and another version.
    fn settled(&self, now: Timestamp) -> Result<Self, SubscriptionError> {
        let standing = self.at(now);
        if !standing.runs() {
            return Err(SubscriptionError::Required { account: self.account, life: standing.life });
        }
        let pending = self.pending_at(now);
        let Standing { edition, servers, .. } = standing;
        Ok(Self { edition, servers, pending, version: self.version + 1, ..self.clone() })
    }

    fn changing(&self, wanted: Wanted, now: Timestamp) -> Result<(Self, Wanted), SubscriptionError> {
        let settled = self.settled(now)?;
        let servers = if wanted.servers == 0 { settled.servers } else { wanted.servers };
        Ok((settled, Wanted { servers, ..wanted }))
    }

    fn is(&self, wanted: Wanted) -> bool {
        self.edition == wanted.edition && self.servers == wanted.servers
    }

    fn invalid(&self) -> SubscriptionError {
        SubscriptionError::ChangeInvalid { edition: self.edition, servers: self.servers }
    }
}

#[cfg(test)]
mod tests;
