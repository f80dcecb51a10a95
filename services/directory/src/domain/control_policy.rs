//! Control policies: the most that identities of members may be allowed (E-DIR-26, E-DIR-27, E-DIR-29).

use bailiwick_core::{AccountId, DirectoryId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Error, check_etag, etag, folder};

/// Id of the system policy that every folder and member has from its beginning, and that nobody changes.
pub const FULL_ACCESS: &str = "FullAliyunAccess";
/// What it says.
pub const FULL_ACCESS_DOCUMENT: &str =
    r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const FULL_ACCESS_DESCRIPTION: &str = "Bounds nothing. Attached to every folder and member from its beginning.";
/// Longest id.
const ID_LEN_MAX: usize = 128;

/// A control policy. Its document has been read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlPolicy {
    /// The directory.
    pub directory: DirectoryId,
    /// Its id, unique in the directory.
    pub id: String,
    /// What it is for.
    pub description: String,
    /// A policy document.
    pub document: String,
    /// When it was created; of the system policy, when the directory was.
    pub create_time: Timestamp,
    /// When it last changed.
    pub update_time: Timestamp,
    /// Grows with each change.
    pub version: i64,
}

/// A control policy as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlPolicyView {
    /// The policy.
    pub policy: ControlPolicy,
    /// How many folders and members it is attached to.
    pub attachments: u32,
}

/// What a control policy is attached to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Node {
    /// The folder of an id.
    Folder(String),
    /// A member.
    Member(AccountId),
}

/// That a control policy is attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Id of the policy.
    pub policy: String,
    /// To what.
    pub node: Node,
    /// When; none if it was there from the first.
    pub attach_time: Option<Timestamp>,
}

/// What is to change of a control policy; none stays as it is. The texts are checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlPolicyChange {
    /// What it is for.
    pub description: Option<String>,
    /// A policy document.
    pub document: Option<String>,
}

/// Bounds of control policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Most custom policies of a directory (E-DIR-29).
    pub policies_max: u32,
    /// Most policies on one folder or member (E-DIR-26).
    pub attached_max: u32,
}

/// A node on the path from the root folder to a member, with what is attached to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveNode {
    /// The folder or member.
    pub node: Node,
    /// What bounds there.
    pub policies: Vec<ControlPolicyView>,
}

/// What bounds a member (E-DIR-32).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// Whether the directory has control policies switched on.
    pub enabled: bool,
    /// From the root folder down to the member.
    pub nodes: Vec<EffectiveNode>,
}

/// Whether a text can be the id of a control policy: 1 to 128 letters, digits and `-`.
pub fn is_policy_id(text: &str) -> bool {
    (1..=ID_LEN_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// The resource name of a control policy.
pub fn name(directory: DirectoryId, id: &str) -> String {
    format!("{}/controlPolicies/{id}", directory.name())
}

impl Node {
    /// The resource name.
    pub fn name(&self, directory: DirectoryId) -> String {
        match self {
            Self::Folder(id) => folder::name(directory, id),
            Self::Member(account) => format!("{}/members/{account}", directory.name()),
        }
    }
}

impl ControlPolicy {
    /// A new custom policy; `custom` is how many there are. No id is the system policy's in other letters.
    pub fn create(new: Self, taken: bool, custom: u32, bounds: Bounds) -> Result<Self, Error> {
        if taken || new.id.eq_ignore_ascii_case(FULL_ACCESS) {
            return Err(Error::ControlPolicyExists(new.id));
        }
        if custom >= bounds.policies_max {
            return Err(Error::ControlPolicyQuotaExceeded { on: None, limit: bounds.policies_max });
        }
        Ok(new)
    }

    /// The system policy of a directory.
    pub fn full_access(directory: DirectoryId, created: Timestamp) -> Self {
        Self {
            directory,
            id: FULL_ACCESS.to_owned(),
            description: FULL_ACCESS_DESCRIPTION.to_owned(),
            document: FULL_ACCESS_DOCUMENT.to_owned(),
            create_time: created,
            update_time: created,
            version: 1,
        }
    }

    /// Whether nobody changes it.
    pub fn is_system(&self) -> bool {
        self.id == FULL_ACCESS
    }

    /// Changes it.
    pub fn update(&self, change: ControlPolicyChange, asked_etag: &str, now: Timestamp) -> Result<Self, Error> {
        self.changeable(asked_etag)?;
        Ok(Self {
            description: change.description.unwrap_or_else(|| self.description.clone()),
            document: change.document.unwrap_or_else(|| self.document.clone()),
            update_time: now,
            version: self.version + 1,
            ..self.clone()
        })
    }

    /// Whether it can be deleted: only when it is attached nowhere.
    pub fn delete(&self, attachments: u32, asked_etag: &str) -> Result<(), Error> {
        self.changeable(asked_etag)?;
        if attachments > 0 { Err(Error::ControlPolicyInUse { policy: self.name(), attachments }) } else { Ok(()) }
    }

    fn changeable(&self, asked_etag: &str) -> Result<(), Error> {
        if self.is_system() {
            return Err(Error::SystemPolicyImmutable(self.name()));
        }
        check_etag(asked_etag, &self.etag(), || self.name())
    }

    /// The resource name.
    pub fn name(&self) -> String {
        name(self.directory, &self.id)
    }

    /// The etag.
    pub fn etag(&self) -> String {
        etag(self.create_time, self.version)
    }
}

/// What is attached to a node, sorted, with one more policy.
pub fn attach(policy: &ControlPolicy, node: &Node, attached: &[String], bounds: Bounds) -> Result<Vec<String>, Error> {
    if attached.contains(&policy.id) {
        let (policy, target) = (policy.name(), node.name(policy.directory));
        return Err(Error::ControlPolicyAttached { policy, target });
    }
    if attached.len() >= usize::try_from(bounds.attached_max).unwrap_or(usize::MAX) {
        let on = Some(node.name(policy.directory));
        return Err(Error::ControlPolicyQuotaExceeded { on, limit: bounds.attached_max });
    }
    let mut more = attached.to_vec();
    more.push(policy.id.clone());
    more.sort();
    Ok(more)
}

/// What is attached to a node without a policy: one at least (E-DIR-26).
pub fn detach(policy: &ControlPolicy, node: &Node, attached: &[String]) -> Result<Vec<String>, Error> {
    let target = || node.name(policy.directory);
    if !attached.contains(&policy.id) {
        return Err(Error::ControlPolicyNotAttached { policy: policy.name(), target: target() });
    }
    if attached.len() == 1 {
        return Err(Error::LastControlPolicy(target()));
    }
    Ok(attached.iter().filter(|id| **id != policy.id).cloned().collect())
}

#[cfg(test)]
mod tests;
