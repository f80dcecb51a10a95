//! The roles of the suite: what one process, or one part of the single process, is.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Accounts, directories, members, identities, tokens.
    Directory,
    /// Trusted services, delegated administrators, enrolments, the order of access facts.
    Delegation,
    /// Control list and Agentic SOC.
    SecurityCenter,
    /// SASE.
    SasePolicy,
    /// Bastion hosts and the audit trail.
    BastionAudit,
    /// The public address.
    Gateway,
}

impl Role {
    /// All roles, each after those that it calls.
    pub const ALL: [Self; 6] =
        [Self::Directory, Self::Delegation, Self::SecurityCenter, Self::SasePolicy, Self::BastionAudit, Self::Gateway];

    /// The name in configuration, certificates and the contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::Delegation => "delegation",
            Self::SecurityCenter => "security-center",
            Self::SasePolicy => "sase-policy",
            Self::BastionAudit => "bastion-audit",
            Self::Gateway => "gateway",
        }
    }

    /// Whether the role keeps state in a database.
    pub const fn has_database(self) -> bool {
        !matches!(self, Self::Gateway)
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| format!("there is no role `{text}`"))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
