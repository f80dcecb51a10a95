use std::{
    convert::Infallible,
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use bailiwick_core::Clock;
use bailiwick_testkit::ManualClock;
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rustls_pki_types::PrivatePkcs8KeyDer;
use serde_json::Value;
use sha2::Sha256;
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::delivery::{config::WebhookConfig, webhook::Webhook};

const KEY: [u8; 32] = [9; 32];

/// What a gateway was sent.
type Requests = Arc<Mutex<Vec<(String, HeaderMap, Vec<u8>)>>>;

/// An SMS gateway that answers with one status, or with none, and what it was sent.
struct Gateway {
    address: SocketAddr,
    listener: Arc<TcpListener>,
    requests: Requests,
    clock: Arc<ManualClock>,
    folder: TempDir,
}

impl Gateway {
    async fn start(status: Option<u16>) -> Self {
        let gateway = Self::bind().await;
        let (listener, kept) = (gateway.listener.clone(), gateway.requests.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, status, kept.clone()));
            }
        });
        gateway
    }

    /// One that proves to be `localhost` by the certificate in `{folder}/chain.pem`.
    async fn start_with_tls() -> Self {
        let gateway = Self::bind().await;
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(gateway.folder.path().join("chain.pem"), made.cert.pem()).unwrap();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into();
        let tls = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let (listener, kept) = (gateway.listener.clone(), gateway.requests.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(stream) = acceptor.accept(stream).await else { continue };
                tokio::spawn(answer(stream, Some(202), kept.clone()));
            }
        });
        gateway
    }

    async fn bind() -> Self {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let address = listener.local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        Self { address, listener, requests: Requests::default(), clock: Arc::default(), folder }
    }

    fn webhook(&self) -> Webhook {
        let url = format!("http://{}/send?token=hidden", self.address);
        self.open(WebhookConfig { url, timeout_seconds: 1, ..WebhookConfig::default() })
    }

    fn open(&self, config: WebhookConfig) -> Webhook {
        let secret_file = self.folder.path().join("secret");
        fs::write(&secret_file, format!("whsec_{}\n", STANDARD.encode(KEY))).unwrap();
        Webhook::open(&WebhookConfig { secret_file, ..config }, self.clock.clone()).unwrap()
    }

    fn requests(&self) -> Vec<(String, HeaderMap, Vec<u8>)> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }
}

/// Answers the requests of a connection with one status, or not at all, and keeps them.
async fn answer(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, status: Option<u16>, kept: Requests) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let kept = kept.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes().to_vec();
            kept.lock().unwrap().push((head.uri.to_string(), head.headers, body));
            let Some(status) = status else { return std::future::pending().await };
            let answer = Response::builder().status(status).header("location", "/elsewhere");
            Ok::<_, Infallible>(answer.body(Full::<&[u8]>::new(&[b'x'; 100_000])).unwrap())
        }
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
}

/// As a receiver checks it, from the specification of Standard Webhooks.
fn is_authentic(headers: &HeaderMap, body: &[u8], key: &[u8]) -> bool {
    let header = |name: &str| headers[name].to_str().unwrap();
    let signed = [header("webhook-id"), ".", header("webhook-timestamp"), "."].concat();
    let signature = STANDARD.decode(header("webhook-signature").strip_prefix("v1,").unwrap()).unwrap();
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).unwrap();
    mac.update(&[signed.as_bytes(), body].concat());
    mac.verify_slice(&signature).is_ok()
}

