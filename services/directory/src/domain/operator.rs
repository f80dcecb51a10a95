//! Operators of the platform. Their credential comes from the configuration.

use bailiwick_core::{IdentityName, Timestamp};

/// An operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The id.
    pub id: String,
    /// Id of its access key.
    pub access_key: String,
    /// SHA-256 of the key's secret.
    pub secret_hash: [u8; 32],
    /// Whether it may act: false once it is no longer configured.
    pub enabled: bool,
    /// Tokens of an earlier generation are dead.
    pub generation: i64,
    /// When it was first seen.
    pub create_time: Timestamp,
}

/// An operator as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configured {
    /// The id: of the form of users' ids.
    pub id: String,
    /// Id of its access key.
    pub access_key: String,
    /// SHA-256 of the key's secret.
    pub secret_hash: [u8; 32],
}

impl Operator {
    /// What is to be stored of a configured operator; none if it is stored so already. Another key makes the tokens that
    /// were had with the former one dead.
    pub fn ensure(stored: Option<&Self>, configured: &Configured, now: Timestamp) -> Option<Self> {
        let Configured { id, access_key, secret_hash } = configured.clone();
        let Some(stored) = stored else {
            return Some(Self { id, access_key, secret_hash, enabled: true, generation: 1, create_time: now });
        };
        if stored.enabled && stored.access_key == access_key && stored.secret_hash == secret_hash {
            return None;
        }
        Some(Self { access_key, secret_hash, enabled: true, generation: stored.generation + 1, ..stored.clone() })
    }

    /// What is to be stored of an operator that is no longer configured; none if that was seen before. Its key is
    /// forgotten, and may become another operator's.
    pub fn retire(&self) -> Option<Self> {
        let retired = Self {
            access_key: format!("retired/{}", self.id),
            secret_hash: [0; 32],
            enabled: false,
            generation: self.generation + 1,
            ..self.clone()
        };
        self.enabled.then_some(retired)
    }

    /// The identity.
    pub fn identity(&self) -> IdentityName {
        IdentityName::Operator(self.id.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotated_key_revokes_and_an_unchanged_one_does_not() {
        let now = Timestamp::from_micros(1);
        let first = Configured { id: "ops".to_owned(), access_key: "AK1".to_owned(), secret_hash: [1; 32] };
        let stored = Operator::ensure(None, &first, now).unwrap();
        assert_eq!(stored.generation, 1);
        assert_eq!(Operator::ensure(Some(&stored), &first, now), None);
        let rotated = Configured { secret_hash: [2; 32], ..first };
        assert_eq!(Operator::ensure(Some(&stored), &rotated, now).unwrap().generation, 2);
    }

    #[test]
    fn an_operator_that_comes_back_does_not_revive_its_tokens() {
        let now = Timestamp::from_micros(1);
        let configured = Configured { id: "ops".to_owned(), access_key: "AK1".to_owned(), secret_hash: [1; 32] };
        let retired = Operator::ensure(None, &configured, now).unwrap().retire().unwrap();
        assert_eq!((retired.enabled, retired.retire()), (false, None));
        let back = Operator::ensure(Some(&retired), &configured, now).unwrap();
        assert!(back.enabled && back.generation > retired.generation);
    }
}
