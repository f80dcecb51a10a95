//! What enforcement points ask: whether a request may pass.
//!
//! Whoever cannot be told is refused: without facts that are fresh, without a place in the decision log, and whenever
//! something fails.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bailiwick_changelog::Level;
use bailiwick_core::{DirectoryId, Timestamp};
use bailiwick_openid::{Claims, OpenId, Presented, Trusted, VerifyError, issuer_of};
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};

use super::{Compiled, Decided, Error, Sase, device::is_device_key};
use crate::access::{
    domain::{
        AccessQuery, Asserted, Credential, Device, EnforcementPoint, IdentityProvider, Named, Resource, ResourceKind,
        Wanted,
    },
    store,
};

/// How long ago an ID token may have been issued, whatever it says of its end.
const TOKEN_AGE_MAX: Duration = Duration::from_hours(24);
/// How long what a token says is kept. A key that a provider withdraws counts for so much longer.
const VERIFIED_FOR: Duration = Duration::from_mins(1);
/// How old what was compiled may be when it decides, counted from when the point was admitted.
const KNOWN_FOR: Duration = Duration::from_millis(100);
/// Most tokens that are kept.
const VERIFIED_MAX: usize = 20_000;

/// What a point asks about.
pub(crate) struct Passing<'a> {
    /// Headers of the request, by their names in lower case.
    pub(crate) headers: &'a HashMap<String, String>,
    pub(crate) source: Option<IpAddr>,
    pub(crate) wanted: Wanted,
    /// `directories/{directory}/devices/{device}` and its key; empty if none is shown.
    pub(crate) device: (&'a str, &'a str),
}

/// A point that showed its credential.
pub(crate) struct Admitted {
    pub(crate) point: EnforcementPoint,
    known: Arc<Compiled>,
    since: Instant,
}

/// Why nothing was decided, and the request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Turned {
    #[error("the request has no ID token")]
    TokenMissing,
    #[error("the ID token is not accepted: {0}")]
    TokenInvalid(String),
    #[error("the keys of the issuer cannot be had")]
    IssuerUnavailable,
    #[error("the ID token is of nobody that is known here")]
    UserUnknown,
    #[error("the key is not the device's")]
    DeviceKey,
}