#[tokio::test]
async fn requests_are_signed_and_a_repetition_has_the_same_id() {
    let gateway = Gateway::start(Some(202)).await;
    let webhook = gateway.webhook();
    let sent = message(Channel::Phone);
    webhook.deliver(&sent).await.unwrap();
    gateway.clock.advance(Duration::from_secs(5));
    webhook.deliver(&sent).await.unwrap();
    let requests = gateway.requests();
    assert_eq!(requests.len(), 2);
    for (uri, headers, body) in &requests {
        assert_eq!(
            (uri.as_str(), headers["content-type"].as_bytes()),
            ("/send?token=hidden", &b"application/json"[..])
        );
        assert_eq!(headers["webhook-id"], sent.id.as_str());
        assert!(is_authentic(headers, body, &KEY));
        assert!(!is_authentic(headers, body, &[8; 32]));
        assert!(!is_authentic(headers, &[body.as_slice(), b" "].concat(), &KEY));
        let body: Value = serde_json::from_slice(body).unwrap();
        assert_eq!(body["id"], sent.id.as_str());
        assert_eq!((&body["channel"], &body["destination"]), (&"PHONE".into(), &"+4930123456".into()));
        assert_eq!((&body["code"], &body["text"]), (&"012345".into(), &sent.text().into()));
        assert_eq!(body["purpose"], "SWITCH_TO_RESOURCE_ACCOUNT");
        assert_eq!(body["account"], "accounts/1000000000000002");
        assert_eq!(body["requester"], "accounts/1000000000000001/users/alice");
        assert_eq!(body["expire_time"], "2026-01-01T00:10:00Z");
    }
    let start = ManualClock::default().now().as_seconds();
    let times: Vec<_> = requests.iter().map(|(_, headers, _)| headers["webhook-timestamp"].to_str().unwrap()).collect();
    assert_eq!(times, [start.to_string(), (start + 5).to_string()]);
}

#[tokio::test]
async fn what_refuses_the_message_is_told_from_what_may_pass() {
    for (status, permanent) in
        [(400, true), (410, true), (422, true), (401, false), (404, false), (429, false), (500, false), (503, false)]
    {
        let gateway = Gateway::start(Some(status)).await;
        let error = gateway.webhook().deliver(&message(Channel::Phone)).await.unwrap_err();
        assert_eq!(matches!(error, DeliveryError::Permanent(_)), permanent, "{status}");
        assert!(error.to_string().contains(&status.to_string()), "{error}");
    }
}

#[tokio::test]
async fn over_https_the_gateway_is_trusted_by_the_authority_that_is_given() {
    let gateway = Gateway::start_with_tls().await;
    let config = |host: &str, ca_file: &str| WebhookConfig {
        url: format!("https://{host}:{}/send", gateway.address.port()),
        ca_file: if ca_file.is_empty() { PathBuf::new() } else { gateway.folder.path().join(ca_file) },
        timeout_seconds: 10,
        ..WebhookConfig::default()
    };
    let deliver = async |config| gateway.open(config).deliver(&message(Channel::Phone)).await;
    deliver(config("localhost", "chain.pem")).await.unwrap();
    let (uri, headers, body) = gateway.requests().pop().unwrap();
    assert_eq!(uri, "/send");
    assert!(is_authentic(&headers, &body, &KEY));

    // Not without it, by that of somebody else, or under another name.
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(gateway.folder.path().join("other.pem"), other.cert.pem()).unwrap();
    for (host, ca_file) in [("localhost", ""), ("localhost", "other.pem"), ("127.0.0.1", "chain.pem")] {
        let error = deliver(config(host, ca_file)).await.unwrap_err();
        assert!(matches!(error, DeliveryError::Temporary(_)), "{host} {ca_file}: {error}");
    }
    assert!(gateway.requests().is_empty(), "no code was sent to a stranger");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    for status in [301, 302, 307, 308] {
        let gateway = Gateway::start(Some(status)).await;
        let error = gateway.webhook().deliver(&message(Channel::Phone)).await.unwrap_err();
        assert!(matches!(error, DeliveryError::Temporary(_)), "{error}");
        assert_eq!(gateway.requests().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_gateway_that_does_not_answer_is_given_up_and_nothing_secret_is_told() {
    let silent = Gateway::start(None).await;
    let error = silent.webhook().deliver(&message(Channel::Phone)).await.unwrap_err();
    let closed = {
        let mut gateway = Gateway::start(None).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        gateway.address = listener.local_addr().unwrap();
        drop(listener);
        gateway.webhook().deliver(&message(Channel::Phone)).await.unwrap_err()
    };
    for error in [error, closed] {
        assert!(matches!(error, DeliveryError::Temporary(_)), "{error}");
        for secret in ["hidden", "012345", "+4930123456"] {
            assert!(!error.to_string().contains(secret), "{error}");
        }
    }
}
