//! References to policies: what is attached to identities, folders and accounts.

use std::str::FromStr;

use crate::{Owner, ResourceName};

use super::SystemPolicy;

/// A policy that is attached to an identity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttachedPolicy {
    /// One that every account has.
    System(SystemPolicy),
    /// `accounts/{account}/policies/{policy}`, whose document is a fact.
    Custom(String),
}

/// A control policy that is attached to a folder or an account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ControlPolicy {
    /// The one that every directory has, and that allows everything (E-DIR-26).
    FullAccess,
    /// `directories/{directory}/controlPolicies/{control_policy}`, whose document is a fact.
    Custom(String),
}

impl AttachedPolicy {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::System(policy) => policy.name(),
            Self::Custom(name) => name,
        }
    }
}

impl ControlPolicy {
    /// The id of the system control policy.
    pub const FULL_ACCESS: &'static str = "FullAliyunAccess";

    /// Its name; of the system control policy, its id.
    pub fn name(&self) -> &str {
        match self {
            Self::FullAccess => Self::FULL_ACCESS,
            Self::Custom(name) => name,
        }
    }
}

impl From<SystemPolicy> for AttachedPolicy {
    fn from(policy: SystemPolicy) -> Self {
        Self::System(policy)
    }
}

impl FromStr for AttachedPolicy {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if !name.contains('/') {
            return name.parse().map(Self::System);
        }
        let parsed = ResourceName::parse(name).map_err(|error| error.to_string())?;
        let [_] = parsed.ids("accounts/{account}/policies/{policy}").map_err(|error| error.to_string())?;
        Ok(Self::Custom(name.to_owned()))
    }
}

impl FromStr for ControlPolicy {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let parsed = ResourceName::parse(name).map_err(|error| error.to_string())?;
        let [id] = parsed
            .ids("directories/{directory}/controlPolicies/{control_policy}")
            .map_err(|error| error.to_string())?;
        match (parsed.owner(), id) {
            (Owner::Account(_), _) => Err(format!("`{name}` is of no directory")),
            (Owner::Directory(_), Self::FULL_ACCESS) => Ok(Self::FullAccess),
            (Owner::Directory(_), _) => Ok(Self::Custom(name.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_known_by_their_names() {
        let custom = "accounts/1000000000000001/policies/auditors";
        assert_eq!(custom.parse(), Ok(AttachedPolicy::Custom(custom.to_owned())));
        assert_eq!("AdministratorAccess".parse(), Ok(AttachedPolicy::System(SystemPolicy::AdministratorAccess)));
        for name in ["NoSuchAccess", "accounts/1000000000000001/users/x", "accounts/1/policies/x"] {
            assert!(name.parse::<AttachedPolicy>().is_err(), "{name}");
        }
        let home = "directories/rd-0000000000001/controlPolicies";
        assert_eq!(format!("{home}/FullAliyunAccess").parse(), Ok(ControlPolicy::FullAccess));
        let custom = format!("{home}/freeze");
        assert_eq!(custom.parse(), Ok(ControlPolicy::Custom(custom.clone())));
        for name in [
            "FullAliyunAccess",
            "directories/rd-0000000000001/folders/x",
            "accounts/1000000000000001/controlPolicies/x",
        ] {
            assert!(name.parse::<ControlPolicy>().is_err(), "{name}");
        }
    }
}
