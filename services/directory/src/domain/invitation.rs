//! Invitations: `PENDING` until accepted, declined, cancelled or out of time; every other state is final (E-DIR-06).

use std::time::Duration;

use bailiwick_core::{
    AccountId, DirectoryId, Timestamp,
    filter::{Field, Filter, Kind, Relation, Schema},
};
use serde::{Deserialize, Serialize};

use super::{
    Error, Labels,
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

/// What invitations can be filtered by.
pub static SCHEMA: Schema = Schema {
    fields: &[
        Field::new("account", Kind::Text),
        Field::new("state", Kind::Enum(&[PENDING, ACCEPTED, DECLINED, CANCELLED, EXPIRED])),
        Field::new("create_time", Kind::Time),
        Field::new("expire_time", Kind::Time),
    ],
};
const PENDING: &str = "INVITATION_STATE_PENDING";
const ACCEPTED: &str = "INVITATION_STATE_ACCEPTED";
const DECLINED: &str = "INVITATION_STATE_DECLINED";
const CANCELLED: &str = "INVITATION_STATE_CANCELLED";
const EXPIRED: &str = "INVITATION_STATE_EXPIRED";

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
    /// The enterprise that it is sent to (E-DIR-09).
    pub recipient_legal_name: String,
    /// Id of the folder that the account is to join in (E-DIR-10).
    pub folder: String,
    /// Labels of the member to be (E-DIR-10).
    pub labels: Labels,
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
    /// Id of the folder that it is to join in, which exists.
    pub folder: String,
    /// Labels of the member to be.
    pub labels: Labels,
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

/// A filter over [`SCHEMA`] as one over what is stored: an invitation is expired by its time, and pending no longer.
pub fn stored(filter: &Filter, now: Timestamp) -> Filter {
    let all = |parts: &[Filter]| parts.iter().map(|part| stored(part, now)).collect();
    let unanswered =
        |relation| Filter::All(vec![Filter::Enum("state", PENDING), Filter::Time("expire_time", relation, now)]);
    match filter {
        Filter::All(parts) => Filter::All(all(parts)),
        Filter::Any(parts) => Filter::Any(all(parts)),
        Filter::Not(part) => Filter::Not(Box::new(stored(part, now))),
        Filter::Enum(_, state) if *state == PENDING => unanswered(Relation::After),
        Filter::Enum(_, state) if *state == EXPIRED => unanswered(Relation::UpTo),
        other => other.clone(),
    }
}

/// Whether an account may be invited (E-DIR-08, R-DIR-15). One that does not exist, is not verified or is of another
/// enterprise is refused in the same words, whether it has a directory or not: the sender learns nothing of strangers.
/// What is returned is its legal name, which it shares with the sender.
pub fn check_target(sender: &EnterpriseIdentity, id: AccountId, target: Option<Target<'_>>) -> Result<String, Error> {
    match target {
        Some(Target { enterprise: Some(enterprise), in_directory }) if enterprise.same_enterprise(sender) => {
            if in_directory {
                Err(Error::AccountAlreadyInDirectory(id))
            } else {
                Ok(enterprise.legal_name.clone())
            }
        }
        _ => Err(Error::LegalEntityMismatch(id)),
    }
}

/// The resource name of an invitation.
pub fn name(directory: DirectoryId, id: &str) -> String {
    format!("{}/invitations/{id}", directory.name())
}

impl Invitation {
    /// Sends an invitation (R-DIR-09).
    pub fn send(
        (directory, id): (DirectoryId, String),
        new: NewInvitation,
        recipient_legal_name: String,
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
            recipient_legal_name,
            folder: new.folder,
            labels: new.labels,
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
        name(self.directory, &self.id)
    }

    /// The etag. The state is in it, because it also changes with time.
    pub fn etag(&self, now: Timestamp) -> String {
        let expired = if self.state_at(now) == State::Expired { 1 } else { 0 };
        etag(self.create_time, self.version + expired)
    }
}

#[cfg(test)]
mod tests;
