//! What the gateway tells a service about a call that it authorized, and how the service knows that it was the gateway.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{AccountId, DirectoryId, IdentityName, Operator, Role, Timestamp};

use super::{Permit, Principal, Rule, Session, Source, Tenant};

const TAG_LEN: usize = 32;
/// How long a context is good for: it is made for one call, and clocks may differ by some seconds.
const LIFETIME: Duration = Duration::from_secs(60);

/// The key that gateway and services share. It is never printed.
#[derive(Clone)]
pub struct ContextKey([u8; 32]);

/// The context of one authorized call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerContext {
    path: String,
    audience: Role,
    expires: Timestamp,
    tenant: Option<TenantForm>,
    principal: Option<PrincipalForm>,
    account: Option<AccountId>,
    directory: Option<DirectoryId>,
    resource: String,
    accounts: Vec<String>,
    revision: i64,
    operator: Option<Operator>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum TenantForm {
    Account(AccountId),
    Directory(DirectoryId),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PrincipalForm {
    identity: IdentityName,
    generation: i64,
    access_key_id: String,
    mfa: bool,
    session: Option<SessionForm>,
    purpose: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SessionForm {
    name: String,
    source: String,
    source_generation: i64,
}

/// Why a context was not taken for the gateway's word. Callers see only that it was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    /// Not made with the key, or not a context.
    #[error("the caller context is not authentic")]
    NotAuthentic,
    /// Made for another service.
    #[error("the caller context is for another service")]
    Audience,
    /// Made for another method.
    #[error("the caller context is for another method")]
    Method,
    /// Too old.
    #[error("the caller context has expired")]
    Expired,
}

impl ContextKey {
    /// The key of these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    fn mac(&self) -> Hmac<Sha256> {
        // HMAC pads a short key with zeros to the block of its hash; `new` wants the block itself.
        let mut block = [0; 64];
        block.iter_mut().zip(self.0).for_each(|(to, from)| *to = from);
        Hmac::new(&block.into())
    }
}

impl CallerContext {
    /// The context of a permit, for the service `audience`.
    pub fn new(permit: &Permit, audience: Role, now: Timestamp) -> Self {
        Self {
            path: permit.path.to_owned(),
            audience,
            expires: now.after(LIFETIME),
            tenant: match permit.tenant {
                Tenant::Account(account) => Some(TenantForm::Account(account)),
                Tenant::Directory(directory) => Some(TenantForm::Directory(directory)),
                Tenant::Platform => None,
            },
            principal: permit.principal().cloned().map(PrincipalForm::from),
            account: permit.account,
            directory: permit.directory,
            resource: permit.resource.clone(),
            accounts: permit.accounts.clone(),
            revision: permit.revision,
            operator: permit.operator.clone(),
        }
    }

    /// The context as bytes, the tag first.
    pub fn sign(&self, key: &ContextKey) -> Vec<u8> {
        let body = postcard::to_allocvec(self).unwrap_or_default();
        let tag = key.mac().chain_update(&body).finalize().into_bytes();
        [tag.as_slice(), &body].concat()
    }

    /// The permit that a signed context carries, if it was made with `key`, for the service `audience` and for the
    /// method of `rule`, and has not expired.
    ///
    /// # Errors
    /// What does not hold; authenticity is checked first.
    pub fn verify(
        signed: &[u8],
        key: &ContextKey,
        audience: Role,
        rule: &'static Rule,
        now: Timestamp,
    ) -> Result<Permit, ContextError> {
        let (tag, body) = signed.split_at_checked(TAG_LEN).ok_or(ContextError::NotAuthentic)?;
        key.mac().chain_update(body).verify_slice(tag).map_err(|_| ContextError::NotAuthentic)?;
        let context: Self = postcard::from_bytes(body).map_err(|_| ContextError::NotAuthentic)?;
        if context.audience != audience {
            return Err(ContextError::Audience);
        }
        if context.path != rule.path {
            return Err(ContextError::Method);
        }
        if context.expires < now {
            return Err(ContextError::Expired);
        }
        Ok(context.into_permit(rule))
    }

    fn into_permit(self, rule: &'static Rule) -> Permit {
        Permit {
            path: rule.path,
            tenant: match self.tenant {
                Some(TenantForm::Account(account)) => Tenant::Account(account),
                Some(TenantForm::Directory(directory)) => Tenant::Directory(directory),
                None => Tenant::Platform,
            },
            principal: self.principal.map(Principal::from).map(Box::new),
            account: self.account,
            directory: self.directory,
            service: None,
            resource: self.resource,
            accounts: self.accounts,
            revision: self.revision,
            operator: self.operator,
        }
    }
}

impl From<Principal> for PrincipalForm {
    fn from(principal: Principal) -> Self {
        let Principal { identity, generation, access_key_id, mfa, session, purpose } = principal;
        let session = session.map(|Session { name, source, .. }| SessionForm {
            name,
            source: source.identity,
            source_generation: source.generation,
        });
        Self { identity, generation, access_key_id, mfa, session, purpose }
    }
}

impl From<PrincipalForm> for Principal {
    fn from(form: PrincipalForm) -> Self {
        let PrincipalForm { identity, generation, access_key_id, mfa, session, purpose } = form;
        let session = session.map(|SessionForm { name, source, source_generation }| Session {
            name,
            policy: None,
            source: Source { identity: source, generation: source_generation },
        });
        Self { identity, generation, access_key_id, mfa, session, purpose }
    }
}

#[cfg(test)]
mod tests;
