//! Verifies the tokens of callers with the keys that `directory` publishes.
//!
//! A token is taken only if it is a JWT signed with EdDSA by a published key, of our issuer, for our audience, and not
//! expired; a verified one is remembered by its bytes until it expires or the keys change. Whether the identity is
//! still enabled is not asked here: the decision asks the facts, at each call, so that nothing revoked is remembered.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use bailiwick_api::{
    TOKEN_AUDIENCE, TOKEN_ISSUER, TokenClaims,
    directory::v1::{ListSigningKeysRequest, SigningKey, signing_key_service_client::SigningKeyServiceClient},
    errors::v1::ErrorReason,
};
use bailiwick_core::{
    Clock, IdentityName, Timestamp,
    authz::{Document, PolicyKind, Principal, Session, SignedIn},
};
use bailiwick_rpc::{Kind, Problem};
use futures::future::BoxFuture;
use http::{HeaderMap, header::AUTHORIZATION};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use quick_cache::sync::Cache;
use tokio::{sync::Mutex, time::Instant};
use tokio_util::sync::CancellationToken;
use tonic::{Status, transport::Channel};

#[cfg(test)]
mod tests;

/// Longest token, in bytes.
const MAX_TOKEN: usize = 8 << 10;
/// Most verified tokens that are remembered.
const REMEMBERED: usize = 1 << 16;
/// Most keys.
const MAX_KEYS: usize = 64;
/// Length of an Ed25519 public key.
const KEY_LEN: usize = 32;
/// Least time between two questions for the keys.
const REFRESH_EVERY: Duration = Duration::from_secs(1);
/// Most time between two questions for the keys, so that one that is withdrawn is forgotten.
const REFRESH_AT_LEAST: Duration = Duration::from_secs(60);
const REFRESH_WITHIN: Duration = Duration::from_secs(2);

/// Where the keys come from.
pub trait KeySource: Send + Sync {
    /// The keys in use.
    fn keys(&self) -> BoxFuture<'_, Result<Vec<SigningKey>, Status>>;
}

impl KeySource for SigningKeyServiceClient<Channel> {
    fn keys(&self) -> BoxFuture<'_, Result<Vec<SigningKey>, Status>> {
        let mut client = self.clone();
        Box::pin(async move {
            let mut request = tonic::Request::new(ListSigningKeysRequest {});
            request.set_timeout(REFRESH_WITHIN);
            Ok(client.list_signing_keys(request).await?.into_inner().signing_keys)
        })
    }
}

/// A token that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Whose it is.
    pub principal: Principal,
    /// The epoch of directory's database that issued it: the facts that decide must come from the same.
    pub epoch: String,
    /// Until when it counts, in seconds since 1970-01-01 UTC.
    pub expires: i64,
    /// The version of the key set that verified it.
    keys: u64,
}

/// The verifier.
pub struct Tokens {
    source: Box<dyn KeySource>,
    clock: Arc<dyn Clock>,
    validation: Validation,
    keys: ArcSwap<Keys>,
    /// When the keys were last asked for.
    asked: Mutex<Option<Instant>>,
    verified: Cache<Box<[u8]>, Arc<Verified>>,
}

#[derive(Default)]
struct Keys {
    version: u64,
    by_id: HashMap<String, (Vec<u8>, DecodingKey)>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Tokens {
    /// A verifier that has no keys yet.
    pub fn new(source: Box<dyn KeySource>, clock: Arc<dyn Clock>) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[TOKEN_ISSUER]);
        validation.set_audience(&[TOKEN_AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Compared below, with the clock that was given and without leeway.
        validation.validate_exp = false;
        let verified = Cache::new(REMEMBERED);
        Self { source, clock, validation, keys: ArcSwap::default(), asked: Mutex::default(), verified }
    }

    /// Keeps the keys fresh until the shutdown.
    pub async fn run(&self, shutdown: CancellationToken) {
        loop {
            let known = match self.refresh(None).await {
                Ok(()) => true,
                Err(problem) => {
                    tracing::warn!(error = %problem, "the signing keys cannot be had");
                    false
                }
            };
            let pause = if known { REFRESH_AT_LEAST } else { REFRESH_EVERY };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shutdown.cancelled() => return,
            }
        }
    }

