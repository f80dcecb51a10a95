use std::sync::{
    Mutex as SyncMutex,
    atomic::{AtomicI64, AtomicUsize, Ordering},
};

use bailiwick_core::Timestamp;
use jsonwebtoken::{EncodingKey, Header, encode};

use super::*;
use crate::testing::SigningPair;

struct At(AtomicI64);

impl Clock for At {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst) * 1_000_000)
    }
}

struct Source {
    keys: SyncMutex<Result<Vec<SigningKey>, Status>>,
    asked: AtomicUsize,
}

impl KeySource for Arc<Source> {
    fn keys(&self) -> BoxFuture<'_, Result<Vec<SigningKey>, Status>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let keys = self.keys.lock().unwrap().clone();
        Box::pin(std::future::ready(keys))
    }
}

struct Scene {
    tokens: Tokens,
    source: Arc<Source>,
    clock: Arc<At>,
    pair: SigningPair,
}

fn scene() -> Scene {
    let pair = SigningPair::new("k1");
    let source = Arc::new(Source { keys: SyncMutex::new(Ok(vec![pair.public()])), asked: AtomicUsize::new(0) });
    let clock = Arc::new(At(AtomicI64::new(1_000)));
    let tokens = Tokens::new(Box::new(Arc::clone(&source)), Arc::clone(&clock) as Arc<dyn Clock>);
    Scene { tokens, source, clock, pair }
}

impl Scene {
    async fn authenticate(&self, token: &str) -> Result<Option<Arc<Verified>>, ErrorReason> {
        self.header(&format!("Bearer {token}")).await
    }

    async fn header(&self, value: &str) -> Result<Option<Arc<Verified>>, ErrorReason> {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]);
        self.tokens.authenticate(&headers).await.map_err(|p| bailiwick_rpc::ApiError::reason(&p))
    }
}

