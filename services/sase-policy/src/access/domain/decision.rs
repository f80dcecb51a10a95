//! What is asked, and what was decided.

use std::{collections::BTreeSet, net::IpAddr};

use bailiwick_core::{AccountId, DirectoryId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Action, Device, Strength, Target};

const DAY_US: i64 = 86_400_000_000;

/// What somebody wants to reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// By id.
    Application(String),
    /// What fits best.
    Target(Target),
    /// What fits best a request whose client says by a header whether it is gRPC. Where applications of both protocols fit,
    /// what is said decides nothing: either must be allowed.
    Request(Target),
}

/// Who wants to reach what, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccessQuery {
    /// Id of the user.
    pub(crate) user: String,
    pub(crate) wanted: Wanted,
    /// Id of the device that the call names; empty if it names none.
    pub(crate) device_id: String,
    /// The device of that id, if there is one.
    pub(crate) device: Option<Device>,
    pub(crate) source: Option<IpAddr>,
    pub(crate) strength: Option<Strength>,
    /// Ids of groups that the user is in besides those that name it: what its ID token says.
    pub(crate) groups: BTreeSet<String>,
    /// Attributes that the user has besides its own.
    pub(crate) attributes: BTreeSet<String>,
}

/// Why it was decided so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum DecisionReason {
    Policy,
    AccessBlock,
    NoPolicy,
    UserInactive,
    MemberNotManaged,
    NoApplication,
    /// Policies could not be evaluated.
    Fault,
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Decision {
    pub(crate) action: Action,
    pub(crate) reason: DecisionReason,
    /// Name of the policy or block; empty if none decided.
    pub(crate) decided_by: String,
    pub(crate) version: i64,
    /// Of the policy; 0 of a block.
    pub(crate) priority: u16,
    pub(crate) display_name: String,
    pub(crate) user: String,
    /// Id; empty if there is none.
    pub(crate) application: String,
    pub(crate) account: Option<AccountId>,
    pub(crate) device: String,
    pub(crate) source: String,
    pub(crate) time: Timestamp,
}

/// What decisions have in common that are counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Alike {
    pub(crate) directory: DirectoryId,
    /// Days since 1970-01-01 UTC.
    pub(crate) day: i64,
    pub(crate) user: String,
    pub(crate) application: String,
    pub(crate) decided_by: String,
    pub(crate) action: Action,
}

impl Alike {
    /// What a decision is counted by, if policies decided it, or that there is none.
    pub(crate) fn of(directory: DirectoryId, decision: &Decision) -> Option<Self> {
        let by_policies =
            matches!(decision.reason, DecisionReason::Policy | DecisionReason::AccessBlock | DecisionReason::NoPolicy);
        by_policies.then(|| Self {
            directory,
            day: decision.time.as_micros().div_euclid(DAY_US),
            user: decision.user.clone(),
            application: decision.application.clone(),
            decided_by: decision.decided_by.clone(),
            action: decision.action,
        })
    }
}

impl DecisionReason {
    /// As it is told to whoever is refused, who does not speak gRPC.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "POLICY",
            Self::AccessBlock => "ACCESS_BLOCK",
            Self::NoPolicy => "NO_POLICY",
            Self::UserInactive => "USER_INACTIVE",
            Self::MemberNotManaged => "MEMBER_NOT_MANAGED",
            Self::NoApplication => "NO_APPLICATION",
            Self::Fault => "FAULT",
        }
    }
}

impl Decision {
    /// Blocked for a reason, if nothing else is said.
    pub(crate) fn blocked(query: &AccessQuery, reason: DecisionReason, time: Timestamp) -> Self {
        Self {
            action: Action::Block,
            reason,
            decided_by: String::new(),
            version: 0,
            priority: 0,
            display_name: String::new(),
            user: query.user.clone(),
            application: String::new(),
            account: None,
            device: query.device_id.clone(),
            source: query.source.map(|source| source.to_string()).unwrap_or_default(),
            time,
        }
    }

    /// Whether somebody may reach something.
    pub(crate) fn is_allowed(&self) -> bool {
        self.action == Action::Allow
    }

    /// The reason in a sentence.
    pub(crate) fn explanation(&self) -> String {
        match self.reason {
            DecisionReason::Policy => {
                let verb = if self.action == Action::Allow { "allows" } else { "blocks" };
                format!("policy `{}` of priority {} {verb} it", self.display_name, self.priority)
            }
            DecisionReason::AccessBlock => format!("blocked in response to: {}", self.display_name),
            DecisionReason::NoPolicy => "no policy matches, and the default is to block".to_owned(),
            DecisionReason::UserInactive => "there is no such user, or it is disabled".to_owned(),
            DecisionReason::MemberNotManaged => "the application is of an account that SASE does not manage".to_owned(),
            DecisionReason::NoApplication => "there is no such application".to_owned(),
            DecisionReason::Fault => "the policies could not be evaluated".to_owned(),
        }
    }
}
