//! Values that leave the program but may not be read or changed outside it: stored secrets, page tokens.

use std::{fmt, sync::Arc};

use aes_gcm::{
    Aes256Gcm, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use bailiwick_core::Entropy;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

type Key = Zeroizing<[u8; 32]>;

/// First byte of a sealed value.
const VERSION: u8 = 1;
const SALT: usize = 16;
const NONCE: usize = 12;

/// Seals with AES-256-GCM. Each value has its own key, derived from the given one and 16 random bytes, so that the number
/// of values under one given key has no practical bound.
#[derive(Clone)]
pub struct Sealer {
    /// The first one seals.
    keys: Arc<[Key]>,
    entropy: Arc<dyn Entropy>,
}

/// Sealing or opening failed. It does not say why: for an opened value that would help only whoever forged it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sealed value cannot be opened")]
pub struct SealError;

impl Sealer {
    /// Seals and opens with `key`.
    pub fn new(key: [u8; 32], entropy: Arc<dyn Entropy>) -> Self {
        Self { keys: Arc::new([Key::new(key)]), entropy }
    }

    /// Also opens what was sealed with an earlier `key`.
    pub fn and_opens(self, key: [u8; 32]) -> Self {
        let keys = self.keys.iter().cloned().chain([Key::new(key)]).collect();
        Self { keys, entropy: self.entropy }
    }

    /// Seals `plain`. The result opens only with the same `bound`, a list of what the value belongs to.
    pub fn seal(&self, bound: &[&[u8]], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut head = [0; SALT + NONCE];
        self.entropy.fill(&mut head);
        let (salt, nonce) = head.split_first_chunk::<SALT>().ok_or(SealError)?;
        let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| SealError)?;
        let cipher = cipher(self.keys.first().ok_or(SealError)?, salt)?;
        let aad = joined(bound);
        let sealed = cipher.encrypt(&Nonce::from(nonce), Payload { msg: plain, aad: &aad }).map_err(|_| SealError)?;
        Ok([&[VERSION], head.as_slice(), &sealed].concat())
    }

    /// Tells whether values are equal, without telling anything else of them: equal ones have equal digests while the key is
    /// the same, and whoever does not have it cannot try out values. With another `bound`, the digest is another.
    pub fn digest(&self, bound: &[&[u8]], plain: &[u8]) -> Result<[u8; 32], SealError> {
        let key = self.keys.first().ok_or(SealError)?;
        // A key of its own, as each sealed value has one.
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key.as_slice()).map_err(|_| SealError)?;
        mac.update(b"bailiwick digest 1");
        let key = Zeroizing::new(<[u8; 32]>::from(mac.finalize().into_bytes()));
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key.as_slice()).map_err(|_| SealError)?;
        mac.update(&bound.len().to_le_bytes());
        mac.update(&joined(bound));
        mac.update(plain);
        Ok(mac.finalize().into_bytes().into())
    }

    /// Opens what [`Sealer::seal`] made with the same `bound`.
    pub fn open(&self, bound: &[&[u8]], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (&version, rest) = sealed.split_first().ok_or(SealError)?;
        let (salt, rest) = rest.split_first_chunk::<SALT>().ok_or(SealError)?;
        let (nonce, msg) = rest.split_first_chunk::<NONCE>().ok_or(SealError)?;
        let aad = joined(bound);
        if version != VERSION {
            return Err(SealError);
        }
        for key in self.keys.iter() {
            if let Ok(plain) = cipher(key, salt)?.decrypt(&Nonce::from(*nonce), Payload { msg, aad: &aad }) {
                return Ok(Zeroizing::new(plain));
            }
        }
        Err(SealError)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

fn cipher(key: &Key, salt: &[u8; SALT]) -> Result<Aes256Gcm, SealError> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key.as_slice()).map_err(|_| SealError)?;
    mac.update(b"bailiwick sealer 1");
    mac.update(salt);
    Aes256Gcm::new_from_slice(&mac.finalize().into_bytes()).map_err(|_| SealError)
}

/// Each part after its length, so that no two lists give the same bytes.
fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().flat_map(|part| [&part.len().to_le_bytes(), *part].concat()).collect()
}

#[cfg(test)]
mod tests {
    use bailiwick_core::SystemEntropy;

    use super::*;

    fn sealer(key: u8) -> Sealer {
        Sealer::new([key; 32], Arc::new(SystemEntropy))
    }

    #[test]
    fn opens_with_the_same_key_and_bound_only() {
        let sealed = sealer(1).seal(&[b"ab", b"c"], b"secret").unwrap();
        assert_eq!(sealer(1).open(&[b"ab", b"c"], &sealed).unwrap().as_slice(), b"secret");
        assert_eq!(sealer(1).open(&[b"a", b"bc"], &sealed), Err(SealError));
        assert_eq!(sealer(1).open(&[b"ab"], &sealed), Err(SealError));
        assert_eq!(sealer(2).open(&[b"ab", b"c"], &sealed), Err(SealError));
        assert_eq!(sealer(2).and_opens([1; 32]).open(&[b"ab", b"c"], &sealed).unwrap().as_slice(), b"secret");
    }

    #[test]
    fn a_digest_tells_equal_values_under_one_key_and_bound() {
        let digest = |key: u8, bound: &[&[u8]], plain: &[u8]| sealer(key).digest(bound, plain).unwrap();
        assert_eq!(digest(1, &[b"a"], b"secret"), digest(1, &[b"a"], b"secret"));
        for other in [digest(2, &[b"a"], b"secret"), digest(1, &[b"b"], b"secret"), digest(1, &[b"a"], b"Secret")] {
            assert_ne!(digest(1, &[b"a"], b"secret"), other);
        }
        // What it is bound to is told from the value: this one spells a part after its length.
        let part = [1_usize.to_le_bytes().as_slice(), b"b"].concat();
        assert_ne!(digest(1, &[b"a", b"b"], b""), digest(1, &[b"a"], &part));
    }

    #[test]
    fn no_byte_can_be_changed_or_left_out() {
        let sealed = sealer(1).seal(&[], b"secret").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(sealer(1).open(&[], &changed), Err(SealError), "byte {at}");
            assert_eq!(sealer(1).open(&[], &sealed[..at]), Err(SealError), "length {at}");
        }
    }

    #[test]
    fn the_same_value_never_seals_alike() {
        assert_ne!(sealer(1).seal(&[], b"secret").unwrap(), sealer(1).seal(&[], b"secret").unwrap());
    }
}