fn claims() -> TokenClaims {
    TokenClaims {
        iss: TOKEN_ISSUER.to_owned(),
        aud: TOKEN_AUDIENCE.to_owned(),
        sub: "accounts/1000000000000001/users/alice".to_owned(),
        exp: 1_900,
        iat: 1_000,
        jti: "j".to_owned(),
        generation: 3,
        epoch: "d".to_owned(),
        akid: "AK1".to_owned(),
        ..TokenClaims::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_good_token_names_its_caller_until_it_expires() {
    // covers: R-GW-01
    let scene = scene();
    let token = scene.pair.sign(&claims());
    for _ in 0..2 {
        let verified = scene.authenticate(&token).await.unwrap().unwrap();
        assert_eq!(verified.principal.identity.to_string(), "accounts/1000000000000001/users/alice");
        assert_eq!((verified.principal.generation, verified.principal.access_key_id.as_str()), (3, "AK1"));
        assert_eq!(verified.epoch, "d");
    }
    scene.clock.0.store(1_899, Ordering::SeqCst);
    assert!(scene.authenticate(&token).await.is_ok());
    // Exactly, and also from memory.
    scene.clock.0.store(1_900, Ordering::SeqCst);
    assert_eq!(scene.authenticate(&token).await, Err(ErrorReason::CredentialInvalid));
    assert_eq!(scene.tokens.authenticate(&HeaderMap::new()).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn other_tokens_are_refused() {
    let scene = scene();
    let good = scene.pair.sign(&claims());
    let other = SigningPair::new("k1");
    let edited = |edit: fn(&mut TokenClaims)| {
        let mut claims = claims();
        edit(&mut claims);
        scene.pair.sign(&claims)
    };
    let hmac = {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some("k1".to_owned());
        encode(&header, &claims(), &EncodingKey::from_secret(&scene.pair.public().public_key)).unwrap()
    };
    let (body, _) = good.rsplit_once('.').unwrap();
    let (_, rest) = good.split_once('.').unwrap();
    let bad = [
        other.sign(&claims()),
        hmac,
        edited(|c| c.iss = "bailiwick".to_owned()),
        edited(|c| c.aud = "bailiwick.dev".to_owned()),
        edited(|c| c.sub = "accounts/1/users/alice".to_owned()),
        edited(|c| c.exp = 1_000),
        edited(|c| c.epoch = String::new()),
        format!("{body}."),
        // {"alg":"none"}
        format!("eyJhbGciOiJub25lIn0.{rest}"),
        "x".to_owned(),
        String::new(),
        "a".repeat(MAX_TOKEN + 1),
    ];
    for token in bad {
        assert_eq!(scene.authenticate(&token).await, Err(ErrorReason::CredentialInvalid), "{token}");
    }
    for value in ["Basic YTpi", "Bearer", &format!("Bearer  {good}"), &format!("Bearer {good} x")] {
        assert_eq!(scene.header(value).await, Err(ErrorReason::CredentialInvalid), "{value}");
    }
    let mut headers = HeaderMap::new();
    headers.append(AUTHORIZATION, "Bearer x".parse().unwrap());
    headers.append(AUTHORIZATION, format!("Bearer {good}").parse().unwrap());
    assert!(scene.tokens.authenticate(&headers).await.is_err());
    assert!(scene.authenticate(&good).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn keys_are_asked_for_once_a_second_and_forgotten_when_withdrawn() {
    let scene = scene();
    assert!(scene.authenticate(&scene.pair.sign(&claims())).await.is_ok());
    assert_eq!(scene.source.asked.load(Ordering::SeqCst), 1);
    let next = SigningPair::new("k2");
    *scene.source.keys.lock().unwrap() = Ok(vec![next.public()]);
    for _ in 0..3 {
        assert_eq!(scene.authenticate(&next.sign(&claims())).await, Err(ErrorReason::CredentialInvalid));
    }
    assert_eq!(scene.source.asked.load(Ordering::SeqCst), 1);
    tokio::time::advance(REFRESH_EVERY).await;
    assert!(scene.authenticate(&next.sign(&claims())).await.is_ok());
    // The token of the withdrawn key was remembered, and is no longer.
    assert_eq!(scene.authenticate(&scene.pair.sign(&claims())).await, Err(ErrorReason::CredentialInvalid));
    assert_eq!(scene.source.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn without_keys_nobody_is_refused_for_good() {
    let scene = scene();
    *scene.source.keys.lock().unwrap() = Err(Status::unavailable("down"));
    for _ in 0..2 {
        assert_eq!(scene.authenticate(&scene.pair.sign(&claims())).await, Err(ErrorReason::BackendUnavailable));
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_of_another_length_is_no_key() {
    let scene = scene();
    let short = SigningKey { key_id: "k1".to_owned(), public_key: vec![1; 31] };
    *scene.source.keys.lock().unwrap() = Ok(vec![short]);
    assert_eq!(scene.authenticate(&scene.pair.sign(&claims())).await, Err(ErrorReason::CredentialInvalid));
}

// covers: R-GW-09
#[tokio::test(start_paused = true)]
async fn a_token_says_who_signed_in_and_where() {
    let scene = scene();
    let said = async |provider: Option<&str>, subject: Option<&str>| {
        let (provider, subject) = (provider.map(str::to_owned), subject.map(str::to_owned));
        let token = scene.pair.sign(&TokenClaims { provider, subject, ..claims() });
        let verified = scene.authenticate(&token).await.ok()?.unwrap();
        Some(verified.principal.signed_in.as_deref().map(|by| (by.provider.clone(), by.subject.clone())))
    };
    let person = |provider: &str, subject: &str| Some(Some((provider.to_owned(), subject.to_owned())));
    assert_eq!(said(Some("p"), Some("alice")).await, person("p", "alice"));
    assert_eq!(said(Some("p"), None).await, person("p", ""));
    assert_eq!(said(None, None).await, Some(None));
    assert_eq!(said(None, Some("alice")).await, None);
}
