//! Credentials of callers, and those among them that live long and are good for one action.
//!
//! Such a credential is `bwc_{id}_{secret}`. The facts have the hash of its secret, of 256 random bits, so that one hash
//! without salt or cost is enough, and its user; that it was taken back is known with the facts.

use std::sync::Arc;

use bailiwick_core::{
    Timestamp,
    authz::{Facts, Principal, Purpose},
};
use bailiwick_rpc::Problem;
use http::{HeaderMap, header::AUTHORIZATION};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::token::{Verified, invalid};

const SCHEME: &str = "Bearer ";
const PREFIX: &str = "bwc_";
const ID_LEN: usize = 20;
/// 32 bytes in base 64.
const SECRET_LEN: usize = 43;

/// What a caller identifies itself with.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A token, which was verified.
    Token(Arc<Verified>),
    /// A single-purpose credential, to be looked up.
    SinglePurpose(Presented),
}

/// A single-purpose credential as it was sent: its secret is not kept.
#[derive(Clone)]
pub struct Presented {
    id: String,
    secret_sha256: [u8; 32],
}

impl std::fmt::Debug for Presented {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Presented").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Presented {
    /// The single-purpose credential of a call; none if it has another credential, or none.
    ///
    /// # Errors
    /// UNAUTHENTICATED, CREDENTIAL_INVALID if it is malformed.
    pub fn of(headers: &HeaderMap) -> Option<Result<Self, Problem>> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        let (scheme, token) = value.to_str().ok()?.split_at_checked(SCHEME.len())?;
        let text = token.strip_prefix(PREFIX).filter(|_| scheme.eq_ignore_ascii_case(SCHEME))?;
        Some(Self::parse(text).ok_or_else(invalid))
    }

    fn parse(text: &str) -> Option<Self> {
        let (id, rest) = text.split_at_checked(ID_LEN)?;
        let secret = rest.strip_prefix('_')?;
        let of_id = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let of_secret = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let sound = id.bytes().all(of_id) && secret.len() == SECRET_LEN && secret.bytes().all(of_secret);
        sound.then(|| Self { id: id.to_owned(), secret_sha256: Sha256::digest(secret).into() })
    }

    /// Whose it is, by these facts.
    ///
    /// # Errors
    /// UNAUTHENTICATED, CREDENTIAL_INVALID if there is none with this secret, or it has expired.
    pub fn principal(&self, facts: &impl Facts, now: Timestamp) -> Result<Principal, Problem> {
        let fact = facts.credential(&self.id).ok_or_else(invalid)?;
        let same: bool = fact.secret_sha256.ct_eq(&self.secret_sha256).into();
        let generation = facts.identity(&fact.user).map(|identity| identity.generation);
        let Some(generation) = generation.filter(|_| same && now < fact.expires) else { return Err(invalid()) };
        let purpose = Purpose { credential: self.id.clone(), action: fact.action.clone() };
        let user = Principal::new(fact.user.clone(), generation, self.id.as_str());
        Ok(Principal { purpose: Some(purpose), expires: Some(fact.expires), ..user })
    }
}

#[cfg(test)]
mod tests;
