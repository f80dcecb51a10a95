//! Grants: who may use which accounts of which assets. What no grant says, nobody may.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Meta, Reference, Resource, ResourceKind};

/// A grant: each of its users and of those of its groups may use each of its assets and of those of its groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub(crate) meta: Meta,
    pub(crate) display_name: String,
    pub(crate) comment: String,
    pub(crate) users: BTreeSet<String>,
    pub(crate) user_groups: BTreeSet<String>,
    /// By the ids of the assets. Accounts are named by their ids.
    pub(crate) assets: BTreeMap<String, Accounts>,
    /// By the ids of the groups. Accounts are named by their login names.
    pub(crate) asset_groups: BTreeMap<String, Accounts>,
    pub(crate) start: Option<Timestamp>,
    pub(crate) end: Option<Timestamp>,
    pub(crate) enabled: bool,
}

/// Which accounts of an asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Accounts {
    /// All, also those that come later.
    All,
    /// These; if there are none, the asset is granted without an account.
    Some(BTreeSet<String>),
}

/// Whether a grant gives anything (E-BAS-12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrantState {
    Active,
    Disabled,
    Pending,
    Expired,
}

/// Which accounts of an asset somebody is granted, by all grants together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) all: bool,
    pub(crate) ids: BTreeSet<String>,
    pub(crate) login_names: BTreeSet<String>,
}

impl Resource for Grant {
    const KIND: ResourceKind = ResourceKind::Grant;

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

impl Grant {
    /// Whether it gives anything at a moment.
    pub(crate) fn state(&self, now: Timestamp) -> GrantState {
        if !self.enabled {
            GrantState::Disabled
        } else if self.end.is_some_and(|end| end <= now) {
            GrantState::Expired
        } else if self.start.is_some_and(|start| now < start) {
            GrantState::Pending
        } else {
            GrantState::Active
        }
    }

    /// What it names, and in which fields of a request.
    pub(crate) fn names(&self) -> Vec<(&'static str, Reference)> {
        let of = |kind, id: &String| Reference { kind, id: id.clone() };
        let mut names = Vec::new();
        names.extend(self.users.iter().map(|id| ("grant.bastion_users", of(ResourceKind::User, id))));
        names.extend(self.user_groups.iter().map(|id| ("grant.user_groups", of(ResourceKind::UserGroup, id))));
        names.extend(self.asset_groups.keys().map(|id| ("grant.asset_groups", of(ResourceKind::AssetGroup, id))));
        for (asset, accounts) in &self.assets {
            names.push(("grant.assets", of(ResourceKind::Asset, asset)));
            if let Accounts::Some(ids) = accounts {
                let account = |id: &String| Reference { kind: ResourceKind::AssetAccount, id: format!("{asset}/{id}") };
                names.extend(ids.iter().map(|id| ("grant.assets", account(id))));
            }
        }
        names
    }
}

impl Granted {
    /// Whether it has an account of the asset.
    pub(crate) fn has(&self, id: &str, login_name: &str) -> bool {
        self.all || self.ids.contains(id) || self.login_names.contains(login_name)
    }

    fn add(&mut self, accounts: &Accounts, by_login_name: bool) {
        match accounts {
            Accounts::All => self.all = true,
            Accounts::Some(some) if by_login_name => self.login_names.extend(some.iter().cloned()),
            Accounts::Some(some) => self.ids.extend(some.iter().cloned()),
        }
    }
}

/// What these grants give at a moment, by the ids of assets. They are those of one user and its groups; `within` has the
/// assets of each group that any of them names.
pub(crate) fn granted<'a>(
    grants: impl IntoIterator<Item = &'a Grant>,
    within: &BTreeMap<String, BTreeSet<String>>,
    now: Timestamp,
) -> BTreeMap<String, Granted> {
    let mut granted: BTreeMap<String, Granted> = BTreeMap::new();
    for grant in grants.into_iter().filter(|grant| grant.state(now) == GrantState::Active) {
        for (asset, accounts) in &grant.assets {
            granted.entry(asset.clone()).or_default().add(accounts, false);
        }
        for (group, accounts) in &grant.asset_groups {
            for asset in within.get(group).into_iter().flatten() {
                granted.entry(asset.clone()).or_default().add(accounts, true);
            }
        }
    }
    granted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bastion::domain::Home;

    fn grant(assets: &[(&str, &[&str])], groups: &[(&str, Option<&[&str]>)]) -> Grant {
        let some = |ids: &[&str]| Accounts::Some(ids.iter().map(|id| (*id).to_owned()).collect());
        Grant {
            meta: Meta::new(Home::within("rd-0000000000001".parse().unwrap(), "main"), "g", "a", Timestamp::default()),
            display_name: String::new(),
            comment: String::new(),
            users: BTreeSet::new(),
            user_groups: BTreeSet::new(),
            assets: assets.iter().map(|(id, accounts)| ((*id).to_owned(), some(accounts))).collect(),
            asset_groups: groups
                .iter()
                .map(|(id, accounts)| ((*id).to_owned(), accounts.map_or(Accounts::All, some)))
                .collect(),
            start: None,
            end: None,
            enabled: true,
        }
    }

    #[test]
    fn a_grant_gives_something_while_it_is_enabled_and_its_time_is_there() {
        let at = Timestamp::from_micros;
        for (enabled, start, end, state) in [
            (true, None, None, GrantState::Active),
            (false, None, None, GrantState::Disabled),
            (true, Some(11), None, GrantState::Pending),
            (true, Some(10), Some(11), GrantState::Active),
            (true, None, Some(10), GrantState::Expired),
            (false, None, Some(10), GrantState::Disabled),
        ] {
            let grant = Grant { enabled, start: start.map(at), end: end.map(at), ..grant(&[], &[]) };
            assert_eq!(grant.state(at(10)), state, "{start:?} {end:?}");
        }
    }

    #[test]
    fn grants_add_up_and_none_takes_away() {
        let within = BTreeMap::from([("shop".to_owned(), BTreeSet::from(["web".to_owned(), "db".to_owned()]))]);
        let now = Timestamp::default();
        let grants = [
            grant(&[("web", &["root"]), ("alone", &[])], &[]),
            grant(&[("web", &["deploy"])], &[("shop", Some(&["admin"])), ("gone", None)]),
            Grant { enabled: false, ..grant(&[], &[("shop", None)]) },
        ];
        let all = granted(&grants, &within, now);
        assert_eq!(all.keys().collect::<Vec<_>>(), ["alone", "db", "web"]);
        let web = &all["web"];
        assert!(web.has("root", "x") && web.has("deploy", "x") && web.has("x", "admin") && !web.has("x", "root"));
        assert!(!all["alone"].has("root", "root"), "the asset, and no account of it");
        assert!(all["db"].has("x", "admin") && !all["db"].has("root", "root"));
        let everything = granted(&[grant(&[], &[("shop", None)])], &within, now);
        assert!(everything["db"].has("any", "thing"));
    }
}
