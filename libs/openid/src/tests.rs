//! Tokens of an issuer that are good, or wrong in one way.

use std::{sync::Arc, time::Duration};

use bailiwick_core::Clock;
use bailiwick_testkit::ManualClock;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use reqwest::dns::Resolve;
use serde_json::{Value, json};

use super::{
    fetch::Guarded,
    testing::{Issuer, Key, RSA},
    *,
};

async fn verify(openid: &OpenId, issuer: &Issuer, token: &str, nonce: Option<&str>) -> Result<Claims, VerifyError> {
    let client_ids = ["cli".to_owned(), "web".to_owned()];
    let trusted = Trusted { issuer: &issuer.url, client_ids: &client_ids };
    openid.verify(trusted, Presented { token, nonce, age_max: AGE_MAX }).await
}

struct World {
    clock: Arc<ManualClock>,
    openid: OpenId,
    issuer: Issuer,
    key: Key,
}

impl World {
    async fn new(key: Key) -> Self {
        let clock = Arc::new(ManualClock::default());
        let config = OpenIdConfig { private_issuers: true, ..OpenIdConfig::default() };
        let openid = OpenId::open(&config, clock.clone()).unwrap();
        Self { clock, openid, issuer: Issuer::start(&[&key]).await, key }
    }

    async fn verify(&self, token: &str, nonce: &str) -> Result<Claims, VerifyError> {
        verify(&self.openid, &self.issuer, token, Some(nonce)).await
    }

    fn with(&self, changes: Value) -> Value {
        let mut claims = self.issuer.claims(self.clock.now());
        for (claim, value) in changes.as_object().unwrap() {
            claims[claim] = value.clone();
        }
        claims
    }
}

#[tokio::test]
async fn a_good_token_tells_its_claims() {
    for key in [Key::ecdsa("k1"), Key::rsa("k1")] {
        let world = World::new(key).await;
        let token = world.key.sign(&world.issuer.claims(world.clock.now()));
        let claims = world.verify(&token, "").await.unwrap();
        assert_eq!(claims.all["preferred_username"], "alice");
        let kept = claims.presentable_until.as_seconds() - world.clock.now().as_seconds();
        assert!((660..=662).contains(&kept), "{kept}");
        world.verify(&token, "").await.unwrap();
        assert_eq!(world.issuer.asked(), 1);
    }
}

#[tokio::test]
async fn a_token_that_is_wrong_in_one_way_is_refused() {
    let world = World::new(Key::ecdsa("k1")).await;
    let now = world.clock.now().as_seconds();
    for (changes, nonce, good) in [
        (json!({}), "", true),
        (json!({"aud": "web"}), "", true),
        (json!({"aud": ["cli", "web"]}), "", true),
        (json!({"aud": "cli", "azp": "cli"}), "", true),
        (json!({"nonce": "n"}), "n", true),
        (json!({"iat": now - 600}), "", true),
        (json!({"iat": now + 60}), "", true),
        (json!({"nonce": "n"}), "other", false),
        (json!({"nonce": "n"}), "", false),
        (json!({}), "n", false),
        (json!({"aud": "another"}), "", false),
        (json!({"aud": []}), "", false),
        (json!({"aud": ["cli", "another"]}), "", false),
        (json!({"azp": "another"}), "", false),
        (json!({"iss": "https://elsewhere.example.com"}), "", false),
        (json!({"exp": now}), "", false),
        (json!({"exp": now - 1}), "", false),
        (json!({"iat": now - 601}), "", false),
        (json!({"iat": now + 61}), "", false),
        (json!({"sub": ""}), "", false),
    ] {
        let token = world.key.sign(&world.with(changes.clone()));
        let verified = world.verify(&token, nonce).await;
        assert_eq!(verified.is_ok(), good, "{changes} {nonce}: {verified:?}");
        assert!(good || matches!(verified, Err(VerifyError::Refused(_))), "{changes}");
    }
    for missing in ["iss", "aud", "sub", "iat", "exp"] {
        let mut claims = world.issuer.claims(world.clock.now());
        claims.as_object_mut().unwrap().remove(missing);
        assert!(world.verify(&world.key.sign(&claims), "").await.is_err(), "{missing}");
    }
    for token in ["", "x", "a.b.c", "...", &"a".repeat(16_385)] {
        assert!(matches!(world.verify(token, "").await, Err(VerifyError::Refused(_))), "{token}");
    }
}

