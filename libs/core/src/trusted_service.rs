//! The catalogue of trusted services: what can be delegated, and what a service may do in a member.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Role;

/// A service that can be delegated to a member (R-DEL-05).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrustedService {
    /// Security Center: the multi-account control list and posture (document 000).
    SecurityCenter,
    /// Security Center - Threat Analysis: the Agentic SOC (document 001).
    ThreatAnalysis,
    /// Secure Access Service Edge (document 002).
    Sase,
    /// Bastionhost (document 004).
    Bastionhost,
}

/// A role that a trusted service has inside each member in its scope (R-DEL-14, R-DEL-15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceLinkedRole {
    /// Name of the role in the member account.
    pub name: &'static str,
    /// What the service does with it.
    pub description: &'static str,
    /// The actions that it allows; every other is denied.
    pub actions: &'static [&'static str],
}

impl TrustedService {
    /// All trusted services.
    pub const ALL: [Self; 4] = [Self::SecurityCenter, Self::ThreatAnalysis, Self::Sase, Self::Bastionhost];

    /// The id in resource names.
    pub const fn id(self) -> &'static str {
        match self {
            Self::SecurityCenter => "security-center",
            Self::ThreatAnalysis => "threat-analysis",
            Self::Sase => "sase",
            Self::Bastionhost => "bastionhost",
        }
    }

    /// The name that people know it by.
    pub const fn display_name(self) -> &'static str {
        match self {
            Self::SecurityCenter => "Security Center",
            Self::ThreatAnalysis => "Security Center - Threat Analysis",
            Self::Sase => "Secure Access Service Edge",
            Self::Bastionhost => "Bastionhost",
        }
    }

    /// The service whose designations and trusted access this one takes over, and which it cannot have by itself
    /// (R-DEL-06).
    pub const fn follows(self) -> Option<Self> {
        match self {
            Self::ThreatAnalysis => Some(Self::SecurityCenter),
            Self::SecurityCenter | Self::Sase | Self::Bastionhost => None,
        }
    }

    /// The services whose designations and trusted access change together with this one's, itself first.
    pub fn with_followers(self) -> impl Iterator<Item = Self> {
        std::iter::once(self).chain(Self::ALL.into_iter().filter(move |service| service.follows() == Some(self)))
    }

    /// The role of the suite that enrols members for it.
    pub const fn owner(self) -> Role {
        match self {
            Self::SecurityCenter | Self::ThreatAnalysis => Role::SecurityCenter,
            Self::Sase => Role::SasePolicy,
            Self::Bastionhost => Role::BastionAudit,
        }
    }

    /// How many delegated administrators it can have in one directory (E-DEL-03).
    pub const fn max_delegated_administrators(self) -> usize {
        match self {
            Self::SecurityCenter | Self::ThreatAnalysis => 1,
            Self::Sase | Self::Bastionhost => 3,
        }
    }

    /// The roles that it needs in each enrolled member.
    pub const fn service_linked_roles(self) -> &'static [ServiceLinkedRole] {
        match self {
            Self::SecurityCenter => &[ServiceLinkedRole {
                name: "AliyunServiceRoleForSas",
                description: "Security Center reads the configuration and the risks of the account.",
                actions: &["securitycenter:Get*", "securitycenter:List*"],
            }],
            Self::ThreatAnalysis => &[
                ServiceLinkedRole {
                    name: "AliyunServiceRoleForSasRd",
                    description: "Threat Analysis reads the account's place in the directory and its products.",
                    actions: &["directory:GetMember", "soc:ListLogServices", "soc:ListLogstores"],
                },
                ServiceLinkedRole {
                    name: "AliyunServiceRoleForSasCloudSiem",
                    description: "Threat Analysis reads the logs of the account in real time.",
                    actions: &["soc:ConsumeLogs"],
                },
            ],
            Self::Sase => &[ServiceLinkedRole {
                name: "AliyunServiceRoleForCsas",
                description: "SASE reads the private applications of the account.",
                actions: &["sase:ListApplications"],
            }],
            Self::Bastionhost => &[ServiceLinkedRole {
                name: "AliyunServiceRoleForBastionhost",
                description: "Bastionhost reads the hosts and databases of the account.",
                actions: &["bastion:ListDiscoveredAssets"],
            }],
        }
    }

    /// The service that a service-linked role of this name belongs to, and the role.
    pub fn of_role(name: &str) -> Option<(Self, &'static ServiceLinkedRole)> {
        Self::ALL.into_iter().find_map(|service| {
            service.service_linked_roles().iter().find(|role| role.name == name).map(|role| (service, role))
        })
    }

    pub(crate) const fn bit(self) -> u8 {
        match self {
            Self::SecurityCenter => 1,
            Self::ThreatAnalysis => 2,
            Self::Sase => 4,
            Self::Bastionhost => 8,
        }
    }
}

impl FromStr for TrustedService {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|service| service.id() == text);
        known.ok_or_else(|| format!("there is no trusted service `{text}`"))
    }
}

impl fmt::Display for TrustedService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}
