//! Access keys: the lasting credentials of users.

use bailiwick_core::{AccountId, Entropy, IdentityName, Timestamp, random_token};
use serde::{Deserialize, Serialize};

use super::{Error, check_etag, etag, user::User};

/// Characters of a key's id after `AK`.
const ID_DIGITS: usize = 20;
/// Longest id that is looked up, in bytes.
pub const ID_LEN_MAX: usize = 64;
/// Longest secret that is compared, in bytes.
pub const SECRET_LEN_MAX: usize = 128;

/// An access key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKey {
    /// Account of its user.
    pub account: AccountId,
    /// Its user.
    pub user: String,
    /// The id: unique in the installation.
    pub id: String,
    /// Whether tokens can be had with it.
    pub enabled: bool,
    /// When it was created.
    pub create_time: Timestamp,
    /// Grows with each change.
    pub version: i64,
}

/// What a key is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// To work.
    Enabled,
    /// Not to work (R-DIR-23).
    Disabled,
}

/// A new id.
pub fn random_id(entropy: &dyn Entropy) -> String {
    format!("AK{}", random_token(entropy, ID_DIGITS))
}

impl AccessKey {
    /// A new key of a user who has `keys` already. The root user gets none while it is disabled (R-DIR-30).
    pub fn create(user: &User, id: String, keys: u32, limit: u32, now: Timestamp) -> Result<Self, Error> {
        if user.is_root() && !user.enabled {
            return Err(Error::RootUserDisabled(user.account));
        }
        if keys >= limit {
            return Err(Error::AccessKeyQuotaExceeded { limit });
        }
        Ok(Self { account: user.account, user: user.id.clone(), id, enabled: true, create_time: now, version: 1 })
    }

    /// Enables or disables it; none if it is so already.
    pub fn put(&self, to: Use, asked_etag: &str) -> Result<Option<Self>, Error> {
        self.check(asked_etag)?;
        let enabled = to == Use::Enabled;
        let changed = Self { enabled, version: self.version + 1, ..self.clone() };
        Ok((self.enabled != enabled).then_some(changed))
    }

    /// Refuses a change asked for with another etag.
    pub fn check(&self, asked_etag: &str) -> Result<(), Error> {
        check_etag(asked_etag, &self.etag(), || self.name())
    }

    /// The resource name.
    pub fn name(&self) -> String {
        format!("{}/accessKeys/{}", IdentityName::User(self.account, self.user.clone()), self.id)
    }

    /// The etag.
    pub fn etag(&self) -> String {
        etag(self.create_time, self.version)
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_core::SystemEntropy;

    use super::{
        super::account::{Account, NewAccount},
        *,
    };

    const NOW: Timestamp = Timestamp::from_micros(9);

    fn root(enabled: bool) -> User {
        let new = NewAccount { display_name: "main".to_owned(), provider: String::new(), external_id: String::new() };
        let account = Account::register(1_000_000_000_000_001.try_into().unwrap(), new, NOW);
        User::root(&account, enabled)
    }

    // covers: R-DIR-30
    #[test]
    fn a_disabled_root_user_gets_no_key_and_nobody_gets_a_third() {
        let id = random_id(&SystemEntropy);
        assert!(id.len() == 22 && id.starts_with("AK"));
        let refused = AccessKey::create(&root(false), id.clone(), 0, 2, NOW);
        assert!(matches!(refused, Err(Error::RootUserDisabled(_))));
        assert!(AccessKey::create(&root(true), id.clone(), 1, 2, NOW).is_ok());
        let third = AccessKey::create(&root(true), id, 2, 2, NOW);
        assert_eq!(third, Err(Error::AccessKeyQuotaExceeded { limit: 2 }));
    }

    // covers: R-DIR-23, E-GW-07
    #[test]
    fn a_key_is_disabled_once() {
        let key = AccessKey::create(&root(true), "AK1".to_owned(), 0, 2, NOW).unwrap();
        assert_eq!(key.put(Use::Enabled, ""), Ok(None));
        let disabled = key.put(Use::Disabled, &key.etag()).unwrap().unwrap();
        assert!(!disabled.enabled);
        assert_eq!(disabled.put(Use::Disabled, ""), Ok(None));
        assert_eq!(disabled.put(Use::Enabled, &key.etag()), Err(Error::EtagMismatch(key.name())));
    }
}