    /// Who calls, by the `authorization` header; none without one.
    ///
    /// # Errors
    /// UNAUTHENTICATED, CREDENTIAL_INVALID if it is not one `Bearer` token that counts; UNAVAILABLE if there are no keys
    /// to verify it with.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Option<Arc<Verified>>, Problem> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(invalid());
        }
        let (scheme, token) = value.as_bytes().split_at_checked("Bearer ".len()).ok_or_else(invalid)?;
        if !scheme.eq_ignore_ascii_case(b"Bearer ") || token.is_empty() || token.len() > MAX_TOKEN {
            return Err(invalid());
        }
        let now = self.clock.now().as_seconds();
        if let Some(verified) = self.verified.get(token)
            && verified.keys == self.keys.load().version
        {
            return if verified.expires > now { Ok(Some(verified)) } else { Err(invalid()) };
        }
        let verified = Arc::new(self.verify(token, now).await?);
        self.verified.insert(token.into(), Arc::clone(&verified));
        Ok(Some(verified))
    }

    async fn verify(&self, token: &[u8], now: i64) -> Result<Verified, Problem> {
        let header = decode_header(token).map_err(|_| invalid())?;
        let key_id = header.kid.filter(|_| header.alg == Algorithm::EdDSA).ok_or_else(invalid)?;
        if !self.keys.load().by_id.contains_key(&key_id) {
            self.refresh(Some(&key_id)).await?;
        }
        let keys = self.keys.load();
        let (_, key) = keys.by_id.get(&key_id).ok_or_else(invalid)?;
        let claims = decode::<TokenClaims>(token, key, &self.validation).map_err(|_| invalid())?.claims;
        if claims.exp <= now || claims.epoch.is_empty() {
            return Err(invalid());
        }
        Ok(Verified {
            principal: principal(&claims).ok_or_else(invalid)?,
            epoch: claims.epoch,
            expires: claims.exp,
            keys: keys.version,
        })
    }

    /// Asks for the keys, unless the one `wanted` has come meanwhile or they were asked for within the last second:
    /// tokens with made-up key ids must not become calls of `directory`.
    async fn refresh(&self, wanted: Option<&str>) -> Result<(), Problem> {
        let mut asked = self.asked.lock().await;
        let present = self.keys.load();
        if wanted.is_some_and(|id| present.by_id.contains_key(id)) {
            return Ok(());
        }
        if asked.is_some_and(|at| at.elapsed() < REFRESH_EVERY) {
            return if present.by_id.is_empty() { Err(no_keys()) } else { Ok(()) };
        }
        *asked = Some(Instant::now());
        let listed = tokio::time::timeout(REFRESH_WITHIN, self.source.keys()).await;
        match listed {
            Ok(Ok(listed)) => {
                self.replace(&present, listed);
                Ok(())
            }
            // Keys that are known stay good for as long as the facts are fresh.
            _ if wanted.is_some() && !present.by_id.is_empty() => Ok(()),
            _ => Err(no_keys()),
        }
    }

    fn replace(&self, present: &Keys, listed: Vec<SigningKey>) {
        let sound = listed.into_iter().filter(|key| key.public_key.len() == KEY_LEN).take(MAX_KEYS);
        let by_id: HashMap<_, _> = sound
            .map(|key| {
                let decoding = DecodingKey::from_ed_der(&key.public_key);
                (key.key_id, (key.public_key, decoding))
            })
            .collect();
        let same = by_id.len() == present.by_id.len()
            && by_id.iter().all(|(id, (bytes, _))| present.by_id.get(id).is_some_and(|(other, _)| other == bytes));
        if !same {
            self.keys.store(Arc::new(Keys { version: present.version + 1, by_id }));
        }
    }
}

/// Whose the token is. None if a claim cannot be read: what bounds a session must not be passed over.
fn principal(claims: &TokenClaims) -> Option<Principal> {
    let source = match (&claims.source, claims.source_generation) {
        (Some(source), Some(generation)) => Some((source.parse::<IdentityName>().ok()?, generation)),
        (None, None) => None,
        _ => return None,
    };
    let policy = match &claims.session_policy {
        Some(text) => Some(Document::parse(PolicyKind::Session, text).ok()?),
        None => None,
    };
    let session = match &claims.session {
        Some(name) => Some(Arc::new(Session {
            name: name.clone(),
            policy,
            source_generation: source.as_ref().map_or(0, |(_, generation)| *generation),
            source: source.map(|(source, _)| source),
        })),
        None if source.is_none() && policy.is_none() => None,
        None => return None,
    };
    let identity = claims.sub.parse().ok()?;
    let expires = Timestamp::from_micros(claims.exp.checked_mul(1_000_000)?);
    let own = Principal::new(identity, claims.generation, claims.akid.as_str());
    let signed_in = match (&claims.provider, &claims.subject) {
        (Some(provider), subject) => {
            let subject = subject.clone().unwrap_or_default();
            Some(Arc::new(SignedIn { provider: provider.clone(), subject }))
        }
        (None, None) => None,
        (None, Some(_)) => return None,
    };
    Some(Principal { session, signed_in, mfa: claims.mfa, expires: Some(expires), ..own })
}

/// Why is not said: it would help nobody but a forger.
pub(crate) fn invalid() -> Problem {
    Problem::new(
        Kind::Unauthenticated,
        ErrorReason::CredentialInvalid,
        "the credential is malformed, expired or forged",
    )
}

fn no_keys() -> Problem {
    Problem::new(Kind::Unavailable, ErrorReason::BackendUnavailable, "the keys that verify tokens cannot be had")
        .with("role", "directory")
        .retry_after(REFRESH_EVERY)
}
