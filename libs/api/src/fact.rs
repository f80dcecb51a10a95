//! Access facts, from the contract's form into core's. What is malformed is an error: a follower must not skip a fact
//! that it cannot read.

use bailiwick_core::{
    AccountId, DirectoryId, IdentityName, Owner, ResourceName, TrustedService,
    authz::{Fact, FactChange, IdentityFact, SystemPolicy},
};

use crate::r#type::v1::{AccessFact, AccessFactChange, access_fact::Kind};

/// A fact that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed access fact: {0}")]
pub struct FactError(String);

impl AccessFactChange {
    /// A fact that holds.
    pub fn holds(kind: Kind) -> Self {
        Self { removed: false, fact: Some(AccessFact { kind: Some(kind) }) }
    }

    /// A fact that no longer holds.
    pub fn gone(kind: Kind) -> Self {
        Self { removed: true, fact: Some(AccessFact { kind: Some(kind) }) }
    }

    /// The change as core has it.
    ///
    /// # Errors
    /// If a name in it is malformed, or a policy or service in it unknown.
    pub fn to_core(&self) -> Result<FactChange, FactError> {
        let fact = self.fact.as_ref().ok_or_else(|| FactError("empty".to_owned()))?;
        Ok(FactChange { fact: fact.to_core()?, removed: self.removed })
    }
}

impl AccessFact {
    /// What the fact is about, as a text that is unique among all facts: facts of the same key replace each other.
    pub fn key(&self) -> String {
        match &self.kind {
            None => String::new(),
            Some(Kind::Account(f)) => format!("account {}", f.account),
            Some(Kind::Directory(f)) => format!("directory {}", f.directory),
            Some(Kind::Identity(f)) => format!("identity {}", f.identity),
            Some(Kind::TrustedAccess(f)) => format!("trusted-access {} {}", f.directory, f.trusted_service),
            Some(Kind::Delegation(f)) => format!("delegation {} {} {}", f.directory, f.trusted_service, f.account),
            Some(Kind::Enrolment(f)) => format!("enrolment {} {} {}", f.directory, f.trusted_service, f.account),
            Some(Kind::Invitation(f)) => format!("invitation {}", f.invitation),
        }
    }

    /// The fact as core has it.
    ///
    /// # Errors
    /// If a name in it is malformed, or a policy or service in it unknown.
    pub fn to_core(&self) -> Result<Fact, FactError> {
        Ok(match self.kind.as_ref().ok_or_else(|| FactError("no kind".to_owned()))? {
            Kind::Account(f) => Fact::Account {
                account: account(&f.account)?,
                membership: match f.directory.as_str() {
                    "" => None,
                    name => Some((directory(name)?, f.incarnation.clone())),
                },
            },
            Kind::Directory(f) => Fact::Directory {
                directory: directory(&f.directory)?,
                management_account: account(&f.management_account)?,
            },
            Kind::Identity(f) => Fact::Identity {
                identity: read::<IdentityName>(&f.identity)?,
                fact: IdentityFact {
                    kind: f.kind().to_core().ok_or_else(|| FactError(format!("kind of `{}`", f.identity)))?,
                    enabled: f.enabled,
                    generation: f.generation,
                    policies: f.policies.iter().map(|p| read::<SystemPolicy>(p)).collect::<Result<_, _>>()?,
                },
            },
            Kind::TrustedAccess(f) => {
                Fact::TrustedAccess { directory: directory(&f.directory)?, service: read(&f.trusted_service)? }
            }
            Kind::Delegation(f) => Fact::Delegation {
                directory: directory(&f.directory)?,
                service: read::<TrustedService>(&f.trusted_service)?,
                account: account(&f.account)?,
                incarnation: f.incarnation.clone(),
            },
            Kind::Enrolment(f) => Fact::Enrolment {
                directory: directory(&f.directory)?,
                service: read::<TrustedService>(&f.trusted_service)?,
                account: account(&f.account)?,
                incarnation: f.incarnation.clone(),
            },
            Kind::Invitation(f) => {
                let name = ResourceName::parse(&f.invitation).map_err(|e| malformed(&f.invitation, e))?;
                Fact::Invitation {
                    directory: owner_directory(name)?,
                    invitation: name.last().to_owned(),
                    account: account(&f.account)?,
                }
            }
        })
    }
}

fn read<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, FactError> {
    text.parse().map_err(|e| malformed(text, e))
}

fn account(name: &str) -> Result<AccountId, FactError> {
    let parsed = ResourceName::parse(name).map_err(|e| malformed(name, e))?;
    match parsed.owner() {
        Owner::Account(account) if account.name() == name => Ok(account),
        _ => Err(FactError(format!("`{name}` is no account"))),
    }
}

fn directory(name: &str) -> Result<DirectoryId, FactError> {
    owner_directory(ResourceName::parse(name).map_err(|e| malformed(name, e))?)
}

fn owner_directory(name: ResourceName<'_>) -> Result<DirectoryId, FactError> {
    match name.owner() {
        Owner::Directory(directory) => Ok(directory),
        Owner::Account(_) => Err(FactError(format!("`{}` is of no directory", name.as_str()))),
    }
}

fn malformed(text: &str, error: impl std::fmt::Display) -> FactError {
    FactError(format!("`{text}`: {error}"))
}
