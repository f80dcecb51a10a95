//! Invitations: `PENDING` until accepted, declined, cancelled or out of time; every other state is final (E-DIR-06).

use std::time::Duration;

use bailiwick_core::{AccountId, DirectoryId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    Error,
    account::{Account, EnterpriseIdentity},
    etag,
    member::Occupancy,
};

/// How long an invitation can be accepted (E-DIR-05).
pub const VALIDITY: Duration = Duration::from_hours(14 * 24);
/// The time over which invitations are counted (E-DIR-04).
pub const RATE_WINDOW: Duration = Duration::from_hours(24);
/// How long a finished invitation stays listed (E-DIR-35).
pub const RETENTION: Duration = Duration::from_hours(30 * 24);

/// Where an invitation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Sent, not answered.
    Pending,
    /// The recipient is a member.
    Accepted,
    /// The recipient declined.
    Declined,
    /// The sender took it back.
    Cancelled,
    /// Not answered in time. Never stored: it follows from the time.
    Expired,
}

/// An invitation of an account into a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// The directory that sent it.
    pub directory: DirectoryId,
    /// Its id.
    pub id: String,
    /// The account that is invited.
    pub account: AccountId,
    /// A word to the recipient.
    pub note: String,
    /// Where it was last put; see [`Invitation::state_at`].
    pub state: State,
    /// The account that sends it.
    pub management_account: AccountId,
    /// The enterprise that sends it (E-DIR-09).
    pub sender_legal_name: String,
    /// When it was sent.
    pub create_time: Timestamp,
    /// Until when it can be accepted.
    pub expire_time: Timestamp,
    /// When it was accepted, declined or cancelled.
    pub respond_time: Option<Timestamp>,
    /// Grows with each change.
    pub version: i64,
}

/// What is asked for. The note is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewInvitation {
    /// The account to invite.
    pub account: AccountId,
    /// A word to it.
    pub note: String,
}

/// What the directory has sent so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Within [`RATE_WINDOW`], those that were accepted not counted.
    pub recent: u32,
    /// Most within the window.
    pub limit: u32,
    /// Whether one to the same account is pending.
    pub pending_to_target: bool,
    /// How full the directory is.
    pub occupancy: Occupancy,
}

/// The account that is invited, as far as it exists.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Its enterprise.
    pub enterprise: Option<&'a EnterpriseIdentity>,
    /// Whether it belongs to a directory, this one or another.
    pub in_directory: bool,
}

/// The final states that an invitation is put to by someone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The recipient refuses.
    Decline,
    /// The sender takes it back.
    Cancel,
}

impl State {
    /// The name in the contract, without its prefix.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Accepted => "ACCEPTED",
            Self::Declined => "DECLINED",
            Self::Cancelled => "CANCELLED",
            Self::Expired => "EXPIRED",
        }
    }
}

/// Whether an account may be invited (E-DIR-08, R-DIR-15). One that does not exist, is not verified or is of another
/// enterprise is refused in the same words, whether it has a directory or not: the sender learns nothing of strangers.
pub fn check_target(sender: &EnterpriseIdentity, id: AccountId, target: Option<Target<'_>>) -> Result<(), Error> {
    match target {
        Some(Target { enterprise: Some(enterprise), in_directory }) if enterprise.same_enterprise(sender) => {
            if in_directory {
                Err(Error::AccountAlreadyInDirectory(id))
            } else {
                Ok(())
            }
        }
        _ => Err(Error::LegalEntityMismatch(id)),
    }
}

impl Invitation {
    /// Sends an invitation (R-DIR-09).
    pub fn send(
        directory: DirectoryId,
        id: String,
        new: NewInvitation,
        sender: &Account,
        sent: Sent,
        now: Timestamp,
    ) -> Result<Self, Error> {
        if sent.pending_to_target {
            return Err(Error::InvitationPending(new.account));
        }
        sent.occupancy.room()?;
        if sent.recent >= sent.limit {
            return Err(Error::InvitationRateExceeded { limit: sent.limit });
        }
        Ok(Self {
            directory,
            id,
            account: new.account,
            note: new.note,
            state: State::Pending,
            management_account: sender.id,
            sender_legal_name: sender.verified()?.legal_name.clone(),
            create_time: now,
            expire_time: now.after(VALIDITY),
            respond_time: None,
            version: 1,
        })
    }

    /// Where it stands: out of time as soon as it is past its end, whether anyone noticed or not (E-DIR-05).
    pub fn state_at(&self, now: Timestamp) -> State {
        match self.state {
            State::Pending if now >= self.expire_time => State::Expired,
            state => state,
        }
    }

    /// Accepts it (R-DIR-10). `present` is the account as it is now: what held when the invitation was sent is checked
    /// again.
    pub fn accept(
        self,
        account: &Account,
        in_directory: bool,
        sender: &Account,
        occupancy: Occupancy,
        now: Timestamp,
    ) -> Result<Self, Error> {
        self.check_pending(now)?;
        if in_directory {
            return Err(Error::AccountAlreadyInDirectory(account.id));
        }
        if !account.verified()?.same_enterprise(sender.verified()?) {
            return Err(Error::LegalEntityMismatch(account.id));
        }
        // The invitation itself has kept a place until now.
        Occupancy { pending: occupancy.pending.saturating_sub(1), ..occupancy }.room()?;
        Ok(self.put(State::Accepted, now))
    }

    /// Declines or cancels it.
    pub fn answer(self, answer: Answer, now: Timestamp) -> Result<Self, Error> {
        self.check_pending(now)?;
        let state = match answer {
            Answer::Decline => State::Declined,
            Answer::Cancel => State::Cancelled,
        };
        Ok(self.put(state, now))
    }

    fn check_pending(&self, now: Timestamp) -> Result<(), Error> {
        match self.state_at(now) {
            State::Pending => Ok(()),
            state => Err(Error::InvitationStatusMismatch(state)),
        }
    }

    fn put(self, state: State, now: Timestamp) -> Self {
        Self { state, respond_time: Some(now), version: self.version + 1, ..self }
    }

    /// The resource name.
    pub fn name(&self) -> String {
        format!("{}/invitations/{}", self.directory.name(), self.id)
    }

    /// The etag. The state is in it, because it also changes with time.
    pub fn etag(&self, now: Timestamp) -> String {
        let expired = if self.state_at(now) == State::Expired { 1 } else { 0 };
        etag(self.create_time, self.version + expired)
    }
}

#[cfg(test)]
mod tests;
