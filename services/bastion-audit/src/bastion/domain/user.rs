//! Those who open sessions.

use bailiwick_core::{AccountId, IdentityName, Timestamp};
use serde::{Deserialize, Serialize};

use super::{KnownKey, Meta, Resource, ResourceKind};

/// A user of a bastion host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) meta: Meta,
    pub(crate) display_name: String,
    pub(crate) comment: String,
    /// Name of the RAM user that it is; empty if it is the bastion host's own.
    pub(crate) ram_user: String,
    pub(crate) public_keys: Vec<UserKey>,
    pub(crate) expire: Option<Timestamp>,
    pub(crate) frozen: bool,
}

/// A public key of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UserKey {
    pub(crate) key: KnownKey,
    pub(crate) display_name: String,
}

/// Whether a user can open sessions (E-BAS-18).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserState {
    Normal,
    Frozen,
    RemoteDeleted,
    Expired,
}

/// A group of users. Who is in it is kept beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UserGroup {
    pub(crate) meta: Meta,
    pub(crate) display_name: String,
    pub(crate) comment: String,
}

impl Resource for User {
    const KIND: ResourceKind = ResourceKind::User;

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta
    }

    /// People may have the same name, but no two users are of one RAM user.
    fn unique(&self) -> &str {
        if self.ram_user.is_empty() { &self.meta.id } else { &self.ram_user }
    }
}

impl Resource for UserGroup {
    const KIND: ResourceKind = ResourceKind::UserGroup;

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta
    }

    fn unique(&self) -> &str {
        &self.display_name
    }
}

impl User {
    /// The account that its RAM user is of, if it is one.
    pub(crate) fn account(&self) -> Option<AccountId> {
        self.ram_user.parse::<IdentityName>().ok()?.account()
    }

    /// Whether it can open sessions; `known` says whether its RAM user is there and enabled.
    pub(crate) fn state(&self, known: bool, now: Timestamp) -> UserState {
        if self.frozen {
            UserState::Frozen
        } else if !self.ram_user.is_empty() && !known {
            UserState::RemoteDeleted
        } else if self.expire.is_some_and(|expire| expire <= now) {
            UserState::Expired
        } else {
            UserState::Normal
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bastion::domain::Home;

    #[test]
    fn of_several_states_the_first_is_told() {
        let now = Timestamp::from_micros(1_000);
        let home = Home::within("rd-0000000000001".parse().unwrap(), "main");
        for (frozen, ram_user, known, expire, state) in [
            (false, "", false, None, UserState::Normal),
            (false, "", false, Some(1_001), UserState::Normal),
            (false, "", false, Some(1_000), UserState::Expired),
            (false, "accounts/1/users/ann", true, None, UserState::Normal),
            (false, "accounts/1/users/ann", false, Some(1), UserState::RemoteDeleted),
            (true, "accounts/1/users/ann", false, Some(1), UserState::Frozen),
        ] {
            let user = User {
                meta: Meta::new(home.clone(), "ann", "alice", now),
                display_name: "Ann".into(),
                comment: String::new(),
                ram_user: ram_user.into(),
                public_keys: Vec::new(),
                expire: expire.map(Timestamp::from_micros),
                frozen,
            };
            assert_eq!(user.state(known, now), state, "{user:?}");
        }
    }
}
