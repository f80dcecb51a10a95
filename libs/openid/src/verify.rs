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

use super::{Claims, OpenId, VerifyError, keys::Need};

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
/// How far the clocks may differ.
const SKEW: Duration = Duration::from_mins(1);

/// An ID token as it is presented.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    /// The token.
    pub token: &'a str,
    /// The nonce that its bearer asked for it with, empty for none; `None` where who presents it cannot know.
    pub nonce: Option<&'a str>,
    /// How long ago it may have been issued.
    pub age_max: Duration,
}

/// Whose tokens are accepted.
#[derive(Clone, Copy, Debug)]
pub struct Trusted<'a> {
    /// The issuer.
    pub issuer: &'a str,
    /// The audiences that are accepted.
    pub client_ids: &'a [String],
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
    /// The claims of a token that a provider issued to one of its client ids not too long ago.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub async fn verify(&self, trusted: Trusted<'_>, presented: Presented<'_>) -> Result<Claims, VerifyError> {
        let refused = |why: &str| VerifyError::Refused(why.to_owned());
        if presented.token.len() > TOKEN_LEN_MAX {
            return Err(refused("the token is too long"));
        }
        let token: CoreIdToken = presented.token.parse().map_err(|_| refused("the token is malformed"))?;
        let payload = payload(presented.token).ok_or_else(|| refused("the token is malformed"))?;
        let client_id = client_id(trusted, &payload)?;
        let keys = self.keys.get(trusted.issuer, Need::Kept).await?;
        let mut checked = self.check(trusted, &client_id, &keys, (&token, presented));
        if matches!(&checked, Err(error) if lacks_key(error)) {
            let newer = self.keys.get(trusted.issuer, Need::Newer).await?;
            checked = self.check(trusted, &client_id, &newer, (&token, presented));
        }
        checked.map_err(|error| match &error {
            ClaimsVerificationError::SignatureVerification(cause) => VerifyError::Refused(format!("{error}: {cause}")),
            _ => VerifyError::Refused(error.to_string()),
        })?;
        let claims = token_times(&payload).ok_or_else(|| refused("the token has no times"))?;
        let (issued, expires) = claims;
        Ok(Claims { presentable_until: expires.min(issued.after(presented.age_max).after(SKEW)), all: payload })
    }

    fn check(
        &self,
        trusted: Trusted<'_>,
        client_id: &str,
        keys: &CoreJsonWebKeySet,
        (token, presented): (&CoreIdToken, Presented<'_>),
    ) -> Result<(), ClaimsVerificationError> {
        let issuer = IssuerUrl::new(trusted.issuer.to_owned());
        let issuer = issuer.map_err(|error| ClaimsVerificationError::InvalidIssuer(error.to_string()))?;
        let now = self.keys.now();
        let time = UNIX_EPOCH + Duration::from_micros(now.as_micros().try_into().unwrap_or_default());
        let verifier =
            CoreIdTokenVerifier::new_public_client(ClientId::new(client_id.to_owned()), issuer, keys.clone())
                .set_allowed_algs(ALGORITHMS)
                .set_other_audience_verifier_fn(|audience: &Audience| trusted.client_ids.contains(audience))
                .set_time_fn(move || time.into())
                .set_issue_time_verifier_fn(move |issued| {
                    let issued = Timestamp::from_micros(issued.timestamp_micros());
                    if issued > now.after(SKEW) {
                        return Err("the token is of the future".to_owned());
                    }
                    if issued.after(presented.age_max) < now { Err("the token is too old".to_owned()) } else { Ok(()) }
                });
        let claims: &IdTokenClaims<_, _> = token.claims(&verifier, |found: Option<&Nonce>| {
            let Some(nonce) = presented.nonce else { return Ok(()) };
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
fn client_id(trusted: Trusted<'_>, payload: &Map<String, Value>) -> Result<String, VerifyError> {
    let refused = |why: &str| VerifyError::Refused(why.to_owned());
    let unverified = Unverified::deserialize(Value::Object(payload.clone()));
    let unverified = unverified.map_err(|_| refused("the token has no issuer or audience"))?;
    if unverified.iss != trusted.issuer {
        return Err(refused("the token is of another issuer"));
    }
    let audiences = match unverified.aud {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    };
    if unverified.azp.is_some_and(|party| !trusted.client_ids.contains(&party)) {
        return Err(refused("the token was issued to another client id"));
    }
    let own = audiences.into_iter().find(|audience| trusted.client_ids.contains(audience));
    own.ok_or_else(|| refused("the token is for other audiences"))
}

fn lacks_key(error: &ClaimsVerificationError) -> bool {
    matches!(error, ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey))
}

/// Which issuer a token says it is of. It is not verified: good for choosing who is asked about it, and for nothing else.
pub fn issuer_of(token: &str) -> Option<String> {
    let payload = payload(token).filter(|_| token.len() <= TOKEN_LEN_MAX)?;
    payload.get("iss")?.as_str().map(str::to_owned)
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
