//! The secrets of the suite, each in a file of its own that only its owner can read.

use std::path::Path;

use bailiwick_core::{Entropy, random_token};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{BootstrapError, create_once, file, read};

const CONTEXT: &str = "caller-context.key";
const SEAL: &str = "seal.key";
const SIGNING: &str = "token-signing.pem";
const OPERATOR: &str = "operator.json";

/// Id of the operator that bootstrap makes.
const OPERATOR_ID: &str = "platform";

/// The secrets, read.
pub struct Keys {
    /// Signs the caller context between gateway and services.
    pub caller_context: [u8; 32],
    /// Seals stored responses and page tokens.
    pub seal: [u8; 32],
    /// Signs access tokens: Ed25519, PKCS#8 PEM.
    pub token_signing_pem: String,
    /// The operator of the platform.
    pub operator: OperatorKey,
}

/// What the suite keeps of the operator's credential.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorKey {
    /// `operators/{id}`.
    pub operator: String,
    /// Id of its access key.
    pub access_key_id: String,
    /// SHA-256 of its secret, in base64url.
    secret_sha256: String,
}

impl OperatorKey {
    /// SHA-256 of its secret.
    pub fn secret_hash(&self) -> [u8; 32] {
        // Checked when it was read.
        decoded(&self.secret_sha256).unwrap_or_default()
    }
}

/// What the operator keeps.
#[derive(Serialize)]
struct Credential<'a> {
    access_key_id: &'a str,
    secret: &'a str,
}

pub(super) fn create(data: &Path, entropy: &dyn Entropy) -> Result<(), BootstrapError> {
    let keys = data.join(file::KEYS);
    for name in [CONTEXT, SEAL] {
        create_once(&keys.join(name), secret(entropy).as_bytes(), 0o600)?;
    }
    let signing = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519)?;
    create_once(&keys.join(SIGNING), signing.serialize_pem().as_bytes(), 0o600)?;

    let credential = data.join(file::OPERATOR);
    if !keys.join(OPERATOR).exists() {
        let (id, secret) = (format!("AK{}", random_token(entropy, 20)), secret(entropy));
        let kept = OperatorKey {
            operator: OPERATOR_ID.to_owned(),
            access_key_id: id.clone(),
            secret_sha256: URL_SAFE_NO_PAD.encode(Sha256::digest(secret.as_bytes())),
        };
        // The half that opens the door first: a crash in between leaves a credential that is not yet good, and both
        // are made anew.
        let _ = std::fs::remove_file(&credential);
        create_once(&credential, json(&Credential { access_key_id: &id, secret: &secret }).as_bytes(), 0o600)?;
        create_once(&keys.join(OPERATOR), json(&kept).as_bytes(), 0o600)?;
    }
    Ok(())
}

impl Keys {
    /// Reads the secrets of a data folder.
    ///
    /// # Errors
    /// If a file is missing or malformed.
    pub fn load(data: &Path) -> Result<Self, BootstrapError> {
        let keys = data.join(file::KEYS);
        let path = keys.join(OPERATOR);
        let operator: Option<OperatorKey> = serde_json::from_str(&read(&path)?).ok();
        let operator = operator.filter(|key| decoded(&key.secret_sha256).is_some());
        Ok(Self {
            caller_context: bytes(&keys.join(CONTEXT))?,
            seal: bytes(&keys.join(SEAL))?,
            token_signing_pem: read(&keys.join(SIGNING))?,
            operator: operator
                .ok_or(BootstrapError::Malformed { path, what: "the operator's key id and the hash of its secret" })?,
        })
    }
}

fn bytes(path: &Path) -> Result<[u8; 32], BootstrapError> {
    let malformed = || BootstrapError::Malformed { path: path.to_owned(), what: "32 bytes in base64url" };
    decoded(read(path)?.trim()).ok_or_else(malformed)
}

fn decoded(text: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

fn secret(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 32];
    entropy.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
