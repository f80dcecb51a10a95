//! Users and groups.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Meta, Resource, ResourceKind};

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SaseUser {
    pub(crate) meta: Meta,
    pub(crate) display_name: String,
    /// Name of the RAM user; empty for one entered by hand.
    pub(crate) ram_user: String,
    /// `key=value`, ascending.
    pub(crate) attributes: Vec<String>,
    pub(crate) disabled: bool,
}

/// A group of users and of groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UserGroup {
    pub(crate) meta: Meta,
    pub(crate) display_name: String,
    /// Ids.
    pub(crate) users: BTreeSet<String>,
    /// Ids.
    pub(crate) groups: BTreeSet<String>,
}

impl Resource for SaseUser {
    const KIND: ResourceKind = ResourceKind::SaseUser;

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta
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
}

/// Whether a group contains itself, by what each group contains.
pub(crate) fn cycle_from(group: &str, contains: &BTreeMap<String, BTreeSet<String>>) -> bool {
    let mut open: Vec<&str> = contains.get(group).into_iter().flatten().map(String::as_str).collect();
    let mut seen = BTreeSet::new();
    while let Some(next) = open.pop() {
        if next == group {
            return true;
        }
        if seen.insert(next) {
            open.extend(contains.get(next).into_iter().flatten().map(String::as_str));
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_contains_itself_is_seen() {
        let graph = |edges: &[(&str, &str)]| {
            let mut graph = BTreeMap::<String, BTreeSet<String>>::new();
            for (from, to) in edges {
                graph.entry((*from).to_owned()).or_default().insert((*to).to_owned());
            }
            graph
        };
        for (edges, cycle) in [
            (&[("a", "b"), ("b", "c")][..], false),
            (&[("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")], false),
            (&[("a", "a")], true),
            (&[("a", "b"), ("b", "c"), ("c", "a")], true),
            (&[("a", "b"), ("b", "c"), ("c", "b")], false),
        ] {
            assert_eq!(cycle_from("a", &graph(edges)), cycle, "{edges:?}");
        }
    }
}
