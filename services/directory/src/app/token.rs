//! Tokens.

use std::time::Duration;

use bailiwick_api::{TOKEN_AUDIENCE, TOKEN_ISSUER, TokenClaims};
use bailiwick_core::Timestamp;
use subtle::ConstantTimeEq;

use super::{App, Error, access_key::hash};
use crate::{
    domain::{
        self,
        access_key::{ID_LEN_MAX, SECRET_LEN_MAX},
    },
    store,
};

/// A token that was issued.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// The token.
    pub text: String,
    /// Until when it is accepted.
    pub expire_time: Timestamp,
}

impl App {
    /// Turns an access key into a token (R-GW-01). An unknown key, a wrong secret and a disabled key, user or root user
    /// (R-DIR-30) are refused alike, after the same work.
    pub async fn token_create(&self, access_key: &str, secret: &str) -> Result<Token, Error> {
        let well_formed = access_key.len() <= ID_LEN_MAX && access_key.bytes().all(|b| b.is_ascii_graphic());
        if !well_formed || secret.len() > SECRET_LEN_MAX {
            return Err(domain::Error::CredentialInvalid.into());
        }
        let user = store::access_key::credential(self.db.reader(), access_key).await?;
        let operator = store::operator::credential(self.db.reader(), access_key).await?;
        let credential = user.or(operator);
        let stored = credential.as_ref().map_or([0; 32], |credential| credential.secret_hash);
        let same = bool::from(hash(secret).ct_eq(&stored));
        let credential = credential.filter(|c| same && c.enabled).ok_or(domain::Error::CredentialInvalid)?;
        let now = self.now();
        let expire_time = now.after(Duration::from_secs(self.limits.token_seconds.into()));
        let claims = TokenClaims {
            iss: TOKEN_ISSUER.to_owned(),
            aud: TOKEN_AUDIENCE.to_owned(),
            sub: credential.identity.to_string(),
            exp: expire_time.as_seconds(),
            iat: now.as_seconds(),
            jti: self.random_id(),
            generation: credential.generation,
            epoch: self.db.epoch().await?,
            akid: access_key.to_owned(),
            ..TokenClaims::default()
        };
        let text = self.signing.sign(&claims).map_err(Error::Signing)?;
        // What the token says, which is whole seconds.
        Ok(Token { text, expire_time: Timestamp::from_micros(expire_time.as_seconds() * 1_000_000) })
    }
}
