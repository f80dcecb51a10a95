//! Access facts, from the contract's form into core's. What is malformed is an error: a follower must not skip a fact
//! that it cannot read.

use bailiwick_core::{
    AccountId, DirectoryId, IdentityName, Owner, ResourceName, TrustedService,
    authz::{Fact, FactChange, IdentityFact, SystemPolicy},
};

use crate::r#type::v1::{AccessFact, AccessFactChange, DelegationFact, EnrolmentFact, access_fact::Kind};

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
    /// If a name in it is malformed, a policy or service in it unknown, or a membership without its incarnation.
    pub fn to_core(&self) -> Result<FactChange, FactError> {
        let kind = self.fact.as_ref().and_then(|fact| fact.kind.as_ref());
        let kind = kind.ok_or_else(|| FactError("no kind".to_owned()))?;
        let fact = if self.removed { gone(kind)? } else { held(kind)? };
        Ok(FactChange { fact, removed: self.removed })
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
            Some(Kind::Folder(f)) => format!("folder {}", f.folder),
            Some(Kind::Policy(f)) => format!("policy {}", f.policy),
            Some(Kind::Credential(f)) => format!("credential {}", f.credential),
        }
    }
}

/// A fact that holds: all of it is read.
fn held(kind: &Kind) -> Result<Fact, FactError> {
    Ok(match kind {
        Kind::Account(f) => Fact::Account {
            account: account(&f.account)?,
            membership: match f.directory.as_str() {
                "" => None,
                name => Some((directory(name)?, incarnation(&f.account, &f.incarnation)?)),
            },
        },
        Kind::Directory(f) => Fact::Directory {
            directory: directory(&f.directory)?,
            management_account: Some(account(&f.management_account)?),
        },
        Kind::Identity(f) => Fact::Identity {
            identity: read::<IdentityName>(&f.identity)?,
            fact: Some(IdentityFact {
                kind: f.kind().to_core().ok_or_else(|| FactError(format!("kind of `{}`", f.identity)))?,
                enabled: f.enabled,
                generation: f.generation,
                policies: f.policies.iter().map(|p| read::<SystemPolicy>(p)).collect::<Result<_, _>>()?,
            }),
        },
        Kind::TrustedAccess(_) => gone(kind)?,
        Kind::Delegation(DelegationFact { account, incarnation: text, .. })
        | Kind::Enrolment(EnrolmentFact { account, incarnation: text, .. }) => {
            incarnation(account, text)?;
            gone(kind)?
        }
        Kind::Invitation(f) => {
            let (directory, invitation) = invitation(&f.invitation)?;
            Fact::Invitation { directory, invitation, account: Some(account(&f.account)?) }
        }
        // Passed over until `decide` reads them: the removal of an invitation that nobody has.
        Kind::Folder(crate::r#type::v1::FolderFact { folder: name, .. })
        | Kind::Policy(crate::r#type::v1::PolicyFact { policy: name, .. }) => {
            let parsed = ResourceName::parse(name).map_err(|e| malformed(name, e))?;
            match parsed.owner() {
                Owner::Directory(directory) => Fact::Invitation { directory, invitation: String::new(), account: None },
                Owner::Account(_) => return Err(FactError("not read yet".to_owned())),
            }
        }
        Kind::Credential(_) => return Err(FactError("not read yet".to_owned())),
    })
}

/// A fact that no longer holds: only what identifies it is read, the rest need not be there.
fn gone(kind: &Kind) -> Result<Fact, FactError> {
    Ok(match kind {
        Kind::Account(f) => Fact::Account { account: account(&f.account)?, membership: None },
        Kind::Directory(f) => Fact::Directory { directory: directory(&f.directory)?, management_account: None },
        Kind::Identity(f) => Fact::Identity { identity: read::<IdentityName>(&f.identity)?, fact: None },
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
            let (directory, invitation) = invitation(&f.invitation)?;
            Fact::Invitation { directory, invitation, account: None }
        }
        // Passed over until `decide` reads them: the removal of an invitation that nobody has.
        Kind::Folder(crate::r#type::v1::FolderFact { folder: name, .. })
        | Kind::Policy(crate::r#type::v1::PolicyFact { policy: name, .. }) => {
            let parsed = ResourceName::parse(name).map_err(|e| malformed(name, e))?;
            match parsed.owner() {
                Owner::Directory(directory) => Fact::Invitation { directory, invitation: String::new(), account: None },
                Owner::Account(_) => return Err(FactError("not read yet".to_owned())),
            }
        }
        Kind::Credential(_) => return Err(FactError("not read yet".to_owned())),
    })
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
    let parsed = ResourceName::parse(name).map_err(|e| malformed(name, e))?;
    match parsed.owner() {
        Owner::Directory(directory) if directory.name() == name => Ok(directory),
        _ => Err(FactError(format!("`{name}` is no directory"))),
    }
}

fn invitation(name: &str) -> Result<(DirectoryId, String), FactError> {
    let parsed = ResourceName::parse(name).map_err(|e| malformed(name, e))?;
    let ids = parsed.ids("directories/{directory}/invitations/{invitation}").map_err(|e| malformed(name, e))?;
    match (parsed.owner(), ids) {
        (Owner::Directory(directory), [invitation]) => Ok((directory, invitation.to_owned())),
        (Owner::Account(_), _) => Err(FactError(format!("`{name}` is of no directory"))),
    }
}

/// Without it, what was of an earlier membership could not be told from what is of the present one.
fn incarnation(of: &str, text: &str) -> Result<String, FactError> {
    if text.is_empty() { Err(FactError(format!("no incarnation of `{of}`"))) } else { Ok(text.to_owned()) }
}

fn malformed(text: &str, error: impl std::fmt::Display) -> FactError {
    FactError(format!("`{text}`: {error}"))
}
