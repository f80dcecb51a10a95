//! Mutual TLS: which role a certificate is for, and what a side accepts.

use std::{fs, io::Read, path::Path, sync::Arc};

use bailiwick_core::Role;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig, crypto::CryptoProvider, server::WebPkiClientVerifier, version::TLS13,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::TcpConfig;

/// The URI in a certificate's subject alternative names that says its role, before the role.
const ROLE_URI: &str = "spiffe://bailiwick.dev/role/";
/// Most bytes of a file with certificates or a key.
const MAX_FILE: u64 = 1 << 20;

/// A network that cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// A file cannot be read.
    #[error("cannot read `{file}`: {source}")]
    File {
        /// Which.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("`{file}` is unusable: {problem}")]
    Content {
        /// Which.
        file: String,
        /// Why.
        problem: String,
    },
}

/// Both sides of one role.
pub(super) struct Tls {
    pub(super) server: Arc<ServerConfig>,
    pub(super) client: Arc<ClientConfig>,
}

impl Tls {
    pub(super) fn read(config: &TcpConfig) -> Result<Self, TransportError> {
        let unusable = |file: &Path, problem: &dyn std::fmt::Display| TransportError::Content {
            file: file.display().to_string(),
            problem: problem.to_string(),
        };
        let mut roots = RootCertStore::empty();
        for ca in certificates(&config.ca_file)? {
            roots.add(ca).map_err(|e| unusable(&config.ca_file, &e))?;
        }
        let roots = Arc::new(roots);
        let chain = certificates(&config.certificate_file)?;
        if role_of(&chain) != Some(config.role) {
            return Err(unusable(
                &config.certificate_file,
                &format!("not a certificate for the role `{}`", config.role),
            ));
        }
        let key =
            PrivateKeyDer::from_pem_slice(&read(&config.key_file)?).map_err(|e| unusable(&config.key_file, &e))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = server(&provider, &roots, chain.clone(), key.clone_key());
        let client = client(&provider, &roots, chain, key);
        Ok(Self {
            server: Arc::new(server.map_err(|e| unusable(&config.certificate_file, &e))?),
            client: Arc::new(client.map_err(|e| unusable(&config.certificate_file, &e))?),
        })
    }
}

type Chain = Vec<CertificateDer<'static>>;
type BoxError = Box<dyn std::error::Error + Send + Sync>;

fn server(
    provider: &Arc<CryptoProvider>,
    roots: &Arc<RootCertStore>,
    chain: Chain,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, BoxError> {
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone()).build()?;
    let mut config = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

fn client(
    provider: &Arc<CryptoProvider>,
    roots: &Arc<RootCertStore>,
    chain: Chain,
    key: PrivateKeyDer<'static>,
) -> Result<ClientConfig, BoxError> {
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots.clone())
        .with_client_auth_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// The role that the first certificate is for. Its signature is not looked at: the handshake has done that. A
/// certificate with two URIs is for none, so that no reader can pick another than this one.
pub(super) fn role_of(chain: &[CertificateDer<'_>]) -> Option<Role> {
    let (_, certificate) = X509Certificate::from_der(chain.first()?).ok()?;
    let names = certificate.subject_alternative_name().ok()??;
    let mut uris = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    match (uris.next(), uris.next()) {
        (Some(uri), None) => uri.strip_prefix(ROLE_URI)?.parse().ok(),
        _ => None,
    }
}

fn certificates(file: &Path) -> Result<Chain, TransportError> {
    let pem = read(file)?;
    let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Chain, _>>();
    let problem = match certificates {
        Ok(certificates) if !certificates.is_empty() => return Ok(certificates),
        Ok(_) => "it has no certificate".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(TransportError::Content { file: file.display().to_string(), problem })
}

fn read(file: &Path) -> Result<Vec<u8>, TransportError> {
    let mut bytes = Vec::new();
    let result = fs::File::open(file).and_then(|opened| opened.take(MAX_FILE).read_to_end(&mut bytes));
    result.map(|_| bytes).map_err(|source| TransportError::File { file: file.display().to_string(), source })
}
