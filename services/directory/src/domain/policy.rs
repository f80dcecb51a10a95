//! Permission policies. System policies are the same in every account, and none is stored; custom ones are documents with
//! versions.

use std::{fmt, str::FromStr};

use bailiwick_core::{AccountId, Timestamp, authz::SystemPolicy};
use serde::{Deserialize, Serialize};

use super::{Error, Quota, Text, check_etag, etag};

/// Descriptions of policies, groups and roles.
pub const DESCRIPTION: Text = Text { min: 0, max: 1_024, lines: true };
/// Versions that a policy has at a time.
pub const VERSIONS_MAX: u32 = 5;
/// What only names of system policies begin with, those of later releases among them: a custom policy must never come to
/// be taken for one.
const SYSTEM_PREFIX: &str = "Aliyun";

/// Which policy of an account: the last part of its name. System policies come first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum PolicyId {
    /// A system policy.
    System(SystemPolicy),
    /// A custom policy, by its id, whether there is one or not.
    Custom(String),
}

/// A custom policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The account.
    pub account: AccountId,
    /// The id: unique in the account.
    pub id: String,
    /// What it is for; may be empty.
    pub description: String,
    /// Number of the version that counts.
    pub default_version: u32,
    /// Number of the last version that was made, whether it is still there or not.
    pub last_version: u32,
    /// When it was created.
    pub create_time: Timestamp,
    /// When it last changed.
    pub update_time: Timestamp,
    /// Grows with each change.
    pub version: i64,
}

/// A version of a custom policy. It does not change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyVersion {
    /// The account.
    pub account: AccountId,
    /// Id of the policy.
    pub policy: String,
    /// Its number, from 1.
    pub number: u32,
    /// The document: a permission policy that was read without mistakes.
    pub document: String,
    /// When it was created.
    pub create_time: Timestamp,
}

/// What is asked for. The texts are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPolicy {
    /// The id.
    pub id: String,
    /// What it is for; may be empty.
    pub description: String,
    /// The document.
    pub document: String,
}

/// A policy as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyView {
    /// The account that sees it.
    pub account: AccountId,
    /// Which one.
    pub id: PolicyId,
    /// The custom policy, with the document that counts; none of a system policy.
    pub custom: Option<(Policy, String)>,
    /// How many users, groups and roles of the account have it.
    pub attachments: u32,
}

/// Whether a text may be the id of a custom policy: 1 to 128 letters, digits and `-`, and no name that a system policy has
/// or may come to have.
pub fn is_policy_id(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    (1..=128).contains(&text.len())
        && text.bytes().all(allowed)
        && !text.starts_with(SYSTEM_PREFIX)
        && text.parse::<SystemPolicy>().is_err()
}

/// The system policies after the one named `after`, in the order of their names: at most `limit`.
pub fn system_page(after: &str, limit: usize) -> Vec<SystemPolicy> {
    let mut all = SystemPolicy::ALL;
    all.sort_by_key(|policy| policy.name());
    all.into_iter().filter(|policy| policy.name() > after).take(limit).collect()
}

impl PolicyId {
    /// The id.
    pub fn id(&self) -> &str {
        match self {
            Self::System(policy) => policy.name(),
            Self::Custom(id) => id,
        }
    }

    /// The resource name as an account sees it.
    pub fn name(&self, account: AccountId) -> String {
        format!("{}/policies/{}", account.name(), self.id())
    }

    /// The id of a custom policy. System policies are refused: nobody changes them.
    pub fn custom(&self, account: AccountId) -> Result<&str, Error> {
        match self {
            Self::System(_) => Err(Error::SystemPolicyImmutable(self.name(account))),
            Self::Custom(id) => Ok(id),
        }
    }
}

impl From<&str> for PolicyId {
    fn from(id: &str) -> Self {
        id.parse().map_or_else(|_| Self::Custom(id.to_owned()), Self::System)
    }
}

impl From<String> for PolicyId {
    fn from(id: String) -> Self {
        Self::from(id.as_str())
    }
}

