//! `bailiwick login`: a person signs in at an OpenID provider, and this program at the gateway with the ID token.

mod device;
mod http;
mod loopback;
mod token_file;

use std::{
    error::Error,
    fs,
    io::{self, Write},
    path::PathBuf,
    time::Duration,
};

use bailiwick_api::directory::v1::{
    GetSignInOptionsRequest, RoleSession, SignInOptions, SignInRequest, token_service_client::TokenServiceClient,
};
use bailiwick_core::{Entropy, SystemEntropy};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::Args;
use tonic::{
    Request, Status,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint},
};

use self::http::Provider;

pub use self::token_file::TokenFile;

const TIMEOUT: Duration = Duration::from_secs(30);
/// How long the person may take.
const PATIENCE: Duration = Duration::from_mins(5);

/// How to sign in.
#[derive(Debug, Args)]
pub struct Login {
    /// Address of the gateway, `https://host:port`.
    #[arg(long)]
    gateway: String,
    /// The identity provider, `accounts/{account}/identityProviders/{identity_provider}`.
    #[arg(long)]
    provider: String,
    /// The role to be, `accounts/{account}/roles/{role}`, if more than one fits.
    #[arg(long, default_value = "")]
    role: String,
    /// Sign in with a browser on another device, by a code to be typed in there.
    #[arg(long)]
    device: bool,
    /// PEM file of authorities that are trusted besides the public ones, for the gateway and the provider.
    #[arg(long)]
    ca: Option<PathBuf>,
    /// Print the answer with the token, and keep no file.
    #[arg(long)]
    print: bool,
    #[command(flatten)]
    file: TokenFile,
}

/// What a person has proved: an ID token, and the nonce that it was asked for with.
struct Proof {
    id_token: String,
    nonce: String,
}

impl Login {
    /// Signs in, and keeps the token.
    ///
    /// # Errors
    /// What stopped it, in words for the person.
    pub async fn run(self) -> Result<(), Box<dyn Error>> {
        let pem = self.ca.as_ref().map(|path| fs::read(path).map_err(|e| format!("`{}`: {e}", path.display())));
        let pem = pem.transpose()?;
        let mut gateway = TokenServiceClient::new(connect(&self.gateway, pem.as_deref()).await?);
        let options = self.options(&mut gateway).await?;
        let provider = Provider::discover(&options, pem.as_deref()).await?;
        let proved =
            async { if self.device { device::prove(&provider).await } else { loopback::prove(&provider).await } };
        let late = |_| format!("nobody signed in within {} minutes", PATIENCE.as_secs() / 60);
        let proof = tokio::time::timeout(PATIENCE, proved).await.map_err(late)??;
        let session = self.sign_in(&mut gateway, proof).await?;
        let text = token_file::json(&session)?;
        if self.print {
            return say(&text);
        }
        let path = self.file.write(&text)?;
        say(&format!("signed in as {}; the token is in {}", session.principal, path.display()))
    }

    async fn options(&self, gateway: &mut TokenServiceClient<Channel>) -> Result<SignInOptions, String> {
        let mut request = Request::new(GetSignInOptionsRequest { identity_provider: self.provider.clone() });
        request.set_timeout(TIMEOUT);
        let answer = gateway.get_sign_in_options(request).await;
        Ok(answer.map_err(|status| told(&status))?.into_inner())
    }

    async fn sign_in(&self, gateway: &mut TokenServiceClient<Channel>, proof: Proof) -> Result<RoleSession, String> {
        let mut request = Request::new(SignInRequest {
            identity_provider: self.provider.clone(),
            id_token: proof.id_token,
            nonce: proof.nonce,
            role: self.role.clone(),
        });
        request.set_timeout(TIMEOUT);
        let answer = gateway.sign_in(request).await;
        Ok(answer.map_err(|status| told(&status))?.into_inner())
    }
}

pub(crate) async fn connect(address: &str, pem: Option<&[u8]>) -> Result<Channel, String> {
    let wrong = |error: &dyn Error| format!("`{address}` cannot be reached: {}", causes(error));
    let mut endpoint = Endpoint::from_shared(address.to_owned()).map_err(|e| wrong(&e))?;
    let local = endpoint.uri().host().is_some_and(http::is_loopback);
    match endpoint.uri().scheme_str() {
        Some("https") => {
            let mut tls = ClientTlsConfig::new().trust_anchors(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            if let Some(pem) = pem {
                tls = tls.ca_certificate(Certificate::from_pem(pem));
            }
            endpoint = endpoint.tls_config(tls).map_err(|e| wrong(&e))?;
        }
        Some("http") if local => {}
        _ => return Err(format!("`{address}` must begin with https://, or with http:// and a loopback address")),
    }
    endpoint.connect_timeout(TIMEOUT).connect().await.map_err(|e| wrong(&e))
}

/// An error with all that caused it: of many, the outermost alone says nothing to the person.
fn causes(error: &dyn Error) -> String {
    std::iter::successors(error.source(), |&cause| cause.source())
        .fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn told(status: &Status) -> String {
    format!("the gateway refused: {} ({:?})", status.message(), status.code())
}

/// 256 bits, as text.
fn random() -> String {
    let mut bytes = [0; 32];
    SystemEntropy.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn say(text: &str) -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

/// Tells the person what to do. Not on standard output, where `--print` writes the token.
fn ask(text: &str) -> io::Result<()> {
    let mut out = io::stderr().lock();
    writeln!(out, "{text}")?;
    out.flush()
}
