//! Service-linked roles of an account, and the tasks that delete them (R-DEL-14, E-DEL-11).

use std::time::Duration;

use bailiwick_core::{AccountId, DirectoryId, Operator, ServiceLinkedRole, Timestamp, TrustedService};
use serde::{Deserialize, Serialize};

use super::{Enrolment, Error, Membership};

/// How long a deletion that has ended is kept.
pub const RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long it is tried, while directory cannot be asked or says that the role is used although no enrolment is known.
pub const TRIED: Duration = Duration::from_secs(5 * 60);

/// A service-linked role in an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedRole {
    /// The account.
    pub account: AccountId,
    /// Its name, which is that of its template.
    pub id: String,
    /// When it was created.
    pub created: Timestamp,
}

/// Where a deletion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// It waits.
    NotStarted,
    /// It is looked at what uses the role.
    InProgress,
    /// The role is gone.
    Succeeded,
    /// The service uses the account.
    Failed,
    /// It could not be done.
    InternalError,
}

/// What uses a role: an enrolment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// The directory in which the account is enrolled.
    pub directory: DirectoryId,
    /// The service.
    pub service: TrustedService,
}

/// The task of deleting a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// The account.
    pub account: AccountId,
    /// The incarnation of the membership that has the role: a later one keeps its own.
    pub incarnation: String,
    /// Name of the role.
    pub role: String,
    /// Unique id.
    pub id: String,
    /// Where it is.
    pub state: State,
    /// What used the role when it failed.
    pub usages: Vec<Usage>,
    /// Who asked for it.
    pub operator: Operator,
    /// Id of the call that asked for it.
    pub call_id: String,
    /// When it was asked for.
    pub created: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
}

impl State {
    /// All states, with the text in the database.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::NotStarted, "NOT_STARTED"),
        (Self::InProgress, "IN_PROGRESS"),
        (Self::Succeeded, "SUCCEEDED"),
        (Self::Failed, "FAILED"),
        (Self::InternalError, "INTERNAL_ERROR"),
    ];
}

impl LinkedRole {
    /// Its resource name.
    pub fn name(&self) -> String {
        name(self.account, &self.id)
    }
}

impl Deletion {
    /// Its resource name.
    pub fn name(&self) -> String {
        format!("{}/deletions/{}", name(self.account, &self.role), self.id)
    }

    /// The task with its end.
    pub fn end(self, state: State, usages: Vec<Usage>, now: Timestamp) -> Self {
        Self { state, usages, ended: Some(now), ..self }
    }

    /// Whether it has been tried for long enough.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.created.after(TRIED) < now
    }
}

/// The resource name of a role.
pub fn name(account: AccountId, role: &str) -> String {
    format!("{}/serviceLinkedRoles/{role}", account.name())
}

/// The template of a role, and its service (E-DEL-12).
pub fn template(role: &str) -> Result<(TrustedService, &'static ServiceLinkedRole), Error> {
    TrustedService::of_role(role).ok_or_else(|| Error::UnknownServiceLinkedRole(role.to_owned()))
}

/// The membership in which an account may have a role created.
pub fn may_create(account: AccountId, member: Option<Membership>) -> Result<Membership, Error> {
    match member {
        None => Err(Error::MembershipRequired(account)),
        Some(member) if member.suspended => Err(Error::MemberSuspended(account)),
        Some(member) => Ok(member),
    }
}

/// What of an account's enrolments needs the roles that a service has in a membership.
pub fn usages(enrolments: &[Enrolment], service: TrustedService, incarnation: &str) -> Vec<Usage> {
    let needing = enrolments.iter().filter(|of| of.service == service && of.incarnation == incarnation);
    needing.map(|enrolment| Usage { directory: enrolment.directory, service }).collect()
}
