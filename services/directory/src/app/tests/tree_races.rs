use std::future::Future;

use tokio::task::JoinSet;

use super::*;
use crate::domain::{
    Error as Refusal,
    control_policy::{FULL_ACCESS, Node, name as policy_name},
    folder::name,
};

const ROUNDS: usize = 6;
const TASKS: usize = 8;

/// What came of calls that were made at once.
async fn at_once(calls: Vec<impl Future<Output = Result<(), Error>> + Send + 'static>) -> (usize, Vec<Refusal>) {
    let mut tasks = JoinSet::new();
    for call in calls {
        tasks.spawn(call);
    }
    let (mut done, mut refusals) = (0, Vec::new());
    while let Some(result) = tasks.join_next().await {
        match result.unwrap() {
            Ok(()) => done += 1,
            refusal => refusals.push(refused(refusal)),
        }
    }
    (done, refusals)
}

// covers: E-DIR-12
#[tokio::test(flavor = "multi_thread")]
async fn of_moving_into_a_folder_and_deleting_it_one_wins() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let member = world.member(by, directory, "payments").await.unwrap().membership;
        let into = world.root(by, "MemberService/MoveMember", &member.name()).await;
        for round in 0..ROUNDS {
            let folder = world.folder(by, directory, "root", &format!("f{round}")).await.unwrap();
            let delete = world.root(by, "FolderService/DeleteFolder", &name(directory, &folder)).await;
            let mut tasks = JoinSet::new();
            for task in 0..TASKS {
                let (app, into, delete) = (world.app.clone(), into.clone(), delete.clone());
                let (folder, target) = (folder.clone(), (directory, member.account));
                tasks.spawn(async move {
                    if task % 2 == 0 {
                        (true, app.member_move(&into, &change(), target, (None, &folder), "").await.map(drop))
                    } else {
                        (false, app.folder_delete(&delete, &change(), (directory, &folder), "").await.map(drop))
                    }
                });
            }
            let mut won = Vec::new();
            while let Some(result) = tasks.join_next().await {
                match result.unwrap() {
                    (moved, Ok(())) => won.push(moved),
                    (_, refusal) => assert!(matches!(
                        refused(refusal),
                        Refusal::NotFound(_) | Refusal::FolderHasMembers(_) | Refusal::AlreadyInFolder(_)
                    )),
                }
            }
            assert_eq!(won.len(), 1, "{}: {won:?}", world.engine);
            let now = world.members(by, directory).await.remove(0).membership.folder;
            assert_eq!(now == folder, won[0], "{}", world.engine);
            if won[0] {
                world.move_member(by, directory, member.account, "root").await.unwrap();
            }
        }
    }
}

// covers: E-DIR-02, E-DIR-11
#[tokio::test(flavor = "multi_thread")]
async fn folders_made_at_once_neither_exceed_the_quota_nor_share_a_name() {
    for world in worlds_with(Limits { folders_max: 3, ..Limits::default() }).await {
        for round in 0..ROUNDS {
            let (by, directory) = world.directory(&format!("Acme {round}")).await;
            let call = world.root(by, "FolderService/CreateFolder", &name(directory, "root")).await;
            let create = |display_name: String| {
                let (app, call) = (world.app.clone(), call.clone());
                async move { app.folder_create(&call, &change(), directory, "root", &display_name).await.map(drop) }
            };
            let (done, refusals) = at_once((0..TASKS).map(|_| create("same".to_owned())).collect()).await;
            assert_eq!(done, 1, "{}", world.engine);
            assert!(refusals.iter().all(|r| *r == Refusal::FolderNameUsed("same".to_owned())), "{refusals:?}");
            let (done, refusals) = at_once((0..TASKS).map(|n| create(format!("f{n}"))).collect()).await;
            assert_eq!(done, 2, "{}", world.engine);
            assert!(refusals.iter().all(|r| *r == Refusal::FolderQuotaExceeded { limit: 3 }), "{refusals:?}");
        }
    }
}

// covers: E-DIR-26
#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_detached_at_once_one_policy_stays() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        control_policies::create(&world, by, directory, "one").await.unwrap();
        let attach = world.root(by, "ControlPolicyService/AttachControlPolicy", &policy_name(directory, "one")).await;
        let detach = world.root(by, "ControlPolicyService/DetachControlPolicy", &policy_name(directory, "one")).await;
        for round in 0..ROUNDS {
            let folder = world.folder(by, directory, "root", &format!("f{round}")).await.unwrap();
            let node = Node::Folder(folder.clone());
            let mut tasks = JoinSet::new();
            for task in 0..TASKS {
                let (app, attach, detach, node) = (world.app.clone(), attach.clone(), detach.clone(), node.clone());
                tasks.spawn(async move {
                    match task % 3 {
                        0 => app.control_policy_attach(&attach, &change(), (directory, "one"), node).await.map(drop),
                        1 => app.control_policy_detach(&detach, &change(), (directory, "one"), node).await.map(drop),
                        _ => app
                            .control_policy_detach(&detach, &change(), (directory, FULL_ACCESS), node)
                            .await
                            .map(drop),
                    }
                });
            }
            while let Some(result) = tasks.join_next().await {
                if let Err(Error::Domain(refusal)) = result.unwrap() {
                    assert!(
                        matches!(
                            refusal,
                            Refusal::LastControlPolicy(_)
                                | Refusal::ControlPolicyNotAttached { .. }
                                | Refusal::ControlPolicyAttached { .. }
                        ),
                        "{}: {refusal:?}",
                        world.engine
                    );
                }
            }
            let tree = world.app.tree(directory).await.unwrap();
            let attached = &tree.find(directory, &folder).unwrap().control_policies;
            assert!((1..=2).contains(&attached.len()), "{}: {attached:?}", world.engine);
        }
    }
}

// covers: E-DIR-01
#[tokio::test(flavor = "multi_thread")]
async fn moves_made_at_once_make_no_cycle() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        for round in 0..ROUNDS {
            let mut folders = Vec::new();
            for n in 0..4 {
                folders.push(world.folder(by, directory, "root", &format!("f{round}-{n}")).await.unwrap());
            }
            let call = world.root(by, "FolderService/MoveFolder", &name(directory, &folders[0])).await;
            let into = |from: usize, to: usize| {
                let (app, call) = (world.app.clone(), call.clone());
                let (from, to) = (folders[from].clone(), folders[to].clone());
                async move { app.folder_move(&call, &change(), (directory, &from), &to, "").await.map(drop) }
            };
            // Each into the next: all of them would make a ring.
            let (done, refusals) = at_once((0..4).map(|n| into(n, (n + 1) % 4)).collect()).await;
            assert_eq!((done, refusals.len()), (3, 1), "{}: {refusals:?}", world.engine);
            assert!(matches!(refusals[0], Refusal::FolderCycle(_)), "{}: {refusals:?}", world.engine);
            let tree = world.app.tree(directory).await.unwrap();
            for folder in tree.folders().filter(|folder| folder.parent.is_some()) {
                assert_eq!(tree.path(folder)[0].id, "root", "{}", world.engine);
            }
        }
    }
}
