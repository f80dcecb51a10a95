//! What accounts, proxies and shared keys are signed in with. The secrets themselves are kept sealed, apart from what is
//! known of them.

use std::fmt;

use serde::{Deserialize, Serialize};
use ssh_key::{Algorithm, Fingerprint, HashAlg, PrivateKey, PublicKey, public::KeyData};
use zeroize::Zeroizing;

/// Longest private key, in bytes.
const PRIVATE_KEY_MAX: usize = 16 << 10;
/// Longest public key, in bytes.
const PUBLIC_KEY_MAX: usize = 2 << 10;
/// Shortest key of RSA, in bits.
const RSA_BITS_MIN: u32 = 2_048;
/// Longest one: larger ones make each session slow.
const RSA_BITS_MAX: u32 = 16_384;

/// Where the password and the private key of an account or a shared key are kept.
pub(crate) const PASSWORD: &str = "password";
pub(crate) const PRIVATE_KEY: &str = "private_key";

/// What an account can be signed in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum CredentialKind {
    /// Tried first (E-BAS-16).
    PrivateKey,
    Password,
}

/// A secret on its way to where it is sealed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Zeroizing<String>);

/// A private key, and what may be known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnKey {
    pub(crate) secret: Secret,
    pub(crate) known: KnownKey,
}

/// What may be known of a private key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownKey {
    /// In the format of OpenSSH, without a comment.
    pub(crate) public_key: String,
    /// `SHA256:...`.
    pub(crate) fingerprint: String,
}

// === impl Secret ===

impl Secret {
    pub(crate) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// To be sealed.
    pub(crate) fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A private key in the format of OpenSSH, without a passphrase: nobody could type it.
///
/// # Errors
/// What is wrong with it, without a word of it.
pub(crate) fn read_private_key(text: String) -> Result<OwnKey, String> {
    let secret = Secret::new(text);
    if secret.0.len() > PRIVATE_KEY_MAX {
        return Err(format!("must have at most {PRIVATE_KEY_MAX} bytes"));
    }
    let key = PrivateKey::from_openssh(&*secret.0)
        .map_err(|_| "must be a private key in the format of OpenSSH".to_owned())?;
    if key.is_encrypted() {
        return Err("must not have a passphrase".to_owned());
    }
    if matches!(key.algorithm(), Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256) {
        return Err("must not be of a security key, which signs only where it is".to_owned());
    }
    let public_key = sound(key.public_key())?;
    let known = KnownKey { fingerprint: fingerprint(key.public_key()), public_key };
    Ok(OwnKey { secret, known })
}

/// A public key in the format of OpenSSH, in its one spelling: without a comment.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read_public_key(text: &str) -> Result<KnownKey, String> {
    if text.len() > PUBLIC_KEY_MAX {
        return Err(format!("must have at most {PUBLIC_KEY_MAX} bytes"));
    }
    let key = PublicKey::from_openssh(text).map_err(|_| "must be a public key in the format of OpenSSH".to_owned())?;
    Ok(KnownKey { public_key: sound(&key)?, fingerprint: fingerprint(&key) })
}

fn fingerprint(key: &PublicKey) -> String {
    Fingerprint::new(HashAlg::Sha256, key.key_data()).to_string()
}

/// Keys that can be broken are refused. Signatures of RSA keys are made with SHA-2 alone, whatever the key says: that is the
/// matter of whoever signs.
fn sound(key: &PublicKey) -> Result<String, String> {
    match key.algorithm() {
        Algorithm::Ed25519 | Algorithm::Ecdsa { .. } | Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256 => {}
        Algorithm::Rsa { .. } => {
            let KeyData::Rsa(rsa) = key.key_data() else { return Err("is no key of RSA".to_owned()) };
            let bits = rsa.n.as_positive_bytes().map_or(0, bits);
            if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) {
                return Err(format!("must have {RSA_BITS_MIN} to {RSA_BITS_MAX} bits, if it is of RSA"));
            }
        }
        _ => return Err("must be of Ed25519, ECDSA or RSA".to_owned()),
    }
    let plain = PublicKey::new(key.key_data().clone(), "");
    plain.to_openssh().map_err(|_| "cannot be written in the format of OpenSSH".to_owned())
}

/// The length of a number without leading zeros.
fn bits(number: &[u8]) -> u32 {
    let all = u32::try_from(number.len()).unwrap_or(u32::MAX).saturating_mul(8);
    all.saturating_sub(number.first().map_or(0, |first| first.leading_zeros()))
}

#[cfg(test)]
mod tests;
