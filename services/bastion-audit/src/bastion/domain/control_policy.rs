//! Control policies: what sessions that are granted may do (R-BAS-25).

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use bailiwick_conditions::{Cidr, TimeWindow};
use bailiwick_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Accounts, CommandPattern, Meta, ProtocolControl, Reference, Resource, ResourceKind};

/// A control policy of a bastion host. What it does not state it leaves to others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ControlPolicy {
    pub(crate) meta: Meta,
    pub(crate) display_name: String,
    pub(crate) comment: String,
    /// 1 to 100; 1 comes first (E-BAS-08).
    pub(crate) priority: u8,
    pub(crate) assets: AssetScope,
    pub(crate) users: UserScope,
    pub(crate) commands: Option<CommandControl>,
    /// Commands that wait for an approval (R-BAS-29); states nothing if empty.
    pub(crate) approved_commands: BTreeSet<CommandPattern>,
    pub(crate) protocols: Option<ProtocolControl>,
    /// When sessions may be (R-BAS-31); states nothing if empty.
    pub(crate) windows: BTreeSet<TimeWindow>,
    pub(crate) sources: Option<SourceControl>,
    /// Whether a session waits for an approval (R-BAS-33).
    pub(crate) session_approval: Option<bool>,
}

/// On which accounts of which assets (R-BAS-34, R-BAS-35, R-BAS-36).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AssetScope {
    All,
    Some {
        /// By the ids of the assets. Accounts are named by their ids.
        assets: BTreeMap<String, Accounts>,
        /// By the ids of the groups. Accounts are named by their login names.
        groups: BTreeMap<String, Accounts>,
    },
}

/// Of which users (R-BAS-37).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum UserScope {
    All,
    Some { users: BTreeSet<String>, groups: BTreeSet<String> },
}

/// What a list is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ListMode {
    /// What is refused; all else is left to others.
    Deny,
    /// All that is allowed.
    Allow,
}

/// What becomes of something, the gravest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Verdict {
    Allow,
    Approve,
    Reject,
}

/// Which commands run (R-BAS-28).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CommandControl {
    pub(crate) mode: ListMode,
    pub(crate) patterns: BTreeSet<CommandPattern>,
    /// What becomes of lines of which nobody can tell what they run.
    pub(crate) on_opaque: Option<Verdict>,
}

/// Where sessions may come from (R-BAS-32).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SourceControl {
    pub(crate) mode: ListMode,
    pub(crate) ranges: BTreeSet<Cidr>,
}

/// Whose session it is, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sitting {
    pub(crate) user: String,
    /// All that the user is in.
    pub(crate) user_groups: BTreeSet<String>,
    pub(crate) asset: String,
    /// All that the asset is in.
    pub(crate) asset_groups: BTreeSet<String>,
    /// The id of the account.
    pub(crate) account: String,
    pub(crate) login_name: String,
}

impl Resource for ControlPolicy {
    const KIND: ResourceKind = ResourceKind::ControlPolicy;

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

impl ControlPolicy {
    /// Whether it takes effect on a session.
    pub(crate) fn applies(&self, to: &Sitting) -> bool {
        let has = |accounts: &Accounts, one: &str| match accounts {
            Accounts::All => true,
            Accounts::Some(some) => some.contains(one),
        };
        let assets = match &self.assets {
            AssetScope::All => true,
            AssetScope::Some { assets, groups } => {
                let grouped = to.asset_groups.iter().filter_map(|group| groups.get(group));
                assets.get(&to.asset).is_some_and(|accounts| has(accounts, &to.account))
                    || grouped.into_iter().any(|accounts| has(accounts, &to.login_name))
            }
        };
        let users = match &self.users {
            UserScope::All => true,
            UserScope::Some { users, groups } => users.contains(&to.user) || !groups.is_disjoint(&to.user_groups),
        };
        assets && users
    }

    /// Ascends in the order in which policies decide (R-BAS-27): by priority, of equal ones the newest first (E-BAS-08).
    pub(crate) fn rank(&self) -> (u8, Reverse<Timestamp>, &str) {
        (self.priority, Reverse(self.meta.create_time), &self.meta.id)
    }

    /// Whether it states anything of commands.
    pub(crate) fn is_about_commands(&self) -> bool {
        self.commands.is_some() || !self.approved_commands.is_empty()
    }

    /// What becomes of a line of which nobody can tell what it runs, as far as it states that: where only listed commands
    /// may run it may not, elsewhere somebody looks at it.
    pub(crate) fn on_opaque(&self) -> Option<Verdict> {
        match &self.commands {
            Some(CommandControl { on_opaque: Some(stated), .. }) => Some(*stated),
            Some(CommandControl { mode: ListMode::Allow, .. }) => Some(Verdict::Reject),
            _ => self.is_about_commands().then_some(Verdict::Approve),
        }
    }

    /// What it names, and in which fields of a request.
    pub(crate) fn names(&self) -> Vec<(&'static str, Reference)> {
        let of = |kind, id: &String| Reference { kind, id: id.clone() };
        let mut names = Vec::new();
        if let UserScope::Some { users, groups } = &self.users {
            let field = "control_policy.user_scope.bastion_users";
            names.extend(users.iter().map(|id| (field, of(ResourceKind::User, id))));
            let field = "control_policy.user_scope.user_groups";
            names.extend(groups.iter().map(|id| (field, of(ResourceKind::UserGroup, id))));
        }
        if let AssetScope::Some { assets, groups } = &self.assets {
            let field = "control_policy.asset_scope.asset_groups";
            names.extend(groups.keys().map(|id| (field, of(ResourceKind::AssetGroup, id))));
            let field = "control_policy.asset_scope.assets";
            for (asset, accounts) in assets {
                names.push((field, of(ResourceKind::Asset, asset)));
                if let Accounts::Some(ids) = accounts {
                    let account = |id| Reference { kind: ResourceKind::AssetAccount, id: format!("{asset}/{id}") };
                    names.extend(ids.iter().map(|id| (field, account(id))));
                }
            }
        }
        names
    }
}
