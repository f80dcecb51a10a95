//! The keys of providers, kept for a while.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex as Locked, PoisonError},
    time::Duration,
};

use bailiwick_core::{Clock, Timestamp};
use openidconnect::{
    IssuerUrl,
    core::{CoreJsonWebKeySet, CoreProviderMetadata},
};
use tokio::sync::Mutex;

use super::{VerifyError, fetch::Fetcher};

/// How long keys are used before they are fetched again: a key that a provider withdraws counts no longer than this.
const TTL: Duration = Duration::from_mins(10);
/// Least time between two fetches from one issuer, failed ones counted.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a discovery may take, with the keys and whatever is waited for.
const WITHIN: Duration = Duration::from_secs(8);
/// Most issuers whose keys are kept.
const ISSUERS_MAX: usize = 256;

/// The keys of issuers.
pub(super) struct KeyCache {
    fetcher: Fetcher,
    clock: Arc<dyn Clock>,
    issuers: Locked<HashMap<String, Arc<Issuer>>>,
}

/// One issuer. Of many who need its keys at once, one fetches them.
struct Issuer(Mutex<State>);

#[derive(Default)]
struct State {
    fetched: Option<(Timestamp, Arc<CoreJsonWebKeySet>)>,
    tried: Option<Timestamp>,
}

/// What keys are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Those that are kept will do.
    Kept,
    /// Those that are kept lack one.
    Newer,
}

impl KeyCache {
    pub(super) fn new(fetcher: Fetcher, clock: Arc<dyn Clock>) -> Self {
        Self { fetcher, clock, issuers: Locked::default() }
    }

    /// The present moment.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The keys of an issuer.
    pub(super) async fn get(&self, issuer: &str, need: Need) -> Result<Arc<CoreJsonWebKeySet>, VerifyError> {
        let work = async {
            let entry = self.entry(issuer);
            let mut state = entry.0.lock().await;
            let now = self.now();
            let recent = |at: Timestamp, within: Duration| at <= now && now < at.after(within);
            let kept = state.fetched.clone().filter(|(at, _)| recent(*at, TTL)).map(|(_, keys)| keys);
            let tried = state.tried.is_some_and(|at| recent(at, PAUSE));
            match kept {
                Some(keys) if need == Need::Kept || tried => return Ok(keys),
                None if tried => return Err(VerifyError::Unavailable("it did not answer a moment ago".to_owned())),
                _ => {}
            }
            state.tried = Some(now);
            let keys = Arc::new(self.fetch(issuer).await?);
            state.fetched = Some((now, keys.clone()));
            Ok(keys)
        };
        let late = |_| VerifyError::Unavailable("its keys could not be had in time".to_owned());
        tokio::time::timeout(WITHIN, work).await.map_err(late)?
    }

    fn entry(&self, issuer: &str) -> Arc<Issuer> {
        let mut issuers = self.issuers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = issuers.get(issuer) {
            return entry.clone();
        }
        if issuers.len() >= ISSUERS_MAX {
            // Whichever: what is asked for again is fetched again. One that is being fetched stays.
            let idle =
                issuers.iter().find(|(_, entry)| Arc::strong_count(entry) == 1).map(|(issuer, _)| issuer.clone());
            idle.and_then(|issuer| issuers.remove(&issuer));
        }
        let entry = Arc::new(Issuer(Mutex::default()));
        if issuers.len() < ISSUERS_MAX {
            issuers.insert(issuer.to_owned(), entry.clone());
        }
        entry
    }

    async fn fetch(&self, issuer: &str) -> Result<CoreJsonWebKeySet, VerifyError> {
        let unavailable = |error: &dyn std::fmt::Display| VerifyError::Unavailable(error.to_string());
        let url = IssuerUrl::new(issuer.to_owned()).map_err(|error| unavailable(&error))?;
        let found = CoreProviderMetadata::discover_async(url, &self.fetcher).await;
        let metadata = found.map_err(|error| VerifyError::Unavailable(told(&error)))?;
        Ok(metadata.jwks().clone())
    }
}

fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
