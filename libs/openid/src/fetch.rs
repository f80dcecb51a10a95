//! Fetching from OpenID providers.

use std::{error::Error, fs, net::SocketAddr, time::Duration};

use futures::future::BoxFuture;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse, http};
use reqwest::{
    Certificate, Client, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};

use super::{OpenIdConfig, OpenIdSetupError, Reach, Unreachable};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const TIMEOUT: Duration = Duration::from_secs(5);
/// Most bytes of an answer: key sets of large providers have some 20 KiB.
const BYTES_MAX: usize = 262_144;

/// Fetches documents of providers.
pub(super) struct Fetcher {
    client: Client,
    reach: Reach,
}

/// Why a document cannot be had. For the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("its address {0}")]
    Address(#[from] Unreachable),
    #[error("its address is malformed")]
    Malformed,
    #[error("no answer: {}", told(.0))]
    Failed(reqwest::Error),
    #[error("its answer is larger than {BYTES_MAX} bytes")]
    TooLarge,
    #[error("its answer cannot be read")]
    Unreadable(#[from] http::Error),
}

impl<'c> AsyncHttpClient<'c> for Fetcher {
    type Error = FetchError;
    type Future = BoxFuture<'c, Result<HttpResponse, FetchError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

/// Looks names up, and leaves out what must not be reached. It is asked for every connection, so that what was looked up is
/// what is connected to.
pub(super) struct Guarded(pub(super) Reach);

impl Fetcher {
    pub(super) fn open(config: &OpenIdConfig, reach: Reach) -> Result<Self, OpenIdSetupError> {
        let wrong = |problem: String| OpenIdSetupError { setting: "ca_file", problem };
        // No proxy of the environment: behind it, the addresses that are reached could not be seen.
        let mut client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .dns_resolver(std::sync::Arc::new(Guarded(reach)))
            .user_agent("bailiwick");
        if !config.ca_file.as_os_str().is_empty() {
            let pem = fs::read(&config.ca_file).map_err(|error| wrong(format!("cannot be read: {error}")))?;
            let authorities = Certificate::from_pem_bundle(&pem).ok().filter(|found| !found.is_empty());
            for authority in authorities.ok_or_else(|| wrong("has no certificates in PEM".to_owned()))? {
                client = client.add_root_certificate(authority);
            }
        }
        let client = client.build().map_err(|_| wrong("has a certificate that cannot be used".to_owned()))?;
        Ok(Self { client, reach })
    }

    /// Sends a request, and reads the answer.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, FetchError> {
        let (head, body) = request.into_parts();
        let url = Url::parse(&head.uri.to_string()).map_err(|_| FetchError::Malformed)?;
        self.reach.check(&url)?;
        let sent = self.client.request(head.method, url).headers(head.headers).body(body).send();
        let mut answer = sent.await.map_err(FetchError::Failed)?;
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(FetchError::Failed)? {
            if bytes.len() + chunk.len() > BYTES_MAX {
                return Err(FetchError::TooLarge);
            }
            bytes.extend_from_slice(&chunk);
        }
        let mut response = http::Response::builder().status(answer.status());
        if let Some(headers) = response.headers_mut() {
            *headers = answer.headers().clone();
        }
        Ok(response.body(bytes)?)
    }
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let reached: Vec<SocketAddr> = found.filter(|address| reach.reaches(address.ip())).collect();
            if reached.is_empty() {
                return Err(Unreachable::Private.into());
            }
            Ok::<Addrs, Box<dyn Error + Send + Sync>>(Box::new(reached.into_iter()))
        })
    }
}

fn told(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
