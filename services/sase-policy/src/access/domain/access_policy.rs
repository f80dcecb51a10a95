//! Access policies: who may reach which applications of which members, and when.

use std::collections::BTreeSet;

use bailiwick_conditions::{Cidr, TimeWindow};
use bailiwick_core::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Meta, Os, OsVersion, Resource, ResourceKind, SaseError};

/// How many versions of a policy are kept.
pub(crate) const VERSIONS_KEPT: u64 = 50;

/// Most of what a policy can select (E-SASE-02).
pub(crate) const USERS_MAX: usize = 1_000;
pub(crate) const GROUPS_MAX: usize = 2_000;
pub(crate) const ATTRIBUTES_MAX: usize = 10;
pub(crate) const TARGETS_MAX: usize = 100;
pub(crate) const FOLDERS_MAX: usize = 100;
pub(crate) const ACCOUNTS_MAX: usize = 1_000;

/// What a policy does, and what a decision was. A block comes before an allow of the same priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Action {
    Block,
    Allow,
}

/// How a user has signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Strength {
    SingleFactor,
    MultiFactor,
    PhishingResistant,
}

/// Who.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Subjects {
    /// All users.
    All,
    /// By id, and by attributes that one must have; groups and attributes exclude each other (E-SASE-03).
    Some { users: BTreeSet<String>, groups: BTreeSet<String>, attributes: BTreeSet<String> },
}

/// Which applications.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Targets {
    /// By id.
    Applications(BTreeSet<String>),
    /// With one of these tags.
    Tags(BTreeSet<String>),
}

/// Whose applications. Only of members that SASE manages, whatever is selected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Members {
    All,
    /// Ids of folders: those in them and below.
    Folders(BTreeSet<String>),
    Accounts(BTreeSet<AccountId>),
}

/// How a device must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeviceCondition {
    /// One of these; any if none.
    pub(crate) os: BTreeSet<Os>,
    pub(crate) min_version: Option<OsVersion>,
    pub(crate) disk_encrypted: bool,
    pub(crate) managed: bool,
    /// How old the last report may be; any age if none.
    pub(crate) max_age_minutes: Option<u32>,
}

/// What must be so besides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Conditions {
    pub(crate) device: Option<DeviceCondition>,
    /// One of these; anywhere if none.
    pub(crate) networks: BTreeSet<Cidr>,
    /// One of these; any time if none.
    pub(crate) windows: BTreeSet<TimeWindow>,
    pub(crate) min_strength: Option<Strength>,
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AccessPolicy {
    pub(crate) meta: Meta,
    pub(crate) display_name: String,
    /// 1 to 1,000; 1 is the highest.
    pub(crate) priority: u16,
    pub(crate) action: Action,
    pub(crate) enabled: bool,
    pub(crate) start: Option<Timestamp>,
    pub(crate) end: Option<Timestamp>,
    pub(crate) subjects: Subjects,
    pub(crate) targets: Targets,
    pub(crate) members: Members,
    pub(crate) conditions: Conditions,
}

/// What of a selection is replaced, or added to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    pub(crate) subjects: Option<Subjects>,
    pub(crate) targets: Option<Targets>,
    pub(crate) members: Option<Members>,
}

/// What a policy was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PolicyVersion {
    pub(crate) policy: AccessPolicy,
    /// Who made it so.
    pub(crate) operator: String,
    pub(crate) time: Timestamp,
}

impl Resource for AccessPolicy {
    const KIND: ResourceKind = ResourceKind::AccessPolicy;

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta
    }
}

// === impl AccessPolicy ===

impl AccessPolicy {
    /// Where it stands among those that match: by priority, a block before an allow, then by id.
    pub(crate) fn rank(&self) -> (u16, Action, &str) {
        (self.priority, self.action, &self.meta.id)
    }

    /// Whether it says more than who, which application and which member.
    pub(crate) fn is_conditional(&self) -> bool {
        self.conditions != Conditions::default() || self.start.is_some() || self.end.is_some()
    }

    /// Replaces what is selected (E-SASE-04).
    pub(crate) fn replace(&mut self, selection: Selection) {
        self.subjects = selection.subjects.unwrap_or_else(|| self.subjects.clone());
        self.targets = selection.targets.unwrap_or_else(|| self.targets.clone());
        self.members = selection.members.unwrap_or_else(|| self.members.clone());
    }

    /// Adds to what is selected (E-SASE-04).
    ///
    /// # Errors
    /// [`SaseError::Selection`] for what is of another kind than what is there, or too much.
    pub(crate) fn extend(&mut self, selection: Selection) -> Result<(), SaseError> {
        let other = |field| SaseError::Selection { field, problem: "is of another kind than what is selected".into() };
        match (&mut self.subjects, selection.subjects) {
            (_, None) => {}
            (
                Subjects::Some { users, groups, attributes },
                Some(Subjects::Some { users: u, groups: g, attributes: a }),
            ) => {
                users.extend(u);
                groups.extend(g);
                attributes.extend(a);
            }
            _ => return Err(other("subjects")),
        }
        match (&mut self.targets, selection.targets) {
            (_, None) => {}
            (Targets::Applications(some), Some(Targets::Applications(more)))
            | (Targets::Tags(some), Some(Targets::Tags(more))) => some.extend(more),
            _ => return Err(other("targets")),
        }
        match (&mut self.members, selection.members) {
            (_, None) => {}
            (Members::Folders(some), Some(Members::Folders(more))) => some.extend(more),
            (Members::Accounts(some), Some(Members::Accounts(more))) => some.extend(more),
            _ => return Err(other("members")),
        }
        self.check()
    }

    /// Whether what is selected is within its bounds, and does not contradict itself.
    ///
    /// # Errors
    /// [`SaseError::Selection`] with the field at fault.
    pub(crate) fn check(&self) -> Result<(), SaseError> {
        let wrong = |field, problem: &str| Err(SaseError::Selection { field, problem: problem.to_owned() });
        let most = |field, count: usize, most: usize| match count <= most {
            true => Ok(()),
            false => Err(SaseError::Selection { field, problem: format!("must have at most {most}") }),
        };
        if let Subjects::Some { users, groups, attributes } = &self.subjects {
            if users.is_empty() && groups.is_empty() && attributes.is_empty() {
                return wrong("subjects", "must select somebody");
            }
            if !groups.is_empty() && !attributes.is_empty() {
                return wrong("subjects.attributes", "must not be set beside groups (E-SASE-03)");
            }
            most("subjects.users", users.len(), USERS_MAX)?;
            most("subjects.groups", groups.len(), GROUPS_MAX)?;
            most("subjects.attributes", attributes.len(), ATTRIBUTES_MAX)?;
        }
        match &self.targets {
            Targets::Applications(some) | Targets::Tags(some) if some.is_empty() => {
                return wrong("targets", "must select applications or tags");
            }
            Targets::Applications(some) => most("targets.applications", some.len(), TARGETS_MAX)?,
            Targets::Tags(some) => most("targets.tags", some.len(), TARGETS_MAX)?,
        }
        match &self.members {
            Members::All => {}
            Members::Folders(some) if some.is_empty() => return wrong("members", "must select members"),
            Members::Accounts(some) if some.is_empty() => return wrong("members", "must select members"),
            Members::Folders(some) => most("members.folders", some.len(), FOLDERS_MAX)?,
            Members::Accounts(some) => most("members.accounts", some.len(), ACCOUNTS_MAX)?,
        }
        match (self.start, self.end) {
            (Some(start), Some(end)) if end <= start => wrong("end_time", "must be after the start"),
            _ => Ok(()),
        }
    }
}