impl From<PolicyId> for String {
    fn from(policy: PolicyId) -> Self {
        policy.id().to_owned()
    }
}

impl From<SystemPolicy> for PolicyId {
    fn from(policy: SystemPolicy) -> Self {
        Self::System(policy)
    }
}

/// Number of the version of an id, such as `v1`.
pub fn version_number(id: &str) -> Option<u32> {
    let number = id.strip_prefix('v')?;
    let plain = number.bytes().all(|b| b.is_ascii_digit()) && !number.starts_with('0');
    if plain { u32::from_str(number).ok() } else { None }
}

impl Policy {
    /// A new policy with its first version. `policies` is how many custom ones the account has.
    pub fn create(
        account: AccountId,
        new: NewPolicy,
        exists: bool,
        policies: u32,
        limit: u32,
        now: Timestamp,
    ) -> Result<(Self, PolicyVersion), Error> {
        let NewPolicy { id, description, document } = new;
        if exists {
            return Err(Error::ResourceExists(PolicyId::Custom(id).name(account)));
        }
        Quota::Policies.room(policies, limit)?;
        let first = PolicyVersion { account, policy: id.clone(), number: 1, document, create_time: now };
        let policy = Self {
            account,
            id,
            description,
            default_version: 1,
            last_version: 1,
            create_time: now,
            update_time: now,
            version: 1,
        };
        Ok((policy, first))
    }

    /// A further version, which counts if it is to. `versions` is how many there are.
    pub fn add_version(
        &self,
        document: String,
        counts: bool,
        versions: u32,
        now: Timestamp,
    ) -> Result<(Self, PolicyVersion), Error> {
        Quota::PolicyVersions.room(versions, VERSIONS_MAX)?;
        let number = self.last_version + 1;
        let default_version = if counts { number } else { self.default_version };
        let changed = Self { default_version, last_version: number, ..self.changed(now) };
        let added =
            PolicyVersion { account: self.account, policy: self.id.clone(), number, document, create_time: now };
        Ok((changed, added))
    }

    /// Makes another version count; none if it counts already.
    pub fn set_default(&self, to: &PolicyVersion, asked_etag: &str, now: Timestamp) -> Result<Option<Self>, Error> {
        check_etag(asked_etag, &self.etag(), || self.name())?;
        let changed = (self.default_version != to.number).then(|| self.changed(now));
        Ok(changed.map(|changed| Self { default_version: to.number, ..changed }))
    }

    /// Decides the deletion of a version.
    pub fn delete_version(&self, version: &PolicyVersion, now: Timestamp) -> Result<Self, Error> {
        if self.default_version == version.number {
            return Err(Error::PolicyVersionInUse(version.name()));
        }
        Ok(self.changed(now))
    }

    /// Decides a deletion. `attachments` is how many users, groups and roles have the policy.
    pub fn delete(&self, attachments: u32, asked_etag: &str) -> Result<(), Error> {
        check_etag(asked_etag, &self.etag(), || self.name())?;
        if attachments > 0 {
            return Err(Error::PolicyInUse { policy: self.name(), attachments });
        }
        Ok(())
    }

    fn changed(&self, now: Timestamp) -> Self {
        Self { update_time: now, version: self.version + 1, ..self.clone() }
    }

    /// The resource name.
    pub fn name(&self) -> String {
        format!("{}/policies/{}", self.account.name(), self.id)
    }

    /// The etag.
    pub fn etag(&self) -> String {
        etag(self.create_time, self.version)
    }
}

impl PolicyVersion {
    /// The id, such as `v1`.
    pub fn id(&self) -> String {
        VersionId(self.number).to_string()
    }

    /// The resource name.
    pub fn name(&self) -> String {
        format!("{}/policies/{}/versions/{}", self.account.name(), self.policy, VersionId(self.number))
    }
}

/// The id of a version of this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionId(pub u32);

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

#[cfg(test)]
mod tests;
