//! Identifiers with one canonical text form each, so that two texts never mean the same account.

use std::{fmt, num::NonZeroU64, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Entropy;

/// The UID of an account: a number of exactly 16 digits, the first not zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct AccountId(NonZeroU64);

const ACCOUNT_MIN: u64 = 1_000_000_000_000_000;
const ACCOUNT_END: u64 = 10_000_000_000_000_000;

/// The id of a directory: `rd-` and 13 characters of Crockford's base 32, lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DirectoryId(u64);

const BASE32: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const DIRECTORY_PREFIX: &str = "rd-";
const DIRECTORY_DIGITS: usize = 13;

/// A text that is no identifier in canonical form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not 16 digits with the first not zero.
    #[error("an account id is a number of 16 digits")]
    Account,
    /// Not `rd-` and 13 characters.
    #[error("a directory id is `rd-` and 13 characters of 0-9, a-z without i, l, o, u")]
    Directory,
}

impl AccountId {
    /// A random id. Its uniqueness is the store's to check.
    pub fn random(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 8];
        entropy.fill(&mut bytes);
        let value = ACCOUNT_MIN + u64::from_le_bytes(bytes) % (ACCOUNT_END - ACCOUNT_MIN);
        Self(NonZeroU64::new(value).unwrap_or(NonZeroU64::MIN))
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0.get()
    }

    /// The resource name `accounts/{account}`.
    pub fn name(self) -> String {
        format!("accounts/{self}")
    }
}

impl TryFrom<u64> for AccountId {
    type Error = IdError;

    fn try_from(value: u64) -> Result<Self, IdError> {
        let canonical = (ACCOUNT_MIN..ACCOUNT_END).contains(&value);
        NonZeroU64::new(value).filter(|_| canonical).map(Self).ok_or(IdError::Account)
    }
}

impl From<AccountId> for u64 {
    fn from(id: AccountId) -> u64 {
        id.get()
    }
}

impl FromStr for AccountId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        // `u64::from_str` also takes a sign and leading zeros: a second spelling of the same account.
        let digits = text.len() == 16 && text.bytes().all(|b| b.is_ascii_digit());
        let value =
            if digits { text.parse::<u64>().map_err(|_| IdError::Account)? } else { return Err(IdError::Account) };
        Self::try_from(value)
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl DirectoryId {
    /// A random id. Its uniqueness is the store's to check.
    pub fn random(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 8];
        entropy.fill(&mut bytes);
        // One bit less, so that the id fits a signed column of a database.
        Self(u64::from_le_bytes(bytes) >> 1)
    }

    /// The id as a number below 2^63.
    pub fn get(self) -> u64 {
        self.0
    }

    /// The resource name `directories/{directory}`.
    pub fn name(self) -> String {
        format!("directories/{self}")
    }
}

impl FromStr for DirectoryId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let digits = text.strip_prefix(DIRECTORY_PREFIX).ok_or(IdError::Directory)?.as_bytes();
        if digits.len() != DIRECTORY_DIGITS {
            return Err(IdError::Directory);
        }
        let value = digits.iter().try_fold(0u128, |value, digit| {
            let position = BASE32.iter().position(|c| c == digit)?;
            Some(value * 32 + u128::try_from(position).ok()?)
        });
        match value.and_then(|v| u64::try_from(v).ok()) {
            Some(value) if value >> 63 == 0 => Ok(Self(value)),
            _ => Err(IdError::Directory),
        }
    }
}

impl fmt::Display for DirectoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(DIRECTORY_PREFIX)?;
        f.write_str(&base32(u128::from(self.0), DIRECTORY_DIGITS))
    }
}

impl fmt::Debug for DirectoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn base32(value: u128, digits: usize) -> String {
    (0..digits)
        .rev()
        .map(|place| {
            let index = usize::try_from((value >> (5 * place)) & 31).unwrap_or(0);
            BASE32.get(index).copied().map_or('0', char::from)
        })
        .collect()
}

/// A random text of `digits` characters of base 32, 5 bits each, at most 25 of them: for ids without other meaning.
pub fn random_token(entropy: &dyn Entropy, digits: usize) -> String {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    base32(u128::from_le_bytes(bytes), digits.min(25))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_id_has_one_spelling(value in ACCOUNT_MIN..ACCOUNT_END, directory in 0..i64::MAX as u64) {
            let account = AccountId::try_from(value).unwrap();
            prop_assert_eq!(account.to_string().parse::<AccountId>().unwrap(), account);
            let id = DirectoryId(directory);
            prop_assert_eq!(id.to_string().parse::<DirectoryId>().unwrap(), id);
        }

        #[test]
        fn whatever_parses_prints_the_same(text in "(rd-)?[0-9a-zA-Z+]{0,18}") {
            if let Ok(id) = text.parse::<AccountId>() {
                prop_assert_eq!(id.to_string(), text.clone());
            }
            if let Ok(id) = text.parse::<DirectoryId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "0100000000000000",
            "+100000000000000",
            "100000000000000",
            "10000000000000000",
            "１０００００００００００００００",
        ] {
            assert_eq!(text.parse::<AccountId>(), Err(IdError::Account), "{text}");
        }
        for text in
            ["rd-", "rd-zzzzzzzzzzzzz", "rd-000000000000i", "rd-000000000000A", "RD-0000000000000", "rd-00000000000000"]
        {
            assert_eq!(text.parse::<DirectoryId>(), Err(IdError::Directory), "{text}");
        }
    }
}
