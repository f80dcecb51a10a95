//! Directory's database is restored from a backup, under delegation and those who follow it.

use std::collections::BTreeMap;

use bailiwick_api::{
    delegation::v1::FactChange,
    r#type::v1::{AccessFact, AccessFactChange, access_fact::Kind},
};
use bailiwick_core::{DirectoryId, IdentityName, Role, SystemEntropy};
use prost::Message;

use super::{
    fake_directory::account_fact,
    world::{account, worlds},
};
use crate::store;

type State = BTreeMap<String, AccessFact>;

fn state(facts: Vec<AccessFact>) -> State {
    facts.into_iter().map(|fact| (fact.key(), fact)).collect()
}

/// What a watcher has after some changes, which must be gapless.
fn after(mut state: State, mut reached: i64, changes: &[FactChange]) -> State {
    for change in changes {
        reached += 1;
        assert_eq!(change.position.as_ref().unwrap().revision, reached);
        for change in &change.changes {
            let fact = change.fact.clone().unwrap();
            if change.removed { drop(state.remove(&fact.key())) } else { drop(state.insert(fact.key(), fact)) }
        }
    }
    state
}

/// The accounts that facts of a kind are about.
fn accounts(state: &State, kind: &str) -> Vec<String> {
    let of_kind = state.keys().filter(|key| key.starts_with(kind));
    of_kind.filter_map(|key| key.split(' ').next_back()).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_directory_says_after_a_restore_replaces_what_was_mirrored() {
    for world in worlds().await {
        for number in 2..=4 {
            world.directory.join(world.at, account(number), "i1").await;
        }
        world.directory.identity(&IdentityName::root(account(2))).await;
        world.enable("sase").await;
        world.designate("sase", account(2)).await.unwrap();
        world.enrol(Role::SasePolicy, "sase", &[account(3), account(4)]).await.unwrap();
        let backup = world.directory.backup().await;
        world.mirrored().await;
        let before = state(world.watch(None).await.list().await.0);

        // A member comes and is used; another leaves, joins again and is used again; a directory is made; all of it will
        // be lost.
        world.directory.join(world.at, account(5), "i1").await;
        world.designate("sase", account(5)).await.unwrap();
        world.directory.leave(account(4)).await;
        world.directory.join(world.at, account(4), "i2").await;
        world.enrol(Role::SasePolicy, "sase", &[account(4), account(5)]).await.unwrap();
        world.directory.directory(DirectoryId::random(&SystemEntropy), account(6)).await;
        world.directory.identity(&IdentityName::root(account(5))).await;
        world.mirrored().await;
        let mut watcher = world.watch(None).await;
        let (listed, end) = watcher.list().await;

        world.directory.restore(&backup).await;
        world.resynced().await;
        let head = world.directory.head().await;
        let (changes, pong) = watcher.catch_up().await;
        let seen = after(state(listed), end.position.unwrap().revision, &changes);
        // The enrolment of account 4 ended with its first membership, which is back; it was not enrolled anew.
        let mut expected = before.clone();
        expected.retain(|key, _| !(key.starts_with("enrolment") && key.ends_with(&account(4).name())));
        assert_eq!(seen, expected);
        assert_eq!((changes.last().unwrap().upstream.as_ref(), pong.upstream.as_ref()), (Some(&head), Some(&head)));
        let (later, later_end) = world.watch(None).await.list().await;
        assert_eq!((state(later), later_end.upstream), (expected, Some(head)));

        // Tables follow the facts, and life goes on.
        assert_eq!(accounts(&seen, "delegation"), [account(2).name()]);
        let designated: Vec<_> = world.designated("sase").await.into_iter().map(|of| of.account).collect();
        assert_eq!(designated, [account(2).name()]);
        world.reconcile().await;
        let claims: Vec<_> =
            world.directory.claims().into_iter().map(|(kind, _, _, account)| (kind, account)).collect();
        let of = |kind: &str, number| (kind.to_owned(), account(number).name());
        assert_eq!(claims, [of("designation", 2), of("enrolment", 3)], "claims that were lost are placed again");
        world.enrol(Role::SasePolicy, "sase", &[account(4)]).await.unwrap();
        world.directory.leave(account(3)).await;
        world.mirrored().await;
        let last = state(world.watch(None).await.list().await.0);
        assert_eq!(accounts(&last, "enrolment"), [account(4).name()]);
    }
}

/// What is known of folders, and of the members in them, is what directory says now.
#[tokio::test(flavor = "multi_thread")]
async fn folders_are_those_of_the_restored_directory() {
    for world in worlds().await {
        for (folder, parent) in [("r", ""), ("sales", "r"), ("west", "sales"), ("lost", "r")] {
            world.directory.folder(world.at, folder, parent).await;
        }
        world.directory.delete_folder(world.at, "lost").await;
        world.directory.join(world.at, account(2), "i1").await;
        world.directory.place_member(account(2), "west", false).await;
        let backup = world.directory.backup().await;
        world.mirrored().await;
        let before = state(world.watch(None).await.list().await.0);

        world.directory.folder(world.at, "west", "r").await;
        world.directory.folder(world.at, "new", "sales").await;
        world.directory.place_member(account(2), "new", true).await;
        world.directory.delete_folder(world.at, "sales").await;
        world.mirrored().await;
        let known = async || {
            let folders = store::folders::of_directory(world.app.db.reader(), world.at).await.unwrap();
            folders.into_iter().map(|folder| (folder.id, folder.parent)).collect::<BTreeMap<_, _>>()
        };
        let folders = |folders: &[(&str, &str)]| -> BTreeMap<String, String> {
            folders.iter().map(|(id, parent)| ((*id).to_owned(), (*parent).to_owned())).collect()
        };
        assert_eq!(known().await, folders(&[("new", "sales"), ("r", ""), ("west", "r")]));

        world.directory.restore(&backup).await;
        world.resynced().await;
        assert_eq!(known().await, folders(&[("r", ""), ("sales", "r"), ("west", "sales")]));
        let members = store::members::find(world.app.db.reader(), &[account(2)]).await.unwrap();
        assert_eq!((members[0].folder.as_str(), members[0].suspended), ("west", false));
        assert_eq!(state(world.watch(None).await.list().await.0), before);
    }
}

/// Nothing was lost: everybody learns of the new epoch all the same, by which old tokens are told.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_lost_nothing_is_a_change_as_well() {
    for world in worlds().await {
        let mut watcher = world.watch(None).await;
        let (_, end) = watcher.list().await;
        world.directory.restore(&world.directory.backup().await).await;
        world.resynced().await;
        let (changes, _) = watcher.catch_up().await;
        assert_eq!(changes.len(), 1);
        let head = world.directory.head().await;
        assert!(changes[0].changes.is_empty() && changes[0].upstream == Some(head.clone()));
        assert_ne!(end.upstream.unwrap().epoch, head.epoch);
    }
}

