//! The folders of a directory as a tree, for those who follow the facts of it.

use std::collections::{BTreeMap, BTreeSet};

/// Of folders (id, and id of the folder it is in; empty for the root folder), those of `roots` and all below them. A root
/// that is not among the folders has nothing below it and is left out: it was deleted. Cycles, which no directory has, end.
pub fn subtree<'a>(
    folders: impl IntoIterator<Item = (&'a str, &'a str)>,
    roots: impl IntoIterator<Item = &'a str>,
) -> BTreeSet<&'a str> {
    let mut known = BTreeSet::new();
    let mut children: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (folder, parent) in folders {
        known.insert(folder);
        children.entry(parent).or_default().push(folder);
    }
    let mut open: Vec<_> = roots.into_iter().filter(|root| known.contains(root)).collect();
    let mut found = BTreeSet::new();
    while let Some(folder) = open.pop() {
        if found.insert(folder) {
            open.extend(children.get(folder).into_iter().flatten());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subtree_is_the_folder_and_all_below_it() {
        let folders = [("r", ""), ("a", "r"), ("b", "a"), ("c", "a"), ("d", "r"), ("x", "y"), ("y", "x")];
        for (roots, expected) in [
            (&["a"][..], &["a", "b", "c"][..]),
            (&["b"], &["b"]),
            (&["b", "d"], &["b", "d"]),
            (&["b", "a"], &["a", "b", "c"]),
            (&["r"], &["a", "b", "c", "d", "r"]),
            (&["gone"], &[]),
            (&["gone", "d"], &["d"]),
            (&[], &[]),
            (&["x"], &["x", "y"]),
            (&[""], &[]),
        ] {
            let found: Vec<_> = subtree(folders, roots.iter().copied()).into_iter().collect();
            assert_eq!(found, expected, "{roots:?}");
        }
    }
}
