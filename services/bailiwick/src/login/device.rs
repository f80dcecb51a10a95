//! The device flow (RFC 8628).

use std::time::Duration;

use serde::Deserialize;

use super::{
    Proof, ask,
    http::{Exchanged, Provider, Refusal},
};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// Bounds of the pause between two questions, in seconds.
const INTERVAL: (u64, u64) = (1, 60);
const INTERVAL_DEFAULT: u64 = 5;

#[derive(Deserialize)]
#[serde(untagged)]
enum Begun {
    Code {
        device_code: String,
        user_code: String,
        verification_uri: String,
        verification_uri_complete: Option<String>,
        interval: Option<u64>,
    },
    Refused(Refusal),
}

/// Asks the person to type a code in elsewhere, and waits until it was.
pub(super) async fn prove(provider: &Provider) -> Result<Proof, String> {
    let endpoint = provider.metadata.device_authorization_endpoint.as_ref();
    let endpoint = endpoint.ok_or("the identity provider has no device flow: leave out --device")?;
    let begun = match provider.post(endpoint, &[("scope", &provider.scopes)]).await? {
        Begun::Refused(refusal) => return Err(refusal.told()),
        begun @ Begun::Code { .. } => begun,
    };
    let Begun::Code { device_code, user_code, verification_uri, verification_uri_complete, interval } = begun else {
        return Err("the identity provider sent no code".to_owned());
    };
    let complete = verification_uri_complete.map(|uri| format!("\nor open\n\n  {uri}\n")).unwrap_or_default();
    ask(&format!("open\n\n  {verification_uri}\n\nand type in the code\n\n  {user_code}\n{complete}"))
        .map_err(|error| error.to_string())?;
    let mut interval = interval.unwrap_or(INTERVAL_DEFAULT).clamp(INTERVAL.0, INTERVAL.1);
    loop {
        tokio::time::sleep(Duration::from_secs(interval)).await;
        let form = [("grant_type", GRANT), ("device_code", &*device_code)];
        match provider.post(&provider.metadata.token_endpoint, &form).await? {
            Exchanged::Token { id_token } => return Ok(Proof { id_token, nonce: String::new() }),
            Exchanged::Refused(refusal) => match &*refusal.error {
                "authorization_pending" => {}
                "slow_down" => interval = (interval + 5).min(INTERVAL.1),
                _ => return Err(refusal.told()),
            },
        }
    }
}
