//! Roles: identities without credentials of their own, which others assume.

use bailiwick_core::{AccountId, DirectoryId, IdentityName, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Error, Quota, account::Account, check_etag, etag, linked_role::LinkedRole, policy::PolicyId};

/// The role of a created member that the identities of the management account assume, unless it is named otherwise.
pub const ACCESS_ROLE: &str = "ResourceDirectoryAccountAccessRole";
/// The shortest of the longest sessions, and what a role has that none was told of, in seconds (E-GW-02).
pub const SESSION_SECONDS_MIN: u32 = 3_600;
/// The longest session of all, in seconds (E-GW-02).
pub const SESSION_SECONDS_MAX: u32 = 43_200;
/// What only names of service-linked roles begin with, those of later releases among them.
const LINKED_PREFIX: &str = "AliyunServiceRoleFor";

/// A role that is not service-linked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// The account.
    pub account: AccountId,
    /// The id: unique in the account, among service-linked roles too.
    pub id: String,
    /// What it is for; may be empty.
    pub description: String,
    /// Who may assume it: a trust policy that was read without mistakes.
    pub trust_policy: String,
    /// Longest session, in seconds.
    pub max_session_seconds: u32,
    /// The policies attached, each once and in order.
    pub policies: Vec<PolicyId>,
    /// Tokens of an earlier generation are dead.
    pub generation: i64,
    /// The directory for whose management account it was made together with the account; it ends with the membership.
    pub access_from: Option<DirectoryId>,
    /// When it was created.
    pub create_time: Timestamp,
    /// When it last changed.
    pub update_time: Timestamp,
    /// When it was last assumed, to the minute; none if never.
    pub last_use_time: Option<Timestamp>,
    /// Grows with each change.
    pub version: i64,
}

/// A role of either kind, as lists have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnyRole {
    /// One of the account's own.
    Own(Role),
    /// One of a trusted service (R-DEL-14).
    Linked(LinkedRole),
}

/// What is asked for. The texts are checked, and the bounds of sessions are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRole {
    /// The id.
    pub id: String,
    /// What it is for; may be empty.
    pub description: String,
    /// Who may assume it.
    pub trust_policy: String,
    /// Longest session, in seconds.
    pub max_session_seconds: u32,
}

/// What is to change. The texts are checked, and the bounds of sessions are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleUpdate {
    /// What it is for.
    pub description: Option<String>,
    /// Who may assume it.
    pub trust_policy: Option<String>,
    /// Longest session, in seconds.
    pub max_session_seconds: Option<u32>,
}

/// Whether a text may be the id of a role of an account's own: 1 to 64 letters, digits, `-`, `_` and `.`, beginning with a
/// letter or digit, and no name that a service-linked role has or may come to have.
pub fn is_role_id(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric();
    (1..=64).contains(&text.len())
        && text.bytes().next().is_some_and(plain)
        && text.bytes().all(|b| plain(b) || b"-_.".contains(&b))
        && !text.starts_with(LINKED_PREFIX)
}

/// The longest session that is asked for, in seconds: the shortest such if none is; none out of bounds.
pub fn max_session_seconds(asked: i32) -> Option<u32> {
    match u32::try_from(asked).ok()? {
        0 => Some(SESSION_SECONDS_MIN),
        seconds => (SESSION_SECONDS_MIN..=SESSION_SECONDS_MAX).contains(&seconds).then_some(seconds),
    }
}

impl Role {
    /// A new role, which may do nothing yet. `roles` is how many the account has, service-linked ones not counted.
    pub fn create(
        account: &mut Account,
        new: NewRole,
        exists: bool,
        roles: u32,
        limit: u32,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let NewRole { id, description, trust_policy, max_session_seconds } = new;
        if exists {
            return Err(Error::ResourceExists(IdentityName::Role(account.id, id).to_string()));
        }
        Quota::Roles.room(roles, limit)?;
        Ok(Self {
            account: account.id,
            id,
            description,
            trust_policy,
            max_session_seconds,
            policies: Vec::new(),
            generation: account.next_generation(),
            access_from: None,
            create_time: now,
            update_time: now,
            last_use_time: None,
            version: 1,
        })
    }

    /// Changes it; none if there is nothing to change.
    pub fn update(&self, new: RoleUpdate, asked_etag: &str, now: Timestamp) -> Result<Option<Self>, Error> {
        self.check(asked_etag)?;
        let RoleUpdate { description, trust_policy, max_session_seconds } = new;
        let updated = Self {
            description: description.unwrap_or_else(|| self.description.clone()),
            trust_policy: trust_policy.unwrap_or_else(|| self.trust_policy.clone()),
            max_session_seconds: max_session_seconds.unwrap_or(self.max_session_seconds),
            ..self.clone()
        };
        Ok((updated != *self).then(|| Self { update_time: now, version: self.version + 1, ..updated }))
    }

    /// Refuses another etag than the present one.
    pub fn check(&self, asked_etag: &str) -> Result<(), Error> {
        check_etag(asked_etag, &self.etag(), || self.name())
    }

    /// The role with other policies.
    pub fn with_policies(&self, policies: Vec<PolicyId>, now: Timestamp) -> Self {
        Self { policies, update_time: now, version: self.version + 1, ..self.clone() }
    }

    /// The identity.
    pub fn identity(&self) -> IdentityName {
        IdentityName::Role(self.account, self.id.clone())
    }

    /// The resource name.
    pub fn name(&self) -> String {
        self.identity().to_string()
    }

    /// The etag.
    pub fn etag(&self) -> String {
        etag(self.create_time, self.version)
    }
}

impl AnyRole {
    /// The id.
    pub fn id(&self) -> &str {
        match self {
            Self::Own(role) => &role.id,
            Self::Linked(role) => &role.id,
        }
    }

    /// The role, to be changed. Service-linked ones are refused: only their services change them (E-DEL-12).
    pub fn own(self) -> Result<Role, Error> {
        match self {
            Self::Own(role) => Ok(role),
            Self::Linked(role) => Err(Error::ServiceLinkedRoleImmutable { role: role.name(), service: role.service }),
        }
    }
}

#[cfg(test)]
mod tests;