#[tokio::test]
async fn signatures_are_made_by_keys_that_only_the_issuer_has() {
    let world = World::new(Key::rsa("k1")).await;
    let claims = world.issuer.claims(world.clock.now());
    world.verify(&world.key.sign(&claims), "").await.unwrap();
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    for algorithm in ["none", "None", "NONE"] {
        let header = part(&json!({"alg": algorithm, "kid": "k1"}));
        let unsigned = format!("{header}.{}.", part(&claims));
        assert!(matches!(world.verify(&unsigned, "").await, Err(VerifyError::Refused(_))), "{algorithm}");
    }
    let public = world.key.public();
    let modulus = URL_SAFE_NO_PAD.decode(public["n"].as_str().unwrap()).unwrap();
    for secret in [modulus, public.to_string().into_bytes(), RSA.to_vec(), b"cli".to_vec(), Vec::new()] {
        let key = Key { encoding: EncodingKey::from_secret(&secret), algorithm: Algorithm::HS256, id: "k1".to_owned() };
        assert!(matches!(world.verify(&key.sign(&claims), "").await, Err(VerifyError::Refused(_))));
    }
    let forged = Key { id: "k1".to_owned(), ..Key::ecdsa("k1") };
    assert!(world.verify(&forged.sign(&claims), "").await.is_err());
    let token = world.key.sign(&claims);
    let (head, signature) = token.rsplit_once('.').unwrap();
    let header = head.split('.').next().unwrap();
    let other = part(&world.with(json!({"preferred_username": "bob"})));
    assert!(world.verify(&format!("{header}.{other}.{signature}"), "").await.is_err());
}

#[tokio::test]
async fn new_keys_are_fetched_when_one_is_missing_but_not_all_the_time() {
    let world = World::new(Key::ecdsa("k1")).await;
    let claims = world.issuer.claims(world.clock.now());
    world.verify(&world.key.sign(&claims), "").await.unwrap();
    let next = Key::ecdsa("k2");
    world.issuer.publish(&[&next]);
    assert!(world.verify(&next.sign(&claims), "").await.is_err());
    assert_eq!(world.issuer.asked(), 1);
    world.clock.advance(Duration::from_secs(1));
    world.verify(&next.sign(&claims), "").await.unwrap();
    assert_eq!(world.issuer.asked(), 2);
    for _ in 0..5 {
        assert!(world.verify(&world.key.sign(&claims), "").await.is_err());
    }
    assert_eq!(world.issuer.asked(), 2);
    world.clock.advance(Duration::from_mins(10));
    world.verify(&next.sign(&world.issuer.claims(world.clock.now())), "").await.unwrap();
    assert_eq!(world.issuer.asked(), 3);
}

#[tokio::test]
async fn private_issuers_are_not_asked_unless_they_are_allowed() {
    let world = World::new(Key::ecdsa("k1")).await;
    let token = world.key.sign(&world.issuer.claims(world.clock.now()));
    let openid = OpenId::open(&OpenIdConfig::default(), world.clock.clone()).unwrap();
    let refused = verify(&openid, &world.issuer, &token, Some("")).await;
    assert!(matches!(refused, Err(VerifyError::Unavailable(_))), "{refused:?}");
    assert_eq!(world.issuer.asked(), 0);
    // Names that stand for this machine.
    for (reach, reached) in [(Reach::Public, false), (Reach::Private, true)] {
        let found = Guarded(reach).resolve("localhost".parse().unwrap()).await;
        assert_eq!(found.is_ok_and(|mut addresses| addresses.next().is_some()), reached, "{reach:?}");
    }
}
