//! Access keys: the lasting credentials of users.

use std::time::Duration;

use bailiwick_core::{AccountId, Entropy, IdentityName, Timestamp, random_token};
use serde::{Deserialize, Serialize};

use super::{Error, check_etag, etag, user::User};

/// Characters of a key's id after `AK`.
const ID_DIGITS: usize = 20;
/// Longest id that is looked up, in bytes.
pub const ID_LEN_MAX: usize = 64;
/// Longest secret that is compared, in bytes.
pub const SECRET_LEN_MAX: usize = 128;

/// Longest time for which a rotated key stays good: 7 days.
pub const GRACE_MAX: Duration = Duration::from_hours(7 * 24);
/// How long it does if nobody says: a day.
pub const GRACE_DEFAULT: Duration = Duration::from_hours(24);

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
    /// When a token was last had with it; none if never.
    #[serde(default)]
    pub last_use: Option<LastUse>,
    /// When it was rotated, if it will be disabled for that.
    #[serde(default)]
    pub rotate_time: Option<Timestamp>,
    /// When it will be disabled because it was rotated; none if it will not.
    #[serde(default)]
    pub disable_time: Option<Timestamp>,
    /// Grows with each change.
    pub version: i64,
}

/// When and where something was last used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastUse {
    /// When, to the minute.
    pub time: Timestamp,
    /// The address; empty if it is not known.
    pub source_ip: String,
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
        Ok(Self {
            account: user.account,
            user: user.id.clone(),
            id,
            enabled: true,
            create_time: now,
            last_use: None,
            rotate_time: None,
            disable_time: None,
            version: 1,
        })
    }

    /// Enables or disables it; none if it is so already. Enabling also calls off the end that a rotation set.
    pub fn put(&self, to: Use, asked_etag: &str) -> Result<Option<Self>, Error> {
        self.check(asked_etag)?;
        let enabled = to == Use::Enabled;
        let version = self.version + 1;
        let changed = Self { enabled, rotate_time: None, disable_time: None, version, ..self.clone() };
        Ok((self.enabled != enabled || (enabled && self.disable_time.is_some())).then_some(changed))
    }

    /// The key once its successor is made: disabled after `grace`, at once if that is zero.
    pub fn rotate(&self, grace: Duration, asked_etag: &str, now: Timestamp) -> Result<Self, Error> {
        self.check(asked_etag)?;
        if !self.is_usable(now) {
            return Err(Error::AccessKeyDisabled(self.name()));
        }
        let at_once = grace.is_zero();
        let disable_time = (!at_once).then(|| now.after(grace));
        let rotate_time = disable_time.map(|_| now);
        Ok(Self { enabled: !at_once, rotate_time, disable_time, version: self.version + 1, ..self.clone() })
    }

    /// Whether something that was had with the key before it was rotated, which lives for `longest` at most, may live on
    /// after its end. What is had with it later ends with it by itself.
    pub fn is_outlived(&self, longest: Duration) -> bool {
        let over = self.rotate_time.map(|at| at.after(longest));
        over.zip(self.disable_time).is_none_or(|(over, end)| end < over)
    }

    /// The key after the end that a rotation set; none if it has none, or that is still to come.
    pub fn expire(&self, now: Timestamp) -> Option<Self> {
        let due = self.enabled && self.disable_time.is_some_and(|at| at <= now);
        let version = self.version + 1;
        due.then(|| Self { enabled: false, rotate_time: None, disable_time: None, version, ..self.clone() })
    }

    /// Whether tokens can be had with it: also refused after its end if nobody disabled it yet.
    pub fn is_usable(&self, now: Timestamp) -> bool {
        self.enabled && self.disable_time.is_none_or(|at| now < at)
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

    #[test]
    fn a_rotated_key_ends_when_its_grace_does() {
        let key = AccessKey::create(&root(true), "AK1".to_owned(), 0, 2, NOW).unwrap();
        let at = |micros| Timestamp::from_micros(micros);
        let rotated = key.rotate(Duration::from_micros(10), &key.etag(), NOW).unwrap();
        assert_eq!(rotated.disable_time, Some(at(19)));
        assert_ne!(rotated.etag(), key.etag());
        assert!(rotated.is_usable(at(18)) && !rotated.is_usable(at(19)));
        assert_eq!((rotated.expire(at(18)), key.expire(at(19))), (None, None));
        let ended = rotated.expire(at(19)).unwrap();
        assert_eq!((ended.enabled, ended.disable_time, ended.expire(at(20))), (false, None, None));
        for (longest, outlived) in [(9, false), (10, false), (11, true)] {
            assert_eq!(rotated.is_outlived(Duration::from_micros(longest)), outlived, "{longest}");
        }
        assert!(key.is_outlived(Duration::ZERO), "of one that was not rotated nobody knows");
        let kept = rotated.put(Use::Enabled, "").unwrap().unwrap();
        assert!(kept.is_usable(at(99)) && kept.expire(at(99)).is_none());
        let at_once = key.rotate(Duration::ZERO, "", NOW).unwrap();
        assert_eq!((at_once.enabled, at_once.disable_time), (false, None));
        let disabled = Err(Error::AccessKeyDisabled(key.name()));
        assert_eq!(at_once.rotate(GRACE_MAX, "", NOW), disabled);
        assert_eq!(rotated.rotate(GRACE_MAX, "", at(19)), disabled);
        assert_eq!(key.rotate(GRACE_MAX, "stale", NOW), Err(Error::EtagMismatch(key.name())));
    }
}
