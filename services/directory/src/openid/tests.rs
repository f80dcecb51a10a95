//! An issuer on this machine, and tokens of it that are good or wrong in one way.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use bailiwick_core::Clock;
use bailiwick_testkit::ManualClock;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use reqwest::dns::Resolve;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{fetch::Guarded, *};
use crate::domain::{identity_provider::Settings, sign_in::Claims};

const RSA: &[u8] = include_bytes!("tests/rsa.pem");

/// A key of an issuer.
#[derive(Clone)]
pub(crate) struct Key {
    id: String,
    algorithm: Algorithm,
    encoding: EncodingKey,
}

impl Key {
    pub(crate) fn ecdsa(id: &str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let encoding = EncodingKey::from_ec_der(&pair.serialize_der());
        Self { id: id.to_owned(), algorithm: Algorithm::ES256, encoding }
    }

    fn rsa(id: &str) -> Self {
        let encoding = EncodingKey::from_rsa_pem(RSA).unwrap();
        Self { id: id.to_owned(), algorithm: Algorithm::RS256, encoding }
    }

    fn public(&self) -> Value {
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&self.encoding, self.algorithm).unwrap()).unwrap();
        jwk["kid"] = json!(self.id);
        jwk["use"] = json!("sig");
        jwk
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.id.clone()), ..Header::new(self.algorithm) };
        jsonwebtoken::encode(&header, claims, &self.encoding).unwrap()
    }
}

/// An issuer that answers discovery, and counts how often.
#[derive(Clone)]
pub(crate) struct Issuer {
    pub(crate) url: String,
    keys: Arc<Mutex<Vec<Value>>>,
    asked: Arc<Mutex<usize>>,
}

impl Issuer {
    pub(crate) async fn start(keys: &[&Key]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let issuer = Self { url, keys: Arc::default(), asked: Arc::default() };
        issuer.publish(keys);
        let this = issuer.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let this = this.clone();
                let answer = service_fn(move |request: Request<Incoming>| {
                    let body = this.answer(request.uri().path());
                    let answer = Response::builder().header("content-type", "application/json");
                    async move { Ok::<_, Infallible>(answer.body(Full::new(bytes(&body))).unwrap()) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        issuer
    }

    pub(crate) fn publish(&self, keys: &[&Key]) {
        *self.keys.lock().unwrap() = keys.iter().map(|key| key.public()).collect();
    }

    fn answer(&self, path: &str) -> Value {
        if path == "/keys" {
            return json!({"keys": *self.keys.lock().unwrap()});
        }
        *self.asked.lock().unwrap() += 1;
        json!({
            "issuer": self.url, "jwks_uri": format!("{}/keys", self.url),
            "authorization_endpoint": format!("{}/auth", self.url), "response_types_supported": ["code"],
            "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256", "HS256"]
        })
    }

    fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            issuer: self.url.clone(),
            client_ids: vec!["cli".to_owned(), "web".to_owned()],
            user_claim: "preferred_username".to_owned(),
            ..Settings::default()
        }
    }

    /// Claims of a good token without nonce.
    pub(crate) fn claims(&self, clock: &ManualClock) -> Value {
        let now = clock.now().as_seconds();
        json!({
            "iss": self.url, "aud": "cli", "sub": "1", "iat": now, "exp": now + 3_600, "preferred_username": "alice"
        })
    }
}

fn bytes(body: &Value) -> hyper::body::Bytes {
    body.to_string().into()
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
        let config = SignInConfig { private_issuers: true, ..SignInConfig::default() };
        let openid = OpenId::open(&config, clock.clone()).unwrap();
        Self { clock, openid, issuer: Issuer::start(&[&key]).await, key }
    }

    async fn verify(&self, token: &str, nonce: &str) -> Result<Claims, VerifyError> {
        self.openid.verify(&self.issuer.settings(), Presented { token, nonce }).await
    }

    fn with(&self, changes: Value) -> Value {
        let mut claims = self.issuer.claims(&self.clock);
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
        let token = world.key.sign(&world.issuer.claims(&world.clock));
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
        let mut claims = world.issuer.claims(&world.clock);
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
    let claims = world.issuer.claims(&world.clock);
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
    let claims = world.issuer.claims(&world.clock);
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
    world.verify(&next.sign(&world.issuer.claims(&world.clock)), "").await.unwrap();
    assert_eq!(world.issuer.asked(), 3);
}

#[tokio::test]
async fn private_issuers_are_not_asked_unless_they_are_allowed() {
    let world = World::new(Key::ecdsa("k1")).await;
    let token = world.key.sign(&world.issuer.claims(&world.clock));
    let openid = OpenId::open(&SignInConfig::default(), world.clock.clone()).unwrap();
    let settings = world.issuer.settings();
    let refused = openid.verify(&settings, Presented { token: &token, nonce: "" }).await;
    assert!(matches!(refused, Err(VerifyError::Unavailable(_))), "{refused:?}");
    assert_eq!(world.issuer.asked(), 0);
    // Names that stand for this machine.
    for (reach, reached) in [(Reach::Public, false), (Reach::Private, true)] {
        let found = Guarded(reach).resolve("localhost".parse().unwrap()).await;
        assert_eq!(found.is_ok_and(|mut addresses| addresses.next().is_some()), reached, "{reach:?}");
    }
}
