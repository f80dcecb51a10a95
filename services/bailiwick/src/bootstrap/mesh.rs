//! The certificates by which the roles know each other, and one for the public address: all of one authority, whose key
//! lies beside them so that roles can be added.

use std::path::Path;

use bailiwick_core::Role;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

use super::{BootstrapError, create_once, file, read};

const PUBLIC: &str = "public";

pub(super) fn create(data: &Path, public_names: &[String]) -> Result<(), BootstrapError> {
    let mesh = data.join(file::MESH);
    let (certificate, key) = (mesh.join("ca.pem"), mesh.join("ca.key"));
    if !certificate.exists() {
        let pair = KeyPair::generate()?;
        let authority = authority()?.self_signed(&pair)?;
        create_once(&key, pair.serialize_pem().as_bytes(), 0o600)?;
        create_once(&certificate, authority.pem().as_bytes(), 0o644)?;
    }
    let issuer = Issuer::from_ca_cert_pem(&read(&certificate)?, KeyPair::from_pem(&read(&key)?)?)?;
    for role in Role::ALL {
        let mut params = leaf(role.as_str(), [role.as_str().to_owned()])?;
        let uri = format!("spiffe://bailiwick.dev/role/{role}").try_into()?;
        params.subject_alt_names.push(SanType::URI(uri));
        issue(&mesh, role.as_str(), params, &issuer)?;
    }
    issue(&mesh, PUBLIC, leaf(PUBLIC, public_names.iter().cloned())?, &issuer)
}

fn authority() -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name = named("bailiwick mesh authority");
    Ok(params)
}

fn leaf(name: &str, names: impl IntoIterator<Item = String>) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names.into_iter().collect::<Vec<_>>())?;
    params.distinguished_name = named(name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    if name != PUBLIC {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    }
    Ok(params)
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

fn issue(
    mesh: &Path,
    name: &str,
    params: CertificateParams,
    issuer: &Issuer<'_, KeyPair>,
) -> Result<(), BootstrapError> {
    let (certificate, key) = (mesh.join(format!("{name}.pem")), mesh.join(format!("{name}.key")));
    if certificate.exists() {
        return Ok(());
    }
    let pair = KeyPair::generate()?;
    let signed = params.signed_by(&pair, issuer)?;
    let _ = std::fs::remove_file(&key);
    create_once(&key, pair.serialize_pem().as_bytes(), 0o600)?;
    create_once(&certificate, signed.pem().as_bytes(), 0o644)
}
