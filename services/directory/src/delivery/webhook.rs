//! Delivery by a signed HTTP request, as Standard Webhooks has it: to an SMS gateway, or to whatever knows one.

use std::{sync::Arc, time::Duration};

use bailiwick_core::Clock;
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Certificate, Client, StatusCode, Url, header::CONTENT_TYPE, redirect::Policy};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{
    Delivery, DeliveryError, DeliverySetupError,
    body::Body,
    certificates,
    config::{WebhookConfig, is_set},
    secret,
};
use crate::domain::message::Message;

const SECRET_PREFIX: &str = "whsec_";
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Answers that refuse this very message. Whatever else goes wrong may be put right before the code expires.
const REFUSED: [StatusCode; 4] =
    [StatusCode::BAD_REQUEST, StatusCode::GONE, StatusCode::PAYLOAD_TOO_LARGE, StatusCode::UNPROCESSABLE_ENTITY];

/// A webhook.
pub(super) struct Webhook {
    client: Client,
    url: Url,
    key: Zeroizing<Vec<u8>>,
    clock: Arc<dyn Clock>,
}

impl Webhook {
    pub(super) fn open(config: &WebhookConfig, clock: Arc<dyn Clock>) -> Result<Self, DeliverySetupError> {
        let wrong = |what: &str| DeliverySetupError::Setting(format!("webhook.{what}"));
        let text = secret("webhook.secret_file", &config.secret_file)?;
        let key = text.strip_prefix(SECRET_PREFIX).and_then(|text| STANDARD.decode(text).ok()).map(Zeroizing::new);
        let key = key.filter(|key| SECRET_BYTES.contains(&key.len()));
        // Neither redirects nor a proxy of the environment: codes go where they were meant to go, or nowhere.
        let mut client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .timeout(Duration::from_secs(config.timeout_seconds.into()))
            .user_agent("bailiwick");
        if is_set(&config.ca_file) {
            let pem = certificates("webhook.ca_file", &config.ca_file)?;
            let authorities = Certificate::from_pem_bundle(&pem).ok().filter(|found| !found.is_empty());
            for authority in authorities.ok_or_else(|| wrong("ca_file` has no certificates in PEM"))? {
                client = client.add_root_certificate(authority);
            }
        }
        Ok(Self {
            client: client.build().map_err(|_| wrong("ca_file` has a certificate that cannot be used"))?,
            url: Url::parse(&config.url).map_err(|_| wrong("url` is no address"))?,
            key: key.ok_or_else(|| wrong("secret_file` must hold `whsec_` and 24 to 64 bytes in base64"))?,
            clock,
        })
    }

    fn signature(&self, id: &str, timestamp: &str, body: &[u8]) -> Result<String, DeliveryError> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.key)
            .map_err(|_| DeliveryError::Permanent("the webhook's key cannot be used".to_owned()))?;
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    }
}

#[tonic::async_trait]
impl Delivery for Webhook {
    async fn deliver(&self, message: &Message) -> Result<(), DeliveryError> {
        let body = Body::of(message).json();
        let timestamp = self.clock.now().as_seconds().to_string();
        let request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &message.id)
            .header("webhook-signature", self.signature(&message.id, &timestamp, &body)?)
            .header("webhook-timestamp", timestamp)
            .body(body);
        // The answer's body is not read: nothing that is sent there can hurt.
        match request.send().await.map(|answer| answer.status()) {
            Ok(status) if status.is_success() => Ok(()),
            Ok(status) if REFUSED.contains(&status) => {
                Err(DeliveryError::Permanent(format!("the webhook answered {}", status.as_u16())))
            }
            Ok(status) => Err(DeliveryError::Temporary(format!("the webhook answered {}", status.as_u16()))),
            // Its address may hold a token of the gateway.
            Err(error) => Err(DeliveryError::Temporary(format!("no answer of the webhook: {}", error.without_url()))),
        }
    }
}
