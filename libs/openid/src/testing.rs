//! An issuer on this machine, for tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "it is used by tests alone")]

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bailiwick_core::Timestamp;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The private key of [`Key::rsa`].
pub(crate) const RSA: &[u8] = include_bytes!("testing/rsa.pem");

/// A key of an issuer.
#[derive(Clone)]
pub struct Key {
    pub(crate) id: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) encoding: EncodingKey,
}

impl Key {
    /// A new one.
    pub fn ecdsa(id: &str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let encoding = EncodingKey::from_ec_der(&pair.serialize_der());
        Self { id: id.to_owned(), algorithm: Algorithm::ES256, encoding }
    }

    /// One that is always the same.
    pub fn rsa(id: &str) -> Self {
        let encoding = EncodingKey::from_rsa_pem(RSA).unwrap();
        Self { id: id.to_owned(), algorithm: Algorithm::RS256, encoding }
    }

    /// One that is known to whoever verifies.
    pub fn shared(id: &str, secret: &[u8]) -> Self {
        Self { id: id.to_owned(), algorithm: Algorithm::HS256, encoding: EncodingKey::from_secret(secret) }
    }

    /// As it is published.
    pub fn public(&self) -> Value {
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&self.encoding, self.algorithm).unwrap()).unwrap();
        jwk["kid"] = json!(self.id);
        jwk["use"] = json!("sig");
        jwk
    }

    /// A token.
    pub fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.id.clone()), ..Header::new(self.algorithm) };
        jsonwebtoken::encode(&header, claims, &self.encoding).unwrap()
    }
}

/// An issuer that answers discovery, and counts how often.
#[derive(Clone)]
pub struct Issuer {
    /// Its address.
    pub url: String,
    keys: Arc<Mutex<Vec<Value>>>,
    asked: Arc<Mutex<usize>>,
}

impl Issuer {
    /// One that has these keys.
    pub async fn start(keys: &[&Key]) -> Self {
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

    /// Has these keys from now on.
    pub fn publish(&self, keys: &[&Key]) {
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

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }

    /// Claims of a good token without nonce.
    pub fn claims(&self, now: Timestamp) -> Value {
        let now = now.as_seconds();
        json!({
            "iss": self.url, "aud": "cli", "sub": "1", "iat": now, "exp": now + 3_600, "preferred_username": "alice"
        })
    }
}

fn bytes(body: &Value) -> hyper::body::Bytes {
    body.to_string().into()
}