/// What does not fit into one revision is of no epoch until it is complete.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_difference_decides_nothing_before_its_end() {
    for world in worlds().await {
        let name = async |name: &str| {
            for start in [100, 1_100, 2_100] {
                let named = (start..start + 1_000).map(|number| {
                    let mut fact = account_fact(account(number), None);
                    if let Some(Kind::Account(of)) = fact.fact.as_mut().and_then(|fact| fact.kind.as_mut()) {
                        of.display_name = name.to_owned();
                    }
                    fact
                });
                world.directory.commit(named.collect::<Vec<AccessFactChange>>()).await;
            }
        };
        name(&"n".repeat(1_000)).await;
        let backup = world.directory.backup().await;
        name("renamed").await;
        world.mirrored().await;
        let before = world.app.db.head().await.unwrap().revision;
        let mut watcher = world.watch(None).await;
        let (listed, end) = watcher.list().await;
        world.directory.restore(&backup).await;
        world.resynced().await;
        let (changes, _) = watcher.catch_up().await;
        let epochs: Vec<_> = changes.iter().map(|change| change.upstream.clone().unwrap().epoch).collect();
        let epoch = world.directory.head().await.epoch;
        assert_eq!(epochs, [String::new(), String::new(), epoch]);
        let seen = after(state(listed), end.position.unwrap().revision, &changes);
        assert_eq!(seen.values().filter(|fact| fact.encoded_len() > 1_000).count(), 3_000);
        assert_eq!(world.app.db.head().await.unwrap().revision, before + 3);
    }
}
