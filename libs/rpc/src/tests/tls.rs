//! Whom a connection over TCP is taken from, and to.

use std::{io, path::PathBuf};

use bailiwick_core::Role;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::fixture::*;
use crate::{Listener, Network, TcpConfig, TransportError};

/// The directory's network and listener, and the configuration of a delegation that can reach it.
async fn directory() -> (Certificates, Listener, TcpConfig) {
    let certificates = Certificates::new();
    let network = Network::tcp(certificates.config(Role::Directory, None)).unwrap();
    let listener = network.listener(Role::Directory).await.unwrap();
    let delegation = certificates.config(Role::Delegation, listener.local_addr());
    (certificates, listener, delegation)
}

/// Connects and sends a byte: with TLS 1.3 a client learns of its refusal with its first read.
async fn reaches(config: TcpConfig) -> io::Result<u8> {
    let role = config.role;
    let mut stream = Network::tcp(config).map_err(io::Error::other)?.connector(role, Role::Directory).connect().await?;
    stream.write_all(b"x").await?;
    stream.read_u8().await
}

/// Answers each connection with a byte, and says who made it.
async fn echo(mut listener: Listener) -> Vec<Role> {
    let mut peers = Vec::new();
    while let Some(mut stream) = listener.accept().await {
        peers.push(stream.peer());
        let byte = stream.read_u8().await.unwrap();
        stream.write_u8(byte).await.unwrap();
        if peers.len() == 2 {
            break;
        }
    }
    peers
}

#[tokio::test]
async fn only_roles_of_the_installation_are_let_in() {
    let (certificates, listener, delegation) = directory().await;
    let address = listener.local_addr();
    let served = tokio::spawn(echo(listener));
    assert_eq!(reaches(delegation.clone()).await.unwrap(), b'x');

    // Certified by an authority of its own, whatever it calls itself.
    let stranger = Certificates::new();
    let config = TcpConfig { ca_file: delegation.ca_file.clone(), ..stranger.config(Role::Gateway, address) };
    reaches(config).await.unwrap_err();

    // Certified, but for no role, an unknown one, or two.
    for uris in [&[][..], &["spiffe://bailiwick.dev/role/janitor"], &["spiffe://elsewhere/role/gateway"]] {
        refused(&certificates, &delegation, uris).await;
    }
    let two = ["spiffe://bailiwick.dev/role/sase-policy", "spiffe://bailiwick.dev/role/delegation"];
    refused(&certificates, &delegation, &two).await;

    // Nothing of a TLS client at all.
    let mut plain = tokio::net::TcpStream::connect(address.unwrap()).await.unwrap();
    plain.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;

    assert_eq!(reaches(certificates.config(Role::Gateway, address)).await.unwrap(), b'x');
    assert_eq!(served.await.unwrap(), [Role::Delegation, Role::Gateway]);
}

/// A client that has the role's files checked at its own start would not get this far: connect as rustls does.
async fn refused(certificates: &Certificates, delegation: &TcpConfig, uris: &[&str]) {
    certificates.issue("odd", "delegation", uris);
    let file = |name: &str| certificates.folder.path().join(name);
    let config = TcpConfig { certificate_file: file("odd.pem"), key_file: file("odd.key"), ..delegation.clone() };
    assert!(matches!(Network::tcp(config.clone()), Err(TransportError::Content { .. })));
    let tls = crate::transport::tests::client(&config.ca_file, &config.certificate_file, &config.key_file);
    let tcp = tokio::net::TcpStream::connect(&delegation.peers[&Role::Directory]).await.unwrap();
    let name = rustls_pki_types::ServerName::try_from("directory").unwrap();
    let result = async {
        let mut stream = tokio_rustls::TlsConnector::from(tls).connect(name, tcp).await?;
        stream.write_all(b"x").await?;
        stream.read_u8().await
    };
    result.await.unwrap_err();
}

#[tokio::test]
async fn a_client_talks_to_the_role_that_it_meant_only() {
    let certificates = Certificates::new();
    let gateway = Network::tcp(certificates.config(Role::Gateway, None)).unwrap();
    let listener = gateway.listener(Role::Gateway).await.unwrap();
    // Where the directory should be, the gateway answers.
    let delegation = certificates.config(Role::Delegation, listener.local_addr());
    reaches(delegation.clone()).await.unwrap_err();
    // Even if its certificate has the directory's name, but another role's URI.
    certificates.issue("gateway", "directory", &["spiffe://bailiwick.dev/role/gateway"]);
    let file = |name: &str| certificates.folder.path().join(name);
    let config = TcpConfig {
        certificate_file: file("gateway.pem"),
        key_file: file("gateway.key"),
        role: Role::Gateway,
        ..delegation.clone()
    };
    let listener = Network::tcp(config).unwrap().listener(Role::Gateway).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let peers = [(Role::Directory, address)].into();
    let refused = reaches(TcpConfig { peers, ..delegation }).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn a_network_is_of_one_role_and_sound_files() {
    let (_certificates, _listener, delegation) = directory().await;
    let network = Network::tcp(delegation.clone()).unwrap();
    let wrong = network.connector(Role::Gateway, Role::Directory).connect().await.err().unwrap();
    assert_eq!(wrong.kind(), io::ErrorKind::InvalidInput);
    assert!(network.listener(Role::Gateway).await.is_err());
    assert!(network.connector(Role::Delegation, Role::BastionAudit).connect().await.is_err());

    let missing = TcpConfig { key_file: PathBuf::from("no-such-file"), ..delegation.clone() };
    assert!(matches!(Network::tcp(missing), Err(TransportError::File { .. })));
    let swapped = TcpConfig { key_file: delegation.certificate_file.clone(), ..delegation.clone() };
    assert!(matches!(Network::tcp(swapped), Err(TransportError::Content { .. })));
    let other = TcpConfig { role: Role::SasePolicy, ..delegation };
    assert!(matches!(Network::tcp(other), Err(TransportError::Content { .. })));
}
