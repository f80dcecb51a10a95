//! Whom a trust policy names.

use crate::{AccountId, IdentityName, ResourceName, TrustedService};

/// The resource name of an identity provider.
const PROVIDER: &str = "accounts/{account}/identityProviders/{identity_provider}";

/// The principals of a statement.
#[derive(Clone, Debug, Default)]
pub(super) struct Principals {
    pub(super) ram: Vec<RamPrincipal>,
    pub(super) services: Vec<TrustedService>,
    /// Names of identity providers.
    pub(super) federated: Vec<Box<str>>,
}

/// A principal of `RAM`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RamPrincipal {
    /// Every user and role of an account but its root user.
    Account(AccountId),
    Identity(IdentityName),
}

/// Who asks for a role.
#[derive(Clone, Copy)]
pub(super) enum Asker<'a> {
    Identity(&'a IdentityName),
    Service(TrustedService),
    /// A person whom the identity provider of this name signed in.
    Federated(&'a str),
}

impl Principals {
    pub(super) fn include(&self, asker: Asker<'_>) -> bool {
        match asker {
            Asker::Identity(identity) => self.ram.iter().any(|principal| principal.is(identity)),
            Asker::Service(service) => self.services.contains(&service),
            Asker::Federated(provider) => self.federated.iter().any(|name| **name == *provider),
        }
    }
}

impl RamPrincipal {
    fn is(&self, identity: &IdentityName) -> bool {
        match self {
            Self::Account(account) => identity.account() == Some(*account),
            Self::Identity(named) => named == identity,
        }
    }

    /// Reads `accounts/{account}` or the name of a user or role.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let of_account = text.strip_prefix("accounts/").filter(|rest| !rest.contains('/'));
        if let Some(account) = of_account {
            return account.parse().map(Self::Account).map_err(|error| error.to_string());
        }
        match text.parse::<IdentityName>() {
            Ok(identity) if identity.is_root() => {
                Err("is a root user, which cannot assume roles; name a user, a role or the account".to_owned())
            }
            Ok(IdentityName::User(account, user)) if is_id(&user) => {
                Ok(Self::Identity(IdentityName::User(account, user)))
            }
            Ok(IdentityName::Role(account, role)) if is_id(&role) => {
                Ok(Self::Identity(IdentityName::Role(account, role)))
            }
            _ => Err("is none of `accounts/{account}`, `accounts/{account}/users/{user}`, \
                      `accounts/{account}/roles/{role}`"
                .to_owned()),
        }
    }
}

/// Reads the name of an identity provider.
pub(super) fn provider(text: &str) -> Result<Box<str>, String> {
    let name = ResourceName::parse(text).and_then(|name| name.ids::<1>(PROVIDER));
    match name {
        Ok([id]) if is_id(id) => Ok(text.into()),
        _ => Err(format!("is not of the form `{PROVIDER}`")),
    }
}

/// Whether a text can be the id of a user, role or identity provider. In particular it has no wildcard, which a principal
/// does not know and which would be read as itself.
fn is_id(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}
