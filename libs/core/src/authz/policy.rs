//! Permission policies: what an identity may do within the seats that its account holds.

use std::str::FromStr;

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

/// Whether a pattern, in which `*` stands for any characters, none included, matches an action. Runs in time
/// proportional to the product of the lengths at worst.
pub fn action_matches(pattern: &str, action: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = action.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        // The leftmost place is always the best one: it leaves the most for the parts that follow.
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_actions() {
        let cases = [
            ("*", "directory:CreateMember", true),
            ("directory:*", "directory:CreateMember", true),
            ("directory:*", "directoryx:CreateMember", false),
            ("directory:Get*", "directory:GetMember", true),
            ("directory:Get*", "directory:CreateMember", false),
            ("*:Get*", "sase:GetMember", true),
            ("*Get*er", "sase:GetMember", true),
            ("*Get*er", "sase:GetMembers", false),
            ("a*a", "a", false),
            ("a**a", "aa", true),
            ("directory:GetMember", "directory:GetMember", true),
            ("directory:GetMember", "directory:GetMembers", false),
            ("", "", true),
            ("", "x", false),
        ];
        for (pattern, action, expected) in cases {
            assert_eq!(action_matches(pattern, action), expected, "{pattern} {action}");
        }
    }

    #[test]
    fn every_system_policy_is_found_by_its_name() {
        for policy in SystemPolicy::ALL {
            assert_eq!(policy.name().parse::<SystemPolicy>(), Ok(policy));
        }
    }
}
