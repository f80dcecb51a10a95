//! The keys that tokens are signed with.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header,
    jwk::{AlgorithmParameters, Jwk},
};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use serde::Serialize;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// What comes before the 32 bytes of an Ed25519 key in PKCS#8: the algorithm's id, then the key in its two wrappings.
const MARK: [u8; 9] = [0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
/// Version, and the sequences around [`MARK`], of a key without further fields.
const HEAD: [u8; 7] = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05];
const SEED: usize = 32;
/// Bytes of the public key's hash in the id of a key.
const KEY_ID: usize = 8;

/// The keys: the first signs, all are published.
#[derive(Clone)]
pub struct SigningKeys {
    signing: EncodingKey,
    published: Vec<PublicKey>,
}

/// A key that verifies tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// The `kid` of tokens: the first 16 hexadecimal digits of the SHA-256 of the key.
    pub id: String,
    /// The key.
    pub bytes: [u8; 32],
}

/// A text that is no signing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a signing key is an Ed25519 private key as PKCS#8 in PEM")]
pub struct SigningKeyError;

impl SigningKeys {
    /// Signs with the key `current`; the tokens of `former` ones are accepted until they expire.
    pub fn new(current: &str, former: &[String]) -> Result<Self, SigningKeyError> {
        let (signing, public) = read(current)?;
        let mut published = vec![public];
        for pem in former {
            published.push(read(pem)?.1);
        }
        Ok(Self { signing, published })
    }

    /// The public keys, newest first.
    pub fn published(&self) -> &[PublicKey] {
        &self.published
    }

    /// A token with these claims.
    pub(super) fn sign(&self, claims: &impl Serialize) -> Result<String, jsonwebtoken::errors::Error> {
        let kid = self.published.first().map(|key| key.id.clone());
        jsonwebtoken::encode(&Header { kid, ..Header::new(Algorithm::EdDSA) }, claims, &self.signing)
    }
}

fn read(pem: &str) -> Result<(EncodingKey, PublicKey), SigningKeyError> {
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| SigningKeyError)?;
    let seed = seed(der.secret_pkcs8_der()).ok_or(SigningKeyError)?;
    // Made anew from the seed: generators also write a form that has the public key in it, which not every reader takes.
    let plain = Zeroizing::new([HEAD.as_slice(), &MARK, seed].concat());
    let signing = EncodingKey::from_ed_der(&plain);
    let jwk = Jwk::from_encoding_key(&signing, Algorithm::EdDSA).map_err(|_| SigningKeyError)?;
    let AlgorithmParameters::OctetKeyPair(pair) = jwk.algorithm else { return Err(SigningKeyError) };
    let bytes = URL_SAFE_NO_PAD.decode(pair.x).map_err(|_| SigningKeyError)?;
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| SigningKeyError)?;
    Ok((signing, PublicKey { id: key_id(&bytes), bytes }))
}

fn seed(der: &[u8]) -> Option<&[u8]> {
    let at = der.windows(MARK.len()).position(|window| window == MARK)? + MARK.len();
    der.get(at..at + SEED)
}

fn key_id(public: &[u8; 32]) -> String {
    Sha256::digest(public).iter().take(KEY_ID).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From RFC 8032, section 7.1, test 1.
    const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
                       MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
                       -----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

    #[test]
    fn the_public_key_follows_from_the_private_one() {
        let keys = SigningKeys::new(PEM, &[]).unwrap();
        let public = &keys.published()[0];
        assert_eq!(public.bytes.iter().map(|b| format!("{b:02x}")).collect::<String>(), PUBLIC);
        assert_eq!(public.id.len(), 16);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            assert!(SigningKeys::new(text, &[]).is_err(), "{text}");
        }
    }
}
