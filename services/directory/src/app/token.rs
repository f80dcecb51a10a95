//! Tokens.

use std::time::Duration;

use bailiwick_api::{TOKEN_AUDIENCE, TOKEN_ISSUER, TokenClaims};
use bailiwick_core::{IdentityName, Timestamp};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{App, Error, access_key::hash};
use crate::{
    domain::{
        self,
        access_key::{ID_LEN_MAX, SECRET_LEN_MAX},
    },
    store,
};

/// A token that was issued. Its text is kept nowhere: a repetition of a request gets an empty one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The token.
    #[serde(skip)]
    pub text: Zeroizing<String>,
    /// Until when it is accepted.
    pub expire_time: Timestamp,
}

impl App {
    /// Turns an access key into a token (R-GW-01). An unknown key, a wrong secret and a disabled key, user or root user
    /// (R-DIR-30) are refused alike, after the same work. The token of a key that is being rotated ends with the key.
    pub async fn token_create(&self, access_key: &str, secret: &str, source_ip: &str) -> Result<Token, Error> {
        let well_formed = access_key.len() <= ID_LEN_MAX && access_key.bytes().all(|b| b.is_ascii_graphic());
        if !well_formed || secret.len() > SECRET_LEN_MAX {
            return Err(domain::Error::CredentialInvalid.into());
        }
        let user = store::access_key::credential(self.db.reader(), access_key).await?;
        let operator = store::operator::credential(self.db.reader(), access_key).await?;
        let credential = user.or(operator);
        let stored = credential.as_ref().map_or([0; 32], |credential| credential.secret_hash);
        let same = bool::from(hash(secret).ct_eq(&stored));
        let now = self.now();
        // Also after its end if the sweeper is late.
        let usable = |c: &store::access_key::Credential| same && c.enabled && c.disable_time.is_none_or(|at| now < at);
        let credential = credential.filter(usable).ok_or(domain::Error::CredentialInvalid)?;
        let longest = now.after(Duration::from_secs(self.limits.token_seconds.into()));
        let expire_time = credential.disable_time.map_or(longest, |at| at.min(longest));
        let claims = TokenClaims {
            epoch: self.db.epoch().await?,
            ..self.claims(&credential.identity, credential.generation, access_key, now, expire_time)
        };
        let token = self.issue(&claims)?;
        self.uses.note(access_key, &credential.identity, now, source_ip);
        Ok(token)
    }

    /// The claims of a token that is no session's, without the epoch.
    pub(super) fn claims(
        &self,
        identity: &IdentityName,
        generation: i64,
        access_key: &str,
        now: Timestamp,
        expire_time: Timestamp,
    ) -> TokenClaims {
        TokenClaims {
            iss: TOKEN_ISSUER.to_owned(),
            aud: TOKEN_AUDIENCE.to_owned(),
            sub: identity.to_string(),
            exp: expire_time.as_seconds(),
            iat: now.as_seconds(),
            jti: self.random_id(),
            generation,
            akid: access_key.to_owned(),
            ..TokenClaims::default()
        }
    }

    /// The token of these claims, and until when it is accepted, which is whole seconds.
    pub(super) fn issue(&self, claims: &TokenClaims) -> Result<Token, Error> {
        let text = Zeroizing::new(self.signing.sign(claims).map_err(Error::Signing)?);
        Ok(Token { text, expire_time: Timestamp::from_micros(claims.exp.saturating_mul(1_000_000)) })
    }
}
