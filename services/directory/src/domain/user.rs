//! RAM users, the root user among them.

use std::collections::BTreeSet;

use bailiwick_core::{
    AccountId, IdentityName, PrincipalKind, Timestamp,
    filter::{Field, Kind, Schema, Value},
};
use serde::{Deserialize, Serialize};

use super::{Error, account::Account, check_etag, etag, policy::PolicyId};

/// What the users of an account can be filtered and ordered by.
pub static SCHEMA: Schema = Schema {
    fields: &[
        Field::new("name", Kind::Name),
        Field::sorted("user_id", Kind::Text),
        Field::sorted("display_name", Kind::Text),
        Field::new("kind", Kind::Enum(&["PRINCIPAL_KIND_ROOT", "PRINCIPAL_KIND_USER"])),
        Field::new("enabled", Kind::Bool),
        Field::sorted("create_time", Kind::Time),
        Field::sorted("update_time", Kind::Time),
        Field::sorted("last_sign_in_time", Kind::Time),
    ],
};

/// A user of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The account.
    pub account: AccountId,
    /// The id: unique in the account.
    pub id: String,
    /// Display name; may be empty.
    pub display_name: String,
    /// Whether it may act: false for the root user of a resource account (R-DIR-30).
    pub enabled: bool,
    /// Tokens of an earlier generation are dead.
    pub generation: i64,
    /// The policies attached to it, each once and in order.
    pub policies: Vec<PolicyId>,
    /// The policies that it has through its groups, each once and in order.
    pub group_policies: Vec<PolicyId>,
    /// When it was created.
    pub create_time: Timestamp,
    /// When it last changed.
    #[serde(default)]
    pub update_time: Timestamp,
    /// When it last got a token, to the minute; none if never.
    #[serde(default)]
    pub last_sign_in_time: Option<Timestamp>,
    /// Grows with each change.
    pub version: i64,
}

/// What is asked for. The texts are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    /// The id.
    pub id: String,
    /// Display name; may be empty.
    pub display_name: String,
}

/// What is to change of a user. The texts are checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserUpdate {
    /// Another display name.
    pub display_name: Option<String>,
    /// Whether it is to be able to act.
    pub enabled: Option<bool>,
}

/// Whether a text may be the id of a new user: 1 to 63 lower-case letters, digits, `-`, `.`, `_`, the first a letter,
/// and not `root`.
pub fn is_user_id(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b);
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(allowed)
        && text != IdentityName::ROOT
}

impl User {
    /// The root user of a new account, of its first generation; enabled or not (R-DIR-08, R-DIR-18).
    pub fn root(account: &Account, enabled: bool) -> Self {
        Self {
            account: account.id,
            id: IdentityName::ROOT.to_owned(),
            display_name: String::new(),
            enabled,
            generation: account.last_generation,
            policies: Vec::new(),
            group_policies: Vec::new(),
            create_time: account.create_time,
            update_time: account.create_time,
            last_sign_in_time: None,
            version: 1,
        }
    }

    /// A new user, who may do nothing yet. `users` is how many the account has, its root user counted.
    pub fn create(
        account: &mut Account,
        new: NewUser,
        exists: bool,
        users: u32,
        limit: u32,
        now: Timestamp,
    ) -> Result<Self, Error> {
        if exists {
            return Err(Error::UserExists(new.id));
        }
        if users >= limit {
            return Err(Error::UserQuotaExceeded { limit });
        }
        Ok(Self {
            account: account.id,
            id: new.id,
            display_name: new.display_name,
            enabled: true,
            generation: account.next_generation(),
            policies: Vec::new(),
            group_policies: Vec::new(),
            create_time: now,
            update_time: now,
            last_sign_in_time: None,
            version: 1,
        })
    }

    /// Decides a deletion.
    pub fn delete(&self, asked_etag: &str) -> Result<(), Error> {
        check_etag(asked_etag, &self.etag(), || self.name())?;
        if self.is_root() { Err(Error::RootUserImmutable) } else { Ok(()) }
    }

    /// Changes it; none if it is so already. Disabling makes its tokens dead, also for when it is enabled again.
    pub fn update(
        &self,
        account: &mut Account,
        new: &UserUpdate,
        asked_etag: &str,
        now: Timestamp,
    ) -> Result<Option<Self>, Error> {
        check_etag(asked_etag, &self.etag(), || self.name())?;
        if self.is_root() {
            return Err(Error::RootUserImmutable);
        }
        let mut updated = self.clone();
        updated.display_name = new.display_name.clone().unwrap_or(updated.display_name);
        updated.enabled = new.enabled.unwrap_or(updated.enabled);
        if updated == *self {
            return Ok(None);
        }
        if self.enabled && !updated.enabled {
            updated.revoke_tokens(account);
        }
        Ok(Some(Self { update_time: now, version: self.version + 1, ..updated }))
    }

    /// The user with other policies of its own.
    pub fn with_policies(&self, policies: Vec<PolicyId>) -> Result<Self, Error> {
        if self.is_root() {
            return Err(Error::RootUserImmutable);
        }
        Ok(Self { policies, version: self.version + 1, ..self.clone() })
    }

    /// All policies that count for it: its own and those of its groups.
    pub fn effective_policies(&self) -> BTreeSet<&PolicyId> {
        self.policies.iter().chain(&self.group_policies).collect()
    }

