//! People who sign in by an OpenID provider.

use std::time::Duration;

use bailiwick_api::{TOKEN_AUDIENCE, TOKEN_ISSUER, TokenClaims};
use bailiwick_changelog::Recorded;
use bailiwick_core::{AccountId, IdentityName, Operator, PrincipalKind, Timestamp, authz::Environment};
use bailiwick_db::{DbError, Tx};
use bailiwick_openid::{AGE_MAX, Claims, Presented, Trusted, VerifyError};
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;

use super::{App, Done, Error, access_key::hash, identity_provider, lock_account};
use crate::{
    domain::{
        self,
        identity_provider::{IdentityProvider, Settings, name},
        member::Membership,
        sign_in::{identity, session_name},
    },
    store,
};

/// How long a session of a role lasts, in seconds, if the role allows it.
const SESSION_SECONDS: u32 = 3_600;

/// What somebody signs in with.
#[derive(Clone, Copy)]
pub struct SignIn<'a> {
    /// Account of the provider.
    pub account: AccountId,
    /// Its id.
    pub provider: &'a str,
    /// The ID token.
    pub token: &'a str,
    /// The nonce that it was asked for with; empty for none.
    pub nonce: &'a str,
    /// The role to be; none for what fits first.
    pub role: Option<&'a IdentityName>,
}

/// What somebody got who signed in.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The token.
    pub text: String,
    /// Who the caller is with it.
    pub principal: IdentityName,
    /// The name of the session; empty for a user.
    pub session_name: String,
    /// Until when the token is accepted.
    pub expire_time: Timestamp,
}

/// Whom the claims stand for, as they are now.
struct Admitted {
    identity: IdentityName,
    kind: PrincipalKind,
    generation: i64,
    session_name: Option<String>,
    seconds: u32,
}

impl App {
    /// What a client needs to send a person to a provider.
    pub async fn sign_in_options(&self, account: AccountId, provider: &str) -> Result<IdentityProvider, Error> {
        identity_provider::find(self.db.reader(), account, provider).await
    }

    /// Turns an ID token into a token, once. Whatever is wrong is refused alike; the log tells.
    pub async fn sign_in(&self, call: &Call, asked: SignIn<'_>) -> Result<Done<SignedIn>, Error> {
        let named = name(asked.account, asked.provider);
        let found = store::identity_provider::get(self.db.reader(), asked.account, asked.provider).await?;
        let provider = found.ok_or_else(|| refused(&named, "there is no such provider"))?;
        let presented = Presented { token: asked.token, nonce: Some(asked.nonce), age_max: AGE_MAX };
        let Settings { issuer, client_ids, .. } = &provider.settings;
        let trusted = Trusted { issuer, client_ids };
        let claims = self.openid.verify(trusted, presented).await.map_err(|error| match error {
            VerifyError::Refused(why) => refused(&named, &why),
            VerifyError::Unavailable(why) => {
                tracing::warn!(identity_provider = named, why, "nobody is signed in without the keys of the issuer");
                Error::IssuerUnavailable(named.clone())
            }
        })?;
        let (verified, claims) = (&provider, &claims);
        let work = move |tx: Tx| async move { self.admit(&tx, call, asked, verified, claims).await };
        let done = self.db.write("sign_in", work).await;
        done.map(Done::from).map_err(|error| match error {
            Error::Db(DbError::Unique { .. }) => refused(&named, "the token was used already"),
            error => error,
        })
    }

