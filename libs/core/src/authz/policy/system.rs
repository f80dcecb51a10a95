//! The policies that every account has.

use std::{str::FromStr, sync::LazyLock};

use super::{Document, action_matches};

/// A policy that every account has, named as the product documents name it. Each lists the actions that it allows, `*`
/// standing for any characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SystemPolicy {
    /// Everything in the account.
    AdministratorAccess,
    /// Everything in the directory and its delegation (R-DIR-24, R-GW-06).
    ResourceDirectoryFullAccess,
    /// Reading the directory and its delegation.
    ResourceDirectoryReadOnlyAccess,
    /// Users, keys, policies and roles.
    RamFullAccess,
    /// Security Center with its Agentic SOC.
    SecurityCenterFullAccess,
    /// Reading Security Center.
    SecurityCenterReadOnlyAccess,
    /// SASE.
    SaseFullAccess,
    /// The bastion host (R-GW-07).
    BastionHostFullAccess,
    /// Reading the audit trail.
    ActionTrailReadOnlyAccess,
}

impl SystemPolicy {
    /// All system policies.
    pub const ALL: [Self; 9] = [
        Self::AdministratorAccess,
        Self::ResourceDirectoryFullAccess,
        Self::ResourceDirectoryReadOnlyAccess,
        Self::RamFullAccess,
        Self::SecurityCenterFullAccess,
        Self::SecurityCenterReadOnlyAccess,
        Self::SaseFullAccess,
        Self::BastionHostFullAccess,
        Self::ActionTrailReadOnlyAccess,
    ];

    /// The name that identities are given it by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AdministratorAccess => "AdministratorAccess",
            Self::ResourceDirectoryFullAccess => "AliyunResourceDirectoryFullAccess",
            Self::ResourceDirectoryReadOnlyAccess => "AliyunResourceDirectoryReadOnlyAccess",
            Self::RamFullAccess => "AliyunRAMFullAccess",
            Self::SecurityCenterFullAccess => "AliyunYundunSASFullAccess",
            Self::SecurityCenterReadOnlyAccess => "AliyunYundunSASReadOnlyAccess",
            Self::SaseFullAccess => "AliyunCSASFullAccess",
            Self::BastionHostFullAccess => "AliyunYundunBastionHostFullAccess",
            Self::ActionTrailReadOnlyAccess => "AliyunActionTrailReadOnlyAccess",
        }
    }

    /// What it is for, in one sentence.
    pub const fn description(self) -> &'static str {
        match self {
            Self::AdministratorAccess => "Everything that the account itself may do.",
            Self::ResourceDirectoryFullAccess => "Manages the resource directory and its delegation.",
            Self::ResourceDirectoryReadOnlyAccess => "Reads the resource directory and its delegation.",
            Self::RamFullAccess => "Manages users, access keys, policies and roles of the account.",
            Self::SecurityCenterFullAccess => "Manages Security Center and its Agentic SOC.",
            Self::SecurityCenterReadOnlyAccess => "Reads Security Center and its Agentic SOC.",
            Self::SaseFullAccess => "Manages SASE.",
            Self::BastionHostFullAccess => "Manages bastion hosts.",
            Self::ActionTrailReadOnlyAccess => "Reads the operation audit trail.",
        }
    }

    /// The actions that it allows.
    pub const fn actions(self) -> &'static [&'static str] {
        match self {
            Self::AdministratorAccess => &["*"],
            Self::ResourceDirectoryFullAccess => &["directory:*", "delegation:*"],
            Self::ResourceDirectoryReadOnlyAccess => {
                &["directory:Get*", "directory:List*", "delegation:Get*", "delegation:List*"]
            }
            Self::RamFullAccess => &["ram:*"],
            Self::SecurityCenterFullAccess => &["securitycenter:*", "soc:*"],
            Self::SecurityCenterReadOnlyAccess => {
                &["securitycenter:Get*", "securitycenter:List*", "soc:Get*", "soc:List*"]
            }
            Self::SaseFullAccess => &["sase:*"],
            Self::BastionHostFullAccess => &["bastion:*"],
            Self::ActionTrailReadOnlyAccess => &["audit:List*", "audit:Get*"],
        }
    }

    /// It as a document, so that it is evaluated as every other.
    pub fn document(self) -> &'static Document {
        static DOCUMENTS: LazyLock<[Document; 9]> =
            LazyLock::new(|| SystemPolicy::ALL.map(|policy| Document::allowing(policy.actions())));
        let [
            administrator,
            directory,
            directory_read,
            ram,
            security_center,
            security_center_read,
            sase,
            bastion,
            trail,
        ] = &*DOCUMENTS;
        match self {
            Self::AdministratorAccess => administrator,
            Self::ResourceDirectoryFullAccess => directory,
            Self::ResourceDirectoryReadOnlyAccess => directory_read,
            Self::RamFullAccess => ram,
            Self::SecurityCenterFullAccess => security_center,
            Self::SecurityCenterReadOnlyAccess => security_center_read,
            Self::SaseFullAccess => sase,
            Self::BastionHostFullAccess => bastion,
            Self::ActionTrailReadOnlyAccess => trail,
        }
    }

    /// Whether it allows an action.
    pub fn allows(self, action: &str) -> bool {
        self.actions().iter().any(|pattern| action_matches(pattern, action))
    }
}

impl FromStr for SystemPolicy {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|policy| policy.name() == name);
        known.ok_or_else(|| format!("there is no policy `{name}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authz::policy::Kind;

    #[test]
    fn every_system_policy_is_found_by_its_name() {
        for policy in SystemPolicy::ALL {
            assert_eq!(policy.name().parse::<SystemPolicy>(), Ok(policy));
        }
    }

    #[test]
    fn every_system_policy_is_a_document_like_any_other() {
        for policy in SystemPolicy::ALL {
            let document = policy.document();
            assert_eq!(Document::parse(Kind::Permission, document.text()).as_ref(), Ok(document));
            assert_eq!(*document, Document::allowing(policy.actions()), "{policy:?}");
        }
    }
}