    /// Makes all its tokens dead, as disabling or deleting a credential of it does.
    pub fn revoke_tokens(&mut self, account: &mut Account) {
        self.generation = account.next_generation();
    }

    /// Whether it is the root user.
    pub fn is_root(&self) -> bool {
        self.id == IdentityName::ROOT
    }

    /// Its kind.
    pub fn kind(&self) -> PrincipalKind {
        if self.is_root() { PrincipalKind::Root } else { PrincipalKind::User }
    }

    /// The identity.
    pub fn identity(&self) -> IdentityName {
        IdentityName::User(self.account, self.id.clone())
    }

    /// What it has in a field that sorts; none of any other. Whoever never signed in did so before everybody else.
    pub fn sort_value(&self, field: &str) -> Option<Value<'_>> {
        match field {
            "user_id" => Some(Value::Text(self.id.as_str().into())),
            "display_name" => Some(Value::Text(self.display_name.as_str().into())),
            "create_time" => Some(Value::Time(self.create_time)),
            "update_time" => Some(Value::Time(self.update_time)),
            "last_sign_in_time" => Some(Value::Time(self.last_sign_in_time.unwrap_or_default())),
            _ => None,
        }
    }

    /// The resource name.
    pub fn name(&self) -> String {
        self.identity().to_string()
    }

    /// The etag.
    pub fn etag(&self) -> String {
        etag(self.create_time, self.version)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::account::NewAccount, *};

    const NOW: Timestamp = Timestamp::from_micros(9);

    fn account() -> Account {
        let new = NewAccount { display_name: "main".to_owned(), provider: String::new(), external_id: String::new() };
        Account::register(1_000_000_000_000_001.try_into().unwrap(), new, NOW)
    }

    fn alice(account: &mut Account) -> User {
        let new = NewUser { id: "alice".to_owned(), display_name: String::new() };
        User::create(account, new, false, 1, 1_000, NOW).unwrap()
    }

    #[test]
    fn ids_are_of_the_form_in_the_contract() {
        for (id, ok) in [
            ("alice", true),
            ("a", true),
            ("a-b.c_9", true),
            ("root", false),
            ("Alice", false),
            ("9a", false),
            ("", false),
            ("a b", false),
            ("a/b", false),
            ("é", false),
        ] {
            assert_eq!(is_user_id(id), ok, "{id}");
        }
        assert!(is_user_id(&"a".repeat(63)) && !is_user_id(&"a".repeat(64)));
    }

    #[test]
    fn the_root_user_stays_as_it_is() {
        let root = User::root(&account(), true);
        assert_eq!(root.delete(""), Err(Error::RootUserImmutable));
        assert_eq!(root.with_policies(Vec::new()), Err(Error::RootUserImmutable));
    }

    // covers: E-GW-07
    #[test]
    fn only_disabling_makes_tokens_dead() {
        let later = Timestamp::from_micros(10);
        let mut account = account();
        let alice = alice(&mut account);
        let named = UserUpdate { display_name: Some("Alice".to_owned()), enabled: None };
        let put = |enabled| UserUpdate { display_name: None, enabled: Some(enabled) };
        assert_eq!(alice.update(&mut account, &UserUpdate::default(), "", later), Ok(None));
        assert_eq!(alice.update(&mut account, &put(true), "", later), Ok(None));
        let stale = alice.update(&mut account, &named, "stale", later);
        assert_eq!(stale, Err(Error::EtagMismatch(alice.name())));
        let called = alice.update(&mut account, &named, &alice.etag(), later).unwrap().unwrap();
        assert_eq!((called.display_name.as_str(), called.generation), ("Alice", alice.generation));
        assert!(called.update_time == later && called.etag() != alice.etag());
        let disabled = called.update(&mut account, &put(false), "", later).unwrap().unwrap();
        assert!(!disabled.enabled && disabled.generation > called.generation);
        assert_eq!(disabled.generation, account.last_generation);
        let enabled = disabled.update(&mut account, &put(true), "", later).unwrap().unwrap();
        assert!(enabled.enabled && enabled.generation == disabled.generation);
        let root = User::root(&account, true);
        assert_eq!(root.update(&mut account, &put(false), "", later), Err(Error::RootUserImmutable));
    }

    #[test]
    fn quotas_and_names_are_checked() {
        let mut account = account();
        let new = || NewUser { id: "bob".to_owned(), display_name: String::new() };
        let full = User::create(&mut account, new(), false, 1_000, 1_000, NOW);
        assert_eq!(full, Err(Error::UserQuotaExceeded { limit: 1_000 }));
        let twice = User::create(&mut account, new(), true, 1, 1_000, NOW);
        assert_eq!(twice, Err(Error::UserExists("bob".to_owned())));
    }

    proptest! {
        #[test]
        fn generations_of_an_account_are_never_given_twice(steps in proptest::collection::vec(any::<bool>(), 1..30)) {
            let mut account = account();
            let mut given = BTreeSet::from([User::root(&account, true).generation]);
            let mut user = alice(&mut account);
            prop_assert!(given.insert(user.generation));
            for made_again in steps {
                let before = user.generation;
                if made_again {
                    user = alice(&mut account);
                } else {
                    user.revoke_tokens(&mut account);
                }
                prop_assert!(user.generation > before && given.insert(user.generation));
            }
        }
    }
}
