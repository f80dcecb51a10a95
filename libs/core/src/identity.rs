//! Identities: who calls, and who is recorded as the operator of a change.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{AccountId, NameError};

/// The kinds of identities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PrincipalKind {
    /// The root user of an account.
    Root,
    /// A RAM user.
    User,
    /// A RAM role.
    Role,
    /// A role that belongs to a trusted service.
    ServiceLinkedRole,
    /// Whoever runs this installation.
    PlatformOperator,
    /// A role of the suite itself.
    Service,
}

/// The name of an identity that has credentials (R-GW-01).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum IdentityName {
    /// `accounts/{account}/users/{user}`; the root user is `root`.
    User(AccountId, String),
    /// `accounts/{account}/roles/{role}`.
    Role(AccountId, String),
    /// `operators/{operator}`.
    Operator(String),
}

impl IdentityName {
    /// The id of every account's root user.
    pub const ROOT: &'static str = "root";

    /// The root user of an account.
    pub fn root(account: AccountId) -> Self {
        Self::User(account, Self::ROOT.to_owned())
    }

    /// The account that the identity belongs to; none for an operator of the platform.
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::User(account, _) | Self::Role(account, _) => Some(*account),
            Self::Operator(_) => None,
        }
    }

    /// Whether this is the root user of its account.
    pub fn is_root(&self) -> bool {
        matches!(self, Self::User(_, user) if user == Self::ROOT)
    }
}

impl fmt::Display for IdentityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(account, user) => write!(f, "accounts/{account}/users/{user}"),
            Self::Role(account, role) => write!(f, "accounts/{account}/roles/{role}"),
            Self::Operator(operator) => write!(f, "operators/{operator}"),
        }
    }
}

impl FromStr for IdentityName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let mut segments = text.split('/');
        let parts = [segments.next(), segments.next(), segments.next(), segments.next(), segments.next()];
        match parts {
            [Some("accounts"), Some(account), Some("users"), Some(user), None] if !user.is_empty() => {
                Ok(Self::User(account.parse()?, user.to_owned()))
            }
            [Some("accounts"), Some(account), Some("roles"), Some(role), None] if !role.is_empty() => {
                Ok(Self::Role(account.parse()?, role.to_owned()))
            }
            [Some("operators"), Some(operator), None, ..] if !operator.is_empty() => {
                Ok(Self::Operator(operator.to_owned()))
            }
            _ => Err(NameError::Pattern("accounts/{account}/users/{user}")),
        }
    }
}

/// Who made a change, as the change log keeps it (R-DIR-25, R-GW-09).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// Name of the identity, or `roles/{role}` for a role of the suite that acted of itself.
    pub principal: String,
    /// Its kind.
    pub kind: PrincipalKind,
    /// The account of the identity.
    pub account: Option<AccountId>,
    /// Id of the access key behind the token of the call; empty where there was none.
    pub access_key_id: String,
    /// Address of the client as the gateway saw it; empty where there was none.
    pub source_ip: String,
    /// Id of the call.
    pub call_id: String,
    /// The roles through which the call came, first first.
    pub via: Vec<crate::Role>,
    /// Of a role session: its name (E-GW-02).
    pub session_name: String,
    /// Of a role session: the identity that assumed the role, or the identity provider that vouched for the person.
    pub source_identity: String,
    /// The identity provider that signed in the person at the beginning; empty if none did.
    #[serde(default)]
    pub identity_provider: String,
    /// Who that person is there: the `sub` of the ID token.
    #[serde(default)]
    pub subject: String,
}

impl Operator {
    /// A role of the suite that acts of itself, as sweepers and followers do.
    pub fn service(role: crate::Role) -> Self {
        Self {
            principal: format!("roles/{role}"),
            kind: PrincipalKind::Service,
            account: None,
            access_key_id: String::new(),
            source_ip: String::new(),
            call_id: String::new(),
            via: vec![role],
            session_name: String::new(),
            source_identity: String::new(),
            identity_provider: String::new(),
            subject: String::new(),
        }
    }
}
