use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_micros(5);
const BOUNDS: Bounds = Bounds { folders_max: 100, depth_max: 5 };

fn directory() -> DirectoryId {
    "rd-0000000000001".parse().unwrap()
}

/// A tree of folders, each given with its parent and named as its id.
fn tree(folders: &[(&str, &str)]) -> Tree {
    let folder = |(id, parent): &(&str, &str)| {
        Folder::new(directory(), (*id).to_owned(), Some((*parent).to_owned()), (*id).to_owned(), NOW)
    };
    Tree::new(folders.iter().map(folder).chain([Folder::root(directory(), NOW)]))
}

/// Five levels, and one folder beside them.
fn deep() -> Tree {
    tree(&[("a", "root"), ("b", "a"), ("c", "b"), ("d", "c"), ("e", "d"), ("x", "root")])
}

fn at<'a>(tree: &'a Tree, id: &str) -> &'a Folder {
    tree.find(directory(), id).unwrap()
}

// covers: E-DIR-01, E-DIR-02, E-DIR-11
#[test]
fn folders_are_created_within_bounds_and_with_free_names() {
    let tree = deep();
    let create = |parent: &str, name: &str, bounds: Bounds| {
        tree.create(at(&tree, parent), "new".to_owned(), name.to_owned(), bounds, NOW).map(|new| new.parent)
    };
    assert_eq!(create("d", "n", BOUNDS), Ok(Some("d".to_owned())));
    assert_eq!(create("e", "n", BOUNDS), Err(Error::FolderDepthExceeded { limit: 5 }));
    assert_eq!(create("root", "a", BOUNDS), Err(Error::FolderNameUsed("a".to_owned())));
    assert!(create("a", "a", BOUNDS).is_ok(), "the name is used, but elsewhere");
    let full = Bounds { folders_max: 6, ..BOUNDS };
    assert_eq!(create("root", "n", full), Err(Error::FolderQuotaExceeded { limit: 6 }));
    assert!(create("root", "n", Bounds { folders_max: 7, ..BOUNDS }).is_ok());
    let new = tree.create(at(&tree, "x"), "new".to_owned(), "n".to_owned(), BOUNDS, NOW).unwrap();
    assert_eq!(new.control_policies, [FULL_ACCESS]);
}

// covers: E-DIR-01, E-DIR-11, E-DIR-13
#[test]
fn a_move_is_refused_where_the_tree_would_not_be_one() {
    let tree = deep();
    let moved = |id: &str, to: &str| tree.move_to(at(&tree, id), at(&tree, to), BOUNDS, "", NOW).map(|f| f.parent);
    assert_eq!(moved("b", "x"), Ok(Some("x".to_owned())), "its four levels fit below `x`");
    assert_eq!(moved("a", "x"), Err(Error::FolderDepthExceeded { limit: 5 }), "its five do not");
    assert_eq!(moved("x", "d"), Ok(Some("d".to_owned())));
    assert_eq!(moved("x", "e"), Err(Error::FolderDepthExceeded { limit: 5 }));
    for below in ["b", "c", "e"] {
        assert_eq!(moved("b", below), Err(Error::FolderCycle(at(&tree, "b").name())));
    }
    assert_eq!(moved("root", "x"), Err(Error::RootFolderImmutable));
    assert_eq!(moved("x", "root"), Err(Error::AlreadyInFolder(at(&tree, "root").name())));
    let twice = tree.rename(at(&tree, "b"), "x".to_owned(), "", NOW).unwrap();
    let tree = Tree::new(tree.folders().cloned().chain([twice]));
    let named = tree.move_to(at(&tree, "b"), at(&tree, "root"), BOUNDS, "", NOW);
    assert_eq!(named, Err(Error::FolderNameUsed("x".to_owned())));
}

// covers: E-DIR-12, E-DIR-13, E-GW-07
#[test]
fn only_empty_folders_but_the_root_go_and_only_with_their_etag() {
    let tree = deep();
    let delete = |id: &str, members, etag: &str| tree.delete(at(&tree, id), members, etag);
    assert_eq!(delete("e", 0, ""), Ok(()));
    assert_eq!(delete("e", 1, ""), Err(Error::FolderHasMembers(at(&tree, "e").name())));
    assert_eq!(delete("d", 0, ""), Err(Error::FolderHasSubfolders(at(&tree, "d").name())));
    assert_eq!(delete("root", 0, ""), Err(Error::RootFolderImmutable));
    assert_eq!(delete("e", 0, "stale"), Err(Error::EtagMismatch(at(&tree, "e").name())));
    assert_eq!(delete("e", 0, &at(&tree, "e").etag()), Ok(()));
    let renamed = tree.rename(at(&tree, "e"), "e".to_owned(), "", NOW).unwrap();
    assert_ne!(renamed.etag(), at(&tree, "e").etag());
    assert_eq!(tree.rename(at(&tree, "root"), "r".to_owned(), "", NOW), Err(Error::RootFolderImmutable));
}

#[test]
fn what_lies_above_and_below() {
    let tree = deep();
    let ids = |path: Vec<&Folder>| path.into_iter().map(|f| f.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(tree.path(at(&tree, "c"))), ["root", "a", "b"]);
    assert!(tree.path(at(&tree, "root")).is_empty());
    assert_eq!(tree.below("c"), ["c", "d", "e"].map(str::to_owned).into());
    assert_eq!(tree.below("root").len(), 7);
    assert_eq!(tree.view(at(&tree, "e")).depth, 5);
}

proptest! {
    // covers: E-DIR-01
    #[test]
    fn whatever_is_moved_the_tree_stays_one(
        moves in proptest::collection::vec((0usize..12, 0usize..12, 0usize..3), 0..80),
    ) {
        let mut tree = tree(&[]);
        for (what, to, how) in moves {
            let ids: Vec<String> = tree.folders().map(|f| f.id.clone()).collect();
            let (what, to) = (ids[what % ids.len()].clone(), ids[to % ids.len()].clone());
            let bounds = Bounds { folders_max: 8, depth_max: 3 };
            let made = match how {
                0 => tree.move_to(at(&tree, &what), at(&tree, &to), bounds, "", NOW),
                _ => {
                    let id = format!("f{}", ids.len());
                    tree.create(at(&tree, &to), id.clone(), id, bounds, NOW)
                }
            };
            if let Ok(made) = made {
                tree.0.insert(made.id.clone(), made);
            }
            for folder in tree.folders() {
                let path = tree.path(folder);
                prop_assert!(path.len() <= 3);
                prop_assert_eq!(path.first().map_or(folder.id.as_str(), |top| top.id.as_str()), ROOT_FOLDER);
            }
            prop_assert!(tree.folders().count() <= 9);
        }
    }
}
