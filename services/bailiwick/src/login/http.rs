//! The OpenID provider, as a public client sees it.

use std::{net::IpAddr, time::Duration};

use bailiwick_api::directory::v1::SignInOptions;
use reqwest::{Certificate, Client, Url, redirect::Policy};
use serde::{Deserialize, de::DeserializeOwned};

use super::causes;

const TIMEOUT: Duration = Duration::from_secs(15);
/// Most bytes of an answer.
const BYTES_MAX: usize = 262_144;

/// A provider.
pub(super) struct Provider {
    pub(super) metadata: Metadata,
    pub(super) client_id: String,
    /// With `openid`, as they are sent.
    pub(super) scopes: String,
    client: Client,
}

/// What OpenID Connect Discovery says of it.
#[derive(Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    pub(super) authorization_endpoint: Url,
    pub(super) token_endpoint: Url,
    pub(super) device_authorization_endpoint: Option<Url>,
}

/// The answer of the token endpoint.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Exchanged {
    Token { id_token: String },
    Refused(Refusal),
}

/// An error of OAuth.
#[derive(Deserialize)]
pub(super) struct Refusal {
    pub(super) error: String,
    #[serde(default)]
    error_description: String,
}

impl Provider {
    pub(super) async fn discover(options: &SignInOptions, pem: Option<&[u8]>) -> Result<Self, String> {
        let mut client = Client::builder().redirect(Policy::none()).timeout(TIMEOUT).user_agent("bailiwick");
        for authority in pem.map(Certificate::from_pem_bundle).transpose().map_err(|e| causes(&e))?.unwrap_or_default()
        {
            client = client.add_root_certificate(authority);
        }
        let client = client.build().map_err(|e| causes(&e))?;
        let issuer = &options.issuer;
        let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let url = Url::parse(&address).map_err(|_| format!("the issuer `{issuer}` is no address"))?;
        safe(&url)?;
        let metadata: Metadata = answer(client.get(url), &format!("the issuer `{issuer}`")).await?;
        if metadata.issuer != *issuer {
            return Err(format!("the issuer `{issuer}` says that it is `{}`", metadata.issuer));
        }
        let endpoints = [Some(&metadata.authorization_endpoint), Some(&metadata.token_endpoint)];
        endpoints.into_iter().chain([metadata.device_authorization_endpoint.as_ref()]).flatten().try_for_each(safe)?;
        let scopes = std::iter::once("openid").chain(options.scopes.iter().map(String::as_str));
        let scopes = scopes.collect::<Vec<_>>().join(" ");
        Ok(Self { metadata, client_id: options.client_id.clone(), scopes, client })
    }

    /// Posts a form to one of its endpoints.
    pub(super) async fn post<T: DeserializeOwned>(&self, url: &Url, form: &[(&str, &str)]) -> Result<T, String> {
        let mut encoded = Url::parse("form:/").map_err(|e| e.to_string())?;
        encoded.query_pairs_mut().extend_pairs(form).append_pair("client_id", &self.client_id);
        let request = self.client.post(url.clone()).header("content-type", "application/x-www-form-urlencoded");
        let request = request.header("accept", "application/json").body(encoded.query().unwrap_or_default().to_owned());
        answer(request, "the identity provider").await
    }
}

impl Refusal {
    pub(super) fn told(&self) -> String {
        format!("the identity provider refused: {} {}", self.error, self.error_description).trim_end().to_owned()
    }
}

/// Whether a host is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn safe(url: &Url) -> Result<(), String> {
    let local = url.host_str().is_some_and(is_loopback);
    match url.scheme() {
        "https" => Ok(()),
        "http" if local => Ok(()),
        _ => Err(format!("`{url}` is not protected by https")),
    }
}

async fn answer<T: DeserializeOwned>(request: reqwest::RequestBuilder, who: &str) -> Result<T, String> {
    let failed = |error: reqwest::Error| format!("{who} does not answer: {}", causes(&error.without_url()));
    let mut answer = request.send().await.map_err(failed)?;
    let status = answer.status();
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        if bytes.len() + chunk.len() > BYTES_MAX {
            return Err(format!("the answer of {who} is too long"));
        }
        bytes.extend_from_slice(&chunk);
    }
    // Errors of OAuth come with a status of their own, and are read as what they are.
    serde_json::from_slice(&bytes).map_err(|_| format!("{who} answered {status} and nothing that can be understood"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_does_not_answer_is_told_with_the_cause() {
        let request = Client::new().get("http://127.0.0.1:1/");
        let told = answer::<Refusal>(request, "the identity provider").await.err().unwrap_or_default();
        assert!(told.starts_with("the identity provider does not answer: "), "{told}");
        assert!(told.contains("Connection refused"), "{told}");
    }
}
