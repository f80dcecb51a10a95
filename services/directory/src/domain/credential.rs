//! Single-purpose credentials: good for one action, within the policies of their user.

use std::time::Duration;

use bailiwick_core::{AccountId, IdentityName, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Error, check_etag, etag, user::User};

/// Most credentials of a user, expired ones not counted.
pub const PER_USER_MAX: u32 = 5;
/// Longest life: 3,650 days.
pub const LIFETIME_MAX: Duration = Duration::from_hours(3_650 * 24);
/// How long one lives if nobody says: a year.
pub const LIFETIME_DEFAULT: Duration = Duration::from_hours(365 * 24);

/// A credential, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// Account of its user.
    pub account: AccountId,
    /// Its user.
    pub user: String,
    /// The id: unique in the installation.
    pub id: String,
    /// SHA-256 of its secret.
    pub secret_hash: [u8; 32],
    /// The action that it is good for.
    pub action: String,
    /// When it was created.
    pub create_time: Timestamp,
    /// Until when it is accepted.
    pub expire_time: Timestamp,
}

/// What is asked for. The action is one that a credential can be good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCredential {
    /// The action.
    pub action: String,
    /// Until when it is to be accepted; none for a year.
    pub expire_time: Option<Timestamp>,
}

impl Credential {
    /// A new credential of a user, who has `credentials` that have not expired. The root user gets none while it is
    /// disabled (R-DIR-30).
    pub fn create(
        user: &User,
        new: &NewCredential,
        (id, secret_hash): (String, [u8; 32]),
        credentials: u32,
        now: Timestamp,
    ) -> Result<Self, Error> {
        if user.is_root() && !user.enabled {
            return Err(Error::RootUserDisabled(user.account));
        }
        if credentials >= PER_USER_MAX {
            return Err(Error::CredentialQuotaExceeded { limit: PER_USER_MAX });
        }
        let expire_time = new.expire_time.unwrap_or_else(|| now.after(LIFETIME_DEFAULT));
        if expire_time <= now || expire_time > now.after(LIFETIME_MAX) {
            return Err(Error::ExpireTimeOutOfRange);
        }
        Ok(Self {
            account: user.account,
            user: user.id.clone(),
            id,
            secret_hash,
            action: new.action.clone(),
            create_time: now,
            expire_time,
        })
    }

    /// Refuses a deletion that was asked for with another etag.
    pub fn check(&self, asked_etag: &str) -> Result<(), Error> {
        check_etag(asked_etag, &self.etag(), || self.name())
    }

    /// The resource name.
    pub fn name(&self) -> String {
        format!("{}/credentials/{}", IdentityName::User(self.account, self.user.clone()), self.id)
    }

    /// The etag. Nothing of a credential changes.
    pub fn etag(&self) -> String {
        etag(self.create_time, 1)
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn credentials_are_few_and_end() {
        let create = |enabled, credentials, expire_time: Option<Timestamp>| {
            let new = NewCredential { action: "soc:IngestLogs".to_owned(), expire_time };
            Credential::create(&root(enabled), &new, ("c".to_owned(), [1; 32]), credentials, NOW)
        };
        let made = create(true, 4, None).unwrap();
        assert_eq!(made.expire_time, NOW.after(LIFETIME_DEFAULT));
        assert_eq!(create(true, 5, None), Err(Error::CredentialQuotaExceeded { limit: 5 }));
        assert_eq!(create(false, 0, None), Err(Error::RootUserDisabled(made.account)));
        let longest = NOW.after(LIFETIME_MAX);
        for (expire_time, ok) in [
            (NOW, false),
            (NOW.after(Duration::from_micros(1)), true),
            (longest, true),
            (longest.after(Duration::from_micros(1)), false),
        ] {
            assert_eq!(create(true, 0, Some(expire_time)).is_ok(), ok, "{expire_time:?}");
        }
        assert_eq!(made.check("stale"), Err(Error::EtagMismatch(made.name())));
        assert_eq!(made.check(&made.etag()), Ok(()));
    }
}
