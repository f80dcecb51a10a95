//! What tests need.

use bailiwick_api::{TokenClaims, directory::v1::SigningKey};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{KeyPair, PKCS_ED25519, PublicKeyData};

/// A pair of keys that signs tokens.
pub struct SigningPair {
    id: &'static str,
    pair: KeyPair,
}

impl SigningPair {
    pub fn new(id: &'static str) -> Self {
        // PKCS #8 of version 1, which all crates read.
        const HEAD: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        let mut seed = [0; 32];
        bailiwick_core::Entropy::fill(&bailiwick_core::SystemEntropy, &mut seed);
        let der = [&HEAD[..], &seed].concat();
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(&der.into(), &PKCS_ED25519).unwrap();
        Self { id, pair }
    }

    pub fn public(&self) -> SigningKey {
        SigningKey { key_id: self.id.to_owned(), public_key: self.pair.der_bytes().to_vec() }
    }

    pub fn sign(&self, claims: &TokenClaims) -> String {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.id.to_owned());
        encode(&header, claims, &EncodingKey::from_ed_der(self.pair.serialized_der())).unwrap()
    }
}
