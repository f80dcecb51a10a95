//! Whether an ID token is what it says.

use std::time::{Duration, UNIX_EPOCH};

use bailiwick_core::Timestamp;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use openidconnect::{
    Audience, ClaimsVerificationError, ClientId, IdTokenClaims, IssuerUrl, Nonce, SignatureVerificationError,
    core::{CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreJwsSigningAlgorithm as Algorithm},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

use super::{OpenId, VerifyError, keys::Need};
use crate::domain::{identity_provider::Settings, sign_in::Claims};

/// Those with a private key that only the provider has.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RsaSsaPkcs1V15Sha256,
    Algorithm::RsaSsaPkcs1V15Sha384,
    Algorithm::RsaSsaPkcs1V15Sha512,
    Algorithm::RsaSsaPssSha256,
    Algorithm::RsaSsaPssSha384,
    Algorithm::RsaSsaPssSha512,
    Algorithm::EcdsaP256Sha256,
    Algorithm::EcdsaP384Sha384,
    Algorithm::EdDsa,
];
/// Most bytes of an ID token.
const TOKEN_LEN_MAX: usize = 16_384;
/// Longest subject, in bytes (OpenID Connect Core 1.0, 2).
const SUBJECT_LEN_MAX: usize = 255;
/// How old an ID token may be: it is presented right after it was had.
const AGE_MAX: Duration = Duration::from_mins(10);
/// How far the clocks may differ.
const SKEW: Duration = Duration::from_mins(1);

/// An ID token as it is presented.
#[derive(Clone, Copy)]
pub(crate) struct Presented<'a> {
    /// The token.
    pub(crate) token: &'a str,
    /// The nonce that its bearer asked for it with; empty for none.
    pub(crate) nonce: &'a str,
}

/// What is looked at before anything is fetched.
#[derive(Deserialize)]
struct Unverified {
    iss: String,
    aud: OneOrMany,
    azp: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OpenId {
    /// The claims of a token that a provider issued to one of its client ids a moment ago.
    pub(crate) async fn verify(&self, settings: &Settings, presented: Presented<'_>) -> Result<Claims, VerifyError> {
        let refused = |why: &str| VerifyError::Refused(why.to_owned());
        if presented.token.len() > TOKEN_LEN_MAX {
            return Err(refused("the token is too long"));
        }
        let token: CoreIdToken = presented.token.parse().map_err(|_| refused("the token is malformed"))?;
        let payload = payload(presented.token).ok_or_else(|| refused("the token is malformed"))?;
        let client_id = client_id(settings, &payload)?;
        let keys = self.keys.get(&settings.issuer, Need::Kept).await?;
        let mut checked = self.check(settings, &client_id, &keys, &token, presented.nonce);
        if matches!(&checked, Err(error) if lacks_key(error)) {
            let newer = self.keys.get(&settings.issuer, Need::Newer).await?;
            checked = self.check(settings, &client_id, &newer, &token, presented.nonce);
        }
        checked.map_err(|error| match &error {
            ClaimsVerificationError::SignatureVerification(cause) => VerifyError::Refused(format!("{error}: {cause}")),
            _ => VerifyError::Refused(error.to_string()),
        })?;
        let claims = token_times(&payload).ok_or_else(|| refused("the token has no times"))?;
        let (issued, expires) = claims;
        Ok(Claims { presentable_until: expires.min(issued.after(AGE_MAX).after(SKEW)), all: payload })
    }

    fn check(
        &self,
        settings: &Settings,
        client_id: &str,
        keys: &CoreJsonWebKeySet,
        token: &CoreIdToken,
        nonce: &str,
    ) -> Result<(), ClaimsVerificationError> {
        let issuer = IssuerUrl::new(settings.issuer.clone());
        let issuer = issuer.map_err(|error| ClaimsVerificationError::InvalidIssuer(error.to_string()))?;
        let now = self.keys.now();
        let time = UNIX_EPOCH + Duration::from_micros(now.as_micros().try_into().unwrap_or_default());
        let verifier =
            CoreIdTokenVerifier::new_public_client(ClientId::new(client_id.to_owned()), issuer, keys.clone())
                .set_allowed_algs(ALGORITHMS)
                .set_other_audience_verifier_fn(|audience: &Audience| settings.client_ids.contains(audience))
                .set_time_fn(move || time.into())
                .set_issue_time_verifier_fn(move |issued| {
                    let issued = Timestamp::from_micros(issued.timestamp_micros());
                    if issued > now.after(SKEW) {
                        return Err("the token is of the future".to_owned());
                    }
                    if issued.after(AGE_MAX) < now { Err("the token is too old".to_owned()) } else { Ok(()) }
                });
        let claims: &IdTokenClaims<_, _> = token.claims(&verifier, |found: Option<&Nonce>| {
            let found = found.map_or("", |nonce| nonce.secret().as_str());
            // One that has a nonce was asked for with it.
            if bool::from(found.as_bytes().ct_eq(nonce.as_bytes())) { Ok(()) } else { Err("another nonce".to_owned()) }
        })?;
        if !(1..=SUBJECT_LEN_MAX).contains(&claims.subject().len()) {
            return Err(ClaimsVerificationError::InvalidSubject("empty, or too long".to_owned()));
        }
        Ok(())
    }
}

/// The client id that a token was issued to. So that nobody is made to fetch anything by tokens that cannot count, the
/// issuer is looked at here too.
fn client_id(settings: &Settings, payload: &Map<String, Value>) -> Result<String, VerifyError> {
    let refused = |why: &str| VerifyError::Refused(why.to_owned());
    let unverified = Unverified::deserialize(Value::Object(payload.clone()));
    let unverified = unverified.map_err(|_| refused("the token has no issuer or audience"))?;
    if unverified.iss != settings.issuer {
        return Err(refused("the token is of another issuer"));
    }
    let audiences = match unverified.aud {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    };
    if unverified.azp.is_some_and(|party| !settings.client_ids.contains(&party)) {
        return Err(refused("the token was issued to another client id"));
    }
    let own = audiences.into_iter().find(|audience| settings.client_ids.contains(audience));
    own.ok_or_else(|| refused("the token is for other audiences"))
}

fn lacks_key(error: &ClaimsVerificationError) -> bool {
    matches!(error, ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey))
}

fn payload(token: &str) -> Option<Map<String, Value>> {
    let encoded = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()
}

/// When a verified token was issued, and when it expires. Parts of seconds are dropped from the first and kept of the
/// second as a whole one: what is remembered is remembered for too long rather than too short.
fn token_times(payload: &Map<String, Value>) -> Option<(Timestamp, Timestamp)> {
    let seconds = |claim: &str| {
        let value = payload.get(claim)?;
        value.as_i64().or_else(|| value.as_f64().map(f64::ceil).and_then(|value| format!("{value:.0}").parse().ok()))
    };
    let time = |seconds: i64| Some(Timestamp::from_micros(seconds.checked_add(1)?.checked_mul(1_000_000)?));
    Some((time(seconds("iat")?)?, seconds("exp").and_then(time).unwrap_or(Timestamp::from_micros(i64::MAX))))
}
