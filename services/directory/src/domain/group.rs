//! Groups: users who are given policies together.

use bailiwick_core::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Error, Quota, check_etag, etag, policy::PolicyId, user::User};

/// A group of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The account.
    pub account: AccountId,
    /// The id: unique in the account.
    pub id: String,
    /// What it is for; may be empty.
    pub description: String,
    /// The policies attached, each once and in order.
    pub policies: Vec<PolicyId>,
    /// How many users it has.
    pub users: u32,
    /// When it was created.
    pub create_time: Timestamp,
    /// When it last changed.
    pub update_time: Timestamp,
    /// Grows with each change.
    pub version: i64,
}

/// A user in a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupMember {
    /// The account of both.
    pub account: AccountId,
    /// Id of the group.
    pub group: String,
    /// Id of the user.
    pub user: String,
    /// When the user was added.
    pub join_time: Timestamp,
}

/// What is asked for. The texts are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGroup {
    /// The id.
    pub id: String,
    /// What it is for; may be empty.
    pub description: String,
}

/// Most groups of a user, and most users of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Groups of a user.
    pub groups: u32,
    /// Users of a group: a change of the group changes what is known of each.
    pub users: u32,
}

/// Whether a text may be the id of a group: 1 to 64 lower-case letters, digits, `-`, `_` and `.`, beginning with a letter
/// or digit.
pub fn is_group_id(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=64).contains(&text.len())
        && text.bytes().next().is_some_and(plain)
        && text.bytes().all(|b| plain(b) || b"-_.".contains(&b))
}

impl Group {
    /// A new group, without users and policies. `groups` is how many the account has.
    pub fn create(
        account: AccountId,
        new: NewGroup,
        exists: bool,
        groups: u32,
        limit: u32,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let NewGroup { id, description } = new;
        let (policies, create_time, update_time) = (Vec::new(), now, now);
        let group = Self { account, id, description, policies, users: 0, create_time, update_time, version: 1 };
        if exists {
            return Err(Error::ResourceExists(group.name()));
        }
        Quota::Groups.room(groups, limit)?;
        Ok(group)
    }

    /// Changes the description; none if there is nothing to change.
    pub fn update(&self, description: Option<&str>, asked_etag: &str, now: Timestamp) -> Result<Option<Self>, Error> {
        self.check(asked_etag)?;
        let new = description.filter(|new| *new != self.description);
        Ok(new.map(|new| Self { description: new.to_owned(), ..self.changed(now) }))
    }

    /// Refuses another etag than the present one.
    pub fn check(&self, asked_etag: &str) -> Result<(), Error> {
        check_etag(asked_etag, &self.etag(), || self.name())
    }

    /// Adds a user, who is in `groups` others.
    pub fn add(&self, user: &User, groups: u32, bounds: Bounds, now: Timestamp) -> Result<(Self, GroupMember), Error> {
        if user.is_root() {
            return Err(Error::RootUserImmutable);
        }
        Quota::GroupsOfUser.room(groups, bounds.groups)?;
        Quota::UsersOfGroup.room(self.users, bounds.users)?;
        let (group, user) = (self.id.clone(), user.id.clone());
        let member = GroupMember { account: self.account, group, user, join_time: now };
        Ok((Self { users: self.users + 1, ..self.changed(now) }, member))
    }

    /// Removes a user who is in it.
    pub fn remove(&self, now: Timestamp) -> Self {
        Self { users: self.users.saturating_sub(1), ..self.changed(now) }
    }

    /// The group with other policies.
    pub fn with_policies(&self, policies: Vec<PolicyId>, now: Timestamp) -> Self {
        Self { policies, ..self.changed(now) }
    }

    fn changed(&self, now: Timestamp) -> Self {
        Self { update_time: now, version: self.version + 1, ..self.clone() }
    }

    /// The resource name.
    pub fn name(&self) -> String {
        format!("{}/groups/{}", self.account.name(), self.id)
    }

    /// The etag.
    pub fn etag(&self) -> String {
        etag(self.create_time, self.version)
    }
}

impl GroupMember {
    /// The resource name of the group.
    pub fn group_name(&self) -> String {
        format!("{}/groups/{}", self.account.name(), self.group)
    }

    /// The resource name of the user.
    pub fn user_name(&self) -> String {
        format!("{}/users/{}", self.account.name(), self.user)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            account::{Account, NewAccount},
            user::NewUser,
        },
        *,
    };

    const NOW: Timestamp = Timestamp::from_micros(9);
    const BOUNDS: Bounds = Bounds { groups: 2, users: 2 };

    fn account() -> Account {
        let new = NewAccount { display_name: "main".to_owned(), provider: String::new(), external_id: String::new() };
        Account::register(1_000_000_000_000_001.try_into().unwrap(), new, NOW)
    }

    fn new() -> NewGroup {
        NewGroup { id: "clerks".to_owned(), description: "old".to_owned() }
    }

    fn group() -> Group {
        Group::create(account().id, new(), false, 0, 50, NOW).unwrap()
    }

    #[test]
    fn ids_are_of_the_form_in_the_contract() {
        for (id, ok) in [
            ("clerks", true),
            ("9a", true),
            ("a-b_c.d", true),
            ("", false),
            ("-a", false),
            (".a", false),
            ("A", false),
            ("a b", false),
            ("a/b", false),
            ("é", false),
        ] {
            assert_eq!(is_group_id(id), ok, "{id}");
        }
        assert!(is_group_id(&"a".repeat(64)) && !is_group_id(&"a".repeat(65)));
    }

    #[test]
    fn names_and_quotas_are_checked() {
        let id = account().id;
        let twice = Group::create(id, new(), true, 0, 50, NOW);
        assert_eq!(twice, Err(Error::ResourceExists(group().name())));
        let full = Group::create(id, new(), false, 50, 50, NOW);
        assert_eq!(full, Err(Error::QuotaExceeded { quota: Quota::Groups, limit: 50 }));
        assert!(Group::create(id, new(), false, 49, 50, NOW).is_ok());
    }

    #[test]
    fn users_are_added_within_both_bounds_and_the_root_user_never() {
        let mut account = account();
        let new = NewUser { id: "alice".to_owned(), display_name: String::new() };
        let alice = User::create(&mut account, new, false, 1, 1_000, NOW).unwrap();
        let group = group();
        let root = group.add(&User::root(&account, true), 0, BOUNDS, NOW);
        assert_eq!(root, Err(Error::RootUserImmutable));
        let refusal = |quota| Err(Error::QuotaExceeded { quota, limit: 2 });
        assert_eq!(group.add(&alice, 2, BOUNDS, NOW), refusal(Quota::GroupsOfUser));
        let (one, member) = group.add(&alice, 1, BOUNDS, NOW).unwrap();
        assert_eq!((one.users, member.user.as_str(), member.group.as_str()), (1, "alice", "clerks"));
        assert_ne!(one.etag(), group.etag());
        let (two, _) = one.add(&alice, 0, BOUNDS, NOW).unwrap();
        assert_eq!(two.add(&alice, 0, BOUNDS, NOW), refusal(Quota::UsersOfGroup));
        assert_eq!(two.remove(NOW).users, 1);
    }

    #[test]
    fn an_update_changes_what_is_other() {
        let group = group();
        for (description, asked, changes) in [
            (None, "", Ok(false)),
            (Some("old"), "", Ok(false)),
            (Some(""), "", Ok(true)),
            (Some("x"), "stale", Err(())),
        ] {
            let updated = group.update(description, asked, NOW);
            assert_eq!(updated.map(|new| new.is_some()).map_err(drop), changes, "{description:?}");
        }
    }
}