/// Why a point gets no answer, which it must take for a refusal.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    #[error("the credential is no enforcement point's")]
    Credential,
    #[error("what is known is too old to decide by")]
    Stale,
    #[error("decisions cannot be logged: {0}")]
    Unlogged(#[source] Error),
    #[error(transparent)]
    Failed(#[from] Error),
}

/// What decides for enforcement points.
#[derive(Clone)]
pub(crate) struct Enforcement {
    sase: Sase,
    openid: OpenId,
    fresh: Fresh,
    verified: Arc<Cache<[u8; 32], Arc<Verified>>>,
}

/// How old what is followed may be.
#[derive(Clone)]
pub(crate) struct Fresh {
    pub(crate) level: Level,
    pub(crate) within: Duration,
}

/// What a token says, by a provider as it was.
struct Verified {
    provider: (String, String),
    until: Timestamp,
    claims: Claims,
}

impl Enforcement {
    /// What decides by what was compiled, and notes it.
    pub(crate) fn new(sase: Sase, openid: OpenId, fresh: Fresh) -> Self {
        Self { sase, openid, fresh, verified: Arc::new(Cache::new(VERIFIED_MAX)) }
    }

    /// The point whose credential is shown.
    ///
    /// # Errors
    /// [`Unanswered::Credential`], [`Unanswered::Failed`].
    pub(crate) async fn admit(&self, shown: &str) -> Result<Admitted, Unanswered> {
        let credential = Credential::parse(shown).ok_or(Unanswered::Credential)?;
        let (directory, since) = (credential.directory, Instant::now());
        let known = self.sase.compiled(directory).await.map_err(|error| match error {
            // A directory without SASE has no points.
            Error::Domain(_) => Unanswered::Credential,
            error => error.into(),
        })?;
        let point = known.points.get(credential.id).ok_or(Unanswered::Credential)?.clone();
        if point.accepts(credential.secret, self.sase.now()) {
            Ok(Admitted { point, known, since })
        } else {
            Err(Unanswered::Credential)
        }
    }

    /// Whether a request may pass.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub(crate) async fn pass(
        &self,
        admitted: &Admitted,
        asked: Passing<'_>,
    ) -> Result<Result<Decided, Turned>, Unanswered> {
        match self.asserted(admitted, &asked).await {
            Ok(asserted) => self.decide(admitted, asserted, asked).await,
            Err(turned) => Ok(Err(turned)),
        }
    }

    /// Who the request is of.
    async fn asserted(&self, admitted: &Admitted, asked: &Passing<'_>) -> Result<Asserted, Turned> {
        let Admitted { point, known, .. } = admitted;
        let header = asked.headers.get(&point.token_header).map(|value| value.trim()).unwrap_or_default();
        let token = match header.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            Some(_) => return Err(Turned::TokenMissing),
            None if point.token_header == "authorization" => return Err(Turned::TokenMissing),
            None => header,
        };
        if token.is_empty() {
            return Err(Turned::TokenMissing);
        }
        let refused = |why: &str| Turned::TokenInvalid(why.to_owned());
        let issuer = issuer_of(token).ok_or_else(|| refused("it is malformed"))?;
        let provider = known.providers.iter().find(|provider| provider.settings.issuer == issuer);
        let provider = provider.ok_or_else(|| refused("it is of no issuer that is known here"))?;
        let verified = self.verified(provider, token).await?;
        provider.settings.asserted(&verified.claims).ok_or(Turned::UserUnknown)
    }

    /// What a token says.
    async fn verified(&self, provider: &IdentityProvider, token: &str) -> Result<Arc<Verified>, Turned> {
        let (key, now) = (Sha256::digest(token).into(), self.sase.now());
        let by = (provider.name(), provider.meta.etag());
        if let Some(verified) = self.verified.get(&key).filter(|known| known.provider == by && now < known.until) {
            return Ok(verified);
        }
        let trusted = Trusted { issuer: &provider.settings.issuer, client_ids: &provider.settings.audiences };
        let presented = Presented { token, nonce: None, age_max: TOKEN_AGE_MAX };
        let claims = self.openid.verify(trusted, presented).await.map_err(|error| match error {
            VerifyError::Refused(why) => Turned::TokenInvalid(why),
            VerifyError::Unavailable(why) => {
                tracing::warn!(identity_provider = by.0, why, "requests are refused without the keys of the issuer");
                Turned::IssuerUnavailable
            }
        })?;
        // The end that is told is up to a second after that of the token.
        let end = claims.presentable_until.as_micros().saturating_sub(1_000_000);
        let until = now.after(VERIFIED_FOR).min(Timestamp::from_micros(end));
        let verified = Arc::new(Verified { provider: by, until, claims });
        self.verified.insert(key, verified.clone());
        Ok(verified)
    }

    async fn decide(
        &self,
        admitted: &Admitted,
        asserted: Asserted,
        asked: Passing<'_>,
    ) -> Result<Result<Decided, Turned>, Unanswered> {
        if !self.fresh.is() {
            return Err(Unanswered::Stale);
        }
        let directory = admitted.point.meta.directory;
        // By what was committed when the request came, or by what is now if the token or a place took long.
        let known = match admitted.since.elapsed() < KNOWN_FOR {
            true => admitted.known.clone(),
            false => self.sase.compiled(directory).await?,
        };
        let user = match asserted.user {
            Named::Id(id) => known.decider.world().users.contains_key(&id).then_some(id),
            Named::Attribute(attribute) => known.named.get(&attribute).cloned().flatten(),
        };
        let Some(user) = user else { return Ok(Err(Turned::UserUnknown)) };
        let Ok(device) = self.device(directory, asked.device).await? else { return Ok(Err(Turned::DeviceKey)) };
        let query = AccessQuery {
            user,
            wanted: asked.wanted,
            device_id: device.as_ref().map(|device| device.meta.id.clone()).unwrap_or_default(),
            device,
            source: asked.source,
            strength: Some(asserted.strength),
            groups: asserted.groups,
            attributes: asserted.attributes,
        };
        let decision = known.decider.decide(&query, self.sase.now());
        let decided = Decided { id: self.sase.token(20), decision };
        // A block is not told before it is in the log.
        self.sase.0.log.note(directory, vec![decided.clone()]).await.map_err(Unanswered::Unlogged)?;
        Ok(Ok(decided))
    }

    /// The device that is shown, if the key is its own.
    async fn device(
        &self,
        directory: DirectoryId,
        (name, key): (&str, &str),
    ) -> Result<Result<Option<Device>, Turned>, Error> {
        if name.is_empty() {
            return Ok(Ok(None));
        }
        let prefix = ResourceKind::Device.name(directory, "");
        let Some(id) = name.strip_prefix(&prefix) else { return Ok(Err(Turned::DeviceKey)) };
        let device: Option<Device> = store::find(self.sase.db().reader(), directory, id).await?;
        let own = device.filter(|device| is_device_key(device, key));
        Ok(own.map_or(Err(Turned::DeviceKey), |device| Ok(Some(device))))
    }
}

impl Admitted {
    /// Name of the point.
    pub(crate) fn name(&self) -> String {
        self.point.name()
    }
}

impl Fresh {
    fn is(&self) -> bool {
        self.level.age().is_some_and(|age| age <= self.within)
    }
}
