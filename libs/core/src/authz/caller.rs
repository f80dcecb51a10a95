//! Who calls.

use crate::{IdentityName, Role};

use super::Document;

/// Who calls, as far as it was proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Nobody in particular: the call carries no credential.
    Anonymous,
    /// An identity with a verified token.
    Identity(Principal),
    /// A role of the suite, by the identity of its connection.
    Service(Role),
}

/// An identity as its token states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The identity.
    pub identity: IdentityName,
    /// The generation at which the token was issued; an earlier one than the identity's present one is refused.
    pub generation: i64,
    /// Id of the access key that the token was had with; empty if none.
    pub access_key_id: String,
    /// Whether the person behind it was authenticated by more than one factor.
    pub mfa: bool,
    /// The session, if the identity is a role that was assumed.
    pub session: Option<Session>,
    /// The one action that the credential is good for; none for tokens, which are good for all.
    pub purpose: Option<String>,
}

/// A session of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its name, kept in the audit trail with everything that it does (E-GW-02).
    pub name: String,
    /// What narrows it. The permit that reaches a service carries none: only the decision needs it.
    pub policy: Option<Document>,
    /// Who began it.
    pub source: Source,
}

/// Who began a session: the first identity, if sessions began sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// `accounts/{account}/users/{user}`, or `accounts/{account}/identityProviders/{identity_provider}`.
    pub identity: String,
    /// The generation of the identity at which it began: a later one ends the session. 0 for an identity provider.
    pub generation: i64,
}

impl Principal {
    /// An identity with a token of its own access key.
    pub fn of_key(identity: IdentityName, generation: i64, access_key_id: String) -> Self {
        Self { identity, generation, access_key_id, mfa: false, session: None, purpose: None }
    }
}
