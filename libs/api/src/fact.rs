//! Access facts, from the contract's form into core's. What is malformed is an error: a follower must not skip a fact
//! that it cannot read.

use bailiwick_core::{
    AccountId, DirectoryId, IdentityName, Owner, ResourceName, Timestamp, TrustedService,
    authz::{
        ControlPolicy, CredentialFact, Document, Fact, FactChange, FolderFact, IdentityFact, Placement, PolicyKind,
    },
};

use crate::r#type::v1::{self as pb, AccessFact, AccessFactChange, DelegationFact, EnrolmentFact, access_fact::Kind};

/// A fact that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed access fact: {0}")]
pub struct FactError(String);

impl AccessFactChange {
    /// A fact that holds.
    pub fn holds(kind: Kind) -> Self {
        Self { removed: false, fact: Some(AccessFact { kind: Some(kind) }) }
    }

    /// A fact that no longer holds. It carries what identifies it and no more: many can end with one change, which has a
    /// bound.
    pub fn gone(kind: Kind) -> Self {
        let kind = match kind {
            Kind::Account(f) => Kind::Account(pb::AccountFact { account: f.account, ..pb::AccountFact::default() }),
            Kind::Directory(f) => {
                Kind::Directory(pb::DirectoryFact { directory: f.directory, ..pb::DirectoryFact::default() })
            }
            Kind::Identity(f) => {
                Kind::Identity(pb::IdentityFact { identity: f.identity, ..pb::IdentityFact::default() })
            }
            Kind::Folder(f) => Kind::Folder(pb::FolderFact { folder: f.folder, ..pb::FolderFact::default() }),
            Kind::Policy(f) => Kind::Policy(pb::PolicyFact { policy: f.policy, ..pb::PolicyFact::default() }),
            Kind::Credential(f) => {
                Kind::Credential(pb::CredentialFact { credential: f.credential, ..pb::CredentialFact::default() })
            }
            Kind::RootUser(f) => Kind::RootUser(pb::RootUserFact { account: f.account, ..pb::RootUserFact::default() }),
            Kind::Invitation(f) => {
                Kind::Invitation(pb::InvitationFact { invitation: f.invitation, ..pb::InvitationFact::default() })
            }
            // Which membership or enrolment is meant is part of it, if it is told.
            other @ (Kind::TrustedAccess(_) | Kind::Delegation(_) | Kind::Enrolment(_)) => other,
        };
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
            Some(Kind::RootUser(f)) => format!("root-user {}", f.account),
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
            placement: placement(f)?,
        },
        Kind::Directory(f) => Fact::Directory {
            directory: directory(&f.directory)?,
            management_account: Some(account(&f.management_account)?),
            control_policies_enabled: f.control_policies_enabled,
        },
        Kind::Identity(f) => Fact::Identity {
            identity: read::<IdentityName>(&f.identity)?,
            fact: Some(IdentityFact {
                kind: f.kind().to_core().ok_or_else(|| FactError(format!("kind of `{}`", f.identity)))?,
                enabled: f.enabled,
                generation: f.generation,
                policies: f.policies.iter().map(|p| read(p)).collect::<Result<_, _>>()?,
                trust_policy: match f.trust_policy.as_str() {
                    "" => None,
                    text => Some(document(&f.identity, PolicyKind::Trust, text)?),
                },
            }),
        },
        Kind::TrustedAccess(_) => gone(kind)?,
        Kind::Delegation(f @ DelegationFact { incarnation: text, .. }) => {
            let directory = directory(&f.directory)?;
            let folder = match f.folder.as_str() {
                "" => None,
                name => Some(folder_of(directory, name)?),
            };
            let (service, account) = (read(&f.trusted_service)?, account(&f.account)?);
            Fact::Delegation { directory, service, account, incarnation: incarnation(&f.account, text)?, folder }
        }
        Kind::Enrolment(EnrolmentFact { account, incarnation: text, .. }) => {
            incarnation(account, text)?;
            gone(kind)?
        }
        Kind::Invitation(f) => {
            let (directory, invitation) = invitation(&f.invitation)?;
            Fact::Invitation { directory, invitation, account: Some(account(&f.account)?) }
        }
        Kind::Folder(f) => {
            let (directory, id) = folder(&f.folder)?;
            let parent = match f.parent.as_str() {
                "" => None,
                name => Some(folder_of(directory, name)?),
            };
            let fact = FolderFact { parent, control_policies: control_policies(&f.control_policies)? };
            Fact::Folder { directory, folder: id, fact: Some(fact) }
        }
        Kind::Policy(f) => {
            let kind = policy(&f.policy)?;
            Fact::Policy { policy: f.policy.clone(), document: Some(document(&f.policy, kind, &f.document)?) }
        }
        Kind::Credential(f) => {
            let (user, credential) = credential(&f.credential)?;
            let secret = f.secret_sha256.as_slice().try_into();
            let expires = f.expire_time.as_ref().and_then(time);
            let fact = CredentialFact {
                user,
                secret_sha256: secret.map_err(|_| FactError(format!("secret of `{}`", f.credential)))?,
                action: f.action.clone(),
                expires: expires.ok_or_else(|| FactError(format!("expiry of `{}`", f.credential)))?,
            };
            Fact::Credential { credential, fact: Some(fact) }
        }
        Kind::RootUser(_) => gone(kind)?,
    })
}