    async fn admit(
        &self,
        tx: &Tx,
        call: &Call,
        asked: SignIn<'_>,
        verified: &IdentityProvider,
        claims: &Claims,
    ) -> Result<SignedIn, Error> {
        let (conn, named) = (tx.conn(), verified.name());
        let locked = lock_account(conn, asked.account).await?;
        let present = store::identity_provider::get(conn, asked.account, asked.provider).await?;
        if present.is_none_or(|present| present.etag() != verified.etag()) {
            return Err(refused(&named, "the provider has changed meanwhile"));
        }
        if locked.membership.as_ref().is_some_and(Membership::is_suspended) {
            return Err(refused(&named, "the account is suspended"));
        }
        let identity = identity(claims, asked.account, &verified.settings, asked.role);
        let identity = identity.ok_or_else(|| refused(&named, "no mapping fits"))?;
        let now = self.now();
        let circumstances = Environment { source_ip: call.operator.source_ip.parse().ok(), ..Environment::at(now) };
        let admitted = self.admitted(conn, identity, claims, (&named, circumstances)).await?;
        store::sign_in::insert(conn, hash(signed_part(asked.token)), claims.presentable_until).await?;
        let signed = self.sign_in_token(&admitted, claims, &named, now).await?;
        let operator = Operator {
            principal: admitted.identity.to_string(),
            kind: admitted.kind,
            account: Some(asked.account),
            session_name: signed.session_name.clone(),
            source_identity: named.clone(),
            identity_provider: named.clone(),
            subject: claims.subject().to_owned(),
            ..call.operator.clone()
        };
        let recorded = Recorded {
            resource: named,
            tenant: locked.tenant(),
            accounts: vec![asked.account.name()],
            request_id: String::new(),
            facts: Vec::new(),
        };
        tx.record(recorded.by_call(&Call { operator, ..call.clone() }, now));
        Ok(signed)
    }

    async fn admitted(
        &self,
        conn: &impl ConnectionTrait,
        identity: IdentityName,
        claims: &Claims,
        (provider, environment): (&str, Environment),
    ) -> Result<Admitted, Error> {
        let no = |why: &str| refused(provider, &format!("`{identity}` {why}"));
        match &identity {
            IdentityName::User(account, id) => {
                let user = store::user::get(conn, *account, id).await?.ok_or_else(|| no("does not exist"))?;
                if !user.enabled || user.is_root() {
                    return Err(no("is disabled, or root"));
                }
                let (kind, generation) = (user.kind(), user.generation);
                Ok(Admitted { identity, kind, generation, session_name: None, seconds: self.limits.token_seconds })
            }
            IdentityName::Role(account, id) => {
                let role = store::sign_in::role(conn, *account, id).await?.ok_or_else(|| no("does not exist"))?;
                if !role.trusts(provider, &environment.with_mfa(claims.mfa())) {
                    return Err(no("does not trust the provider"));
                }
                let (generation, seconds) = (role.generation, SESSION_SECONDS.min(role.session_seconds_max));
                let session_name = Some(session_name(claims));
                Ok(Admitted { identity, kind: PrincipalKind::Role, generation, session_name, seconds })
            }
            IdentityName::Operator(_) => Err(no("is no identity of the account")),
        }
    }

    async fn sign_in_token(
        &self,
        admitted: &Admitted,
        claims: &Claims,
        provider: &str,
        now: Timestamp,
    ) -> Result<SignedIn, Error> {
        let expire_time = now.after(Duration::from_secs(admitted.seconds.into()));
        let token = TokenClaims {
            iss: TOKEN_ISSUER.to_owned(),
            aud: TOKEN_AUDIENCE.to_owned(),
            sub: admitted.identity.to_string(),
            exp: expire_time.as_seconds(),
            iat: now.as_seconds(),
            jti: self.random_id(),
            generation: admitted.generation,
            epoch: self.db.epoch().await?,
            session: admitted.session_name.clone(),
            provider: Some(provider.to_owned()),
            subject: Some(claims.subject().to_owned()),
            mfa: claims.mfa(),
            ..TokenClaims::default()
        };
        Ok(SignedIn {
            text: self.signing.sign(&token).map_err(Error::Signing)?,
            principal: admitted.identity.clone(),
            session_name: admitted.session_name.clone().unwrap_or_default(),
            // What the token says, which is whole seconds.
            expire_time: Timestamp::from_micros(expire_time.as_seconds() * 1_000_000),
        })
    }
}

/// The token without its signature: of the same token, anybody can make a second valid ECDSA signature.
fn signed_part(token: &str) -> &str {
    token.rsplit_once('.').map_or(token, |(signed, _)| signed)
}

/// What is wrong is told in the log alone.
fn refused(provider: &str, why: &str) -> Error {
    tracing::info!(identity_provider = provider, why, "nobody is signed in");
    domain::Error::SignInRefused.into()
}
