//! Who calls.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{IdentityName, Role, Timestamp};

use super::{Document, Environment};

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

/// An identity as its credential states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The identity.
    pub identity: IdentityName,
    /// The generation at which the credential was issued; an earlier one than the identity's present one is refused.
    pub generation: i64,
    /// Id of the access key that the token was had with; empty if none.
    pub access_key_id: String,
    /// Of a role session: what is known of it.
    pub session: Option<Arc<Session>>,
    /// Who signed in by an identity provider, at the beginning of the chain of sessions; none if nobody did.
    pub signed_in: Option<Arc<SignedIn>>,
    /// Whether it signed in with a second factor.
    pub mfa: bool,
    /// Of a single-purpose credential: which, and what for.
    pub purpose: Option<Purpose>,
    /// Until when the credential counts; none if that is not known.
    pub expires: Option<Timestamp>,
}

/// A single-purpose credential in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purpose {
    /// Its id.
    pub credential: String,
    /// The one action that it is good for.
    pub action: String,
}

/// A person whom an identity provider vouched for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedIn {
    /// The provider, `accounts/{account}/identityProviders/{identity_provider}`.
    pub provider: String,
    /// Who the person is there: the `sub` of the ID token.
    pub subject: String,
}

/// A session of a role (E-GW-02).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its name, chosen by whoever assumed the role.
    pub name: String,
    /// The policy that bounds it.
    pub policy: Option<Document>,
    /// The identity that it began with, through however many roles; none if an identity provider signed somebody in.
    pub source: Option<IdentityName>,
    /// The generation of that identity at that time: the session ends with its credentials.
    pub source_generation: i64,
}

/// How a caller was identified: what bounds the credentials that are issued on the strength of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authentication {
    /// The generation of its credential.
    pub generation: i64,
    /// Whether it signed in with a second factor.
    pub mfa: bool,
    /// Until when its credential counts.
    pub expires: Option<Timestamp>,
    /// Of a role session: the identity that it began with and that one's generation; none inside if an identity provider
    /// signed somebody in.
    pub session: Option<Option<(IdentityName, i64)>>,
    /// Who signed in by an identity provider, at the beginning of the chain of sessions.
    pub signed_in: Option<SignedIn>,
    /// The id of the single-purpose credential that the call came with.
    pub credential: Option<String>,
    /// Whether the call came by TLS.
    pub secure_transport: bool,
}

impl Principal {
    /// An identity with a token of its own.
    pub fn new(identity: IdentityName, generation: i64, access_key_id: impl Into<String>) -> Self {
        let access_key_id = access_key_id.into();
        Self {
            identity,
            generation,
            access_key_id,
            session: None,
            signed_in: None,
            mfa: false,
            purpose: None,
            expires: None,
        }
    }

    pub(super) fn authentication(&self, environment: &Environment) -> Authentication {
        let source = |session: &Session| session.source.clone().map(|source| (source, session.source_generation));
        Authentication {
            generation: self.generation,
            mfa: self.mfa,
            expires: self.expires,
            session: self.session.as_deref().map(source),
            signed_in: self.signed_in.as_deref().cloned(),
            credential: self.purpose.as_ref().map(|purpose| purpose.credential.clone()),
            secure_transport: environment.secure_transport,
        }
    }
}