/// A fact that no longer holds: only what identifies it is read, the rest need not be there.
fn gone(kind: &Kind) -> Result<Fact, FactError> {
    Ok(match kind {
        Kind::Account(f) => {
            Fact::Account { account: account(&f.account)?, membership: None, placement: Placement::default() }
        }
        Kind::Directory(f) => Fact::Directory {
            directory: directory(&f.directory)?,
            management_account: None,
            control_policies_enabled: false,
        },
        Kind::Identity(f) => Fact::Identity { identity: read::<IdentityName>(&f.identity)?, fact: None },
        Kind::TrustedAccess(f) => {
            Fact::TrustedAccess { directory: directory(&f.directory)?, service: read(&f.trusted_service)? }
        }
        Kind::Delegation(f) => Fact::Delegation {
            directory: directory(&f.directory)?,
            service: read::<TrustedService>(&f.trusted_service)?,
            account: account(&f.account)?,
            incarnation: f.incarnation.clone(),
            folder: None,
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
        Kind::Folder(f) => {
            let (directory, folder) = folder(&f.folder)?;
            Fact::Folder { directory, folder, fact: None }
        }
        Kind::Policy(f) => {
            policy(&f.policy)?;
            Fact::Policy { policy: f.policy.clone(), document: None }
        }
        Kind::Credential(f) => Fact::Credential { credential: credential(&f.credential)?.1, fact: None },
        Kind::RootUser(f) => Fact::RootUser { account: account(&f.account)? },
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

fn placement(fact: &pb::AccountFact) -> Result<Placement, FactError> {
    Ok(Placement {
        folder: match fact.folder.as_str() {
            "" => String::new(),
            name => folder_of(directory(&fact.directory)?, name)?,
        },
        control_policies: control_policies(&fact.control_policies)?,
        suspended: fact.suspended,
    })
}

fn folder(name: &str) -> Result<(DirectoryId, String), FactError> {
    let parsed = ResourceName::parse(name).map_err(|e| malformed(name, e))?;
    let ids = parsed.ids("directories/{directory}/folders/{folder}").map_err(|e| malformed(name, e))?;
    match (parsed.owner(), ids) {
        (Owner::Directory(directory), [folder]) => Ok((directory, folder.to_owned())),
        (Owner::Account(_), _) => Err(FactError(format!("`{name}` is of no directory"))),
    }
}

/// The id of a folder of this directory.
fn folder_of(of: DirectoryId, name: &str) -> Result<String, FactError> {
    let (directory, folder) = folder(name)?;
    if directory == of { Ok(folder) } else { Err(FactError(format!("`{name}` is of another directory"))) }
}

fn control_policies(names: &[String]) -> Result<Box<[ControlPolicy]>, FactError> {
    names.iter().map(|name| read(name)).collect()
}

/// What a policy of this name is for.
fn policy(name: &str) -> Result<PolicyKind, FactError> {
    let parsed = ResourceName::parse(name).map_err(|e| malformed(name, e))?;
    let (pattern, kind) = match parsed.owner() {
        Owner::Account(_) => ("accounts/{account}/policies/{policy}", PolicyKind::Permission),
        Owner::Directory(_) => ("directories/{directory}/controlPolicies/{control_policy}", PolicyKind::Control),
    };
    parsed.ids::<1>(pattern).map_err(|e| malformed(name, e)).map(|_| kind)
}

fn document(of: &str, kind: PolicyKind, text: &str) -> Result<Document, FactError> {
    Document::parse(kind, text).map_err(|e| malformed(of, e))
}

fn credential(name: &str) -> Result<(IdentityName, String), FactError> {
    let parsed = ResourceName::parse(name).map_err(|e| malformed(name, e))?;
    let ids = parsed.ids("accounts/{account}/users/{user}/credentials/{credential}");
    match (parsed.owner(), ids.map_err(|e| malformed(name, e))?) {
        (Owner::Account(account), [user, id]) => Ok((IdentityName::User(account, user.to_owned()), id.to_owned())),
        (Owner::Directory(_), _) => Err(FactError(format!("`{name}` is of no account"))),
    }
}

fn time(time: &prost_types::Timestamp) -> Option<Timestamp> {
    let micros = time.seconds.checked_mul(1_000_000)?.checked_add(i64::from(time.nanos / 1_000))?;
    Some(Timestamp::from_micros(micros))
}

/// Without it, what was of an earlier membership could not be told from what is of the present one.
fn incarnation(of: &str, text: &str) -> Result<String, FactError> {
    if text.is_empty() { Err(FactError(format!("no incarnation of `{of}`"))) } else { Ok(text.to_owned()) }
}

fn malformed(text: &str, error: impl std::fmt::Display) -> FactError {
    FactError(format!("`{text}`: {error}"))
}
