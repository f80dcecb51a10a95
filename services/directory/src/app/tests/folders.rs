use bailiwick_api::r#type::v1::{AccessFactChange, access_fact::Kind};

use super::{
    super::{ListFolders, scope::Scope},
    *,
};
use crate::domain::{Error as Refusal, folder::name};

/// The folder in the last change: its name, its parent, and whether it is gone.
async fn last_fact(world: &World) -> (String, String, bool) {
    let AccessFactChange { fact, removed } = world.last_change().await.facts.pop().unwrap();
    let Some(Kind::Folder(fact)) = fact.unwrap().kind else { panic!("no folder") };
    (fact.folder, fact.parent, removed)
}

async fn call(world: &World, by: AccountId, method: &str, of: DirectoryId, folder: &str) -> Call {
    world.root(by, &format!("FolderService/{method}"), &name(of, folder)).await
}

// covers: R-DIR-06, R-DIR-07, E-DIR-01, E-DIR-02, E-DIR-11, E-DIR-12, E-DIR-13, E-GW-07
#[tokio::test]
async fn folders_are_made_renamed_moved_and_deleted_with_their_facts() {
    let limits = Limits { folders_max: 4, folder_depth_max: 3, ..Limits::default() };
    for world in worlds_with(limits).await {
        let (by, directory) = world.directory("Acme").await;
        assert_eq!(last_fact(&world).await, (name(directory, "root"), String::new(), false), "{}", world.engine);
        let a = world.folder(by, directory, "root", "a").await.unwrap();
        assert_eq!(last_fact(&world).await, (name(directory, &a), name(directory, "root"), false));
        assert!(a.starts_with("fd-"));
        let b = world.folder(by, directory, &a, "b").await.unwrap();
        let c = world.folder(by, directory, &b, "a").await.unwrap();
        let deep = refused(world.folder(by, directory, &c, "d").await);
        assert_eq!(deep, Refusal::FolderDepthExceeded { limit: 3 }, "{}", world.engine);
        let used = refused(world.folder(by, directory, "root", "a").await);
        assert_eq!(used, Refusal::FolderNameUsed("a".to_owned()));
        let d = world.folder(by, directory, "root", "d").await.unwrap();
        let full = refused(world.folder(by, directory, "root", "e").await);
        assert_eq!(full, Refusal::FolderQuotaExceeded { limit: 4 });
        let nowhere = refused(world.folder(by, directory, "fd-none", "e").await);
        assert_eq!(nowhere, Refusal::NotFound(name(directory, "fd-none")));

        let get = call(&world, by, "GetFolder", directory, &c).await;
        assert_eq!(world.app.folder_get(&get, directory, &c).await.unwrap().depth, 3);
        let rename = call(&world, by, "UpdateFolder", directory, &c).await;
        let renamed = world.app.folder_rename(&rename, &change(), (directory, &c), Some("c"), "").await.unwrap().value;
        let stale = world.app.folder_get(&get, directory, &c).await.unwrap();
        assert_eq!(stale, renamed, "{}", world.engine);
        let mv = call(&world, by, "MoveFolder", directory, &b).await;
        let cycle = refused(world.app.folder_move(&mv, &change(), (directory, &b), &c, "").await);
        assert_eq!(cycle, Refusal::FolderCycle(name(directory, &b)));
        let old = world.app.folder_get(&get, directory, &b).await.unwrap().folder.etag();
        world.app.folder_move(&mv, &change(), (directory, &b), &d, &old).await.unwrap();
        assert_eq!(last_fact(&world).await, (name(directory, &b), name(directory, &d), false));
        let stale = refused(world.app.folder_move(&mv, &change(), (directory, &b), &a, &old).await);
        assert_eq!(stale, Refusal::EtagMismatch(name(directory, &b)));

        let delete = call(&world, by, "DeleteFolder", directory, &b).await;
        let parent = refused(world.app.folder_delete(&delete, &change(), (directory, &b), "").await);
        assert_eq!(parent, Refusal::FolderHasSubfolders(name(directory, &b)));
        let member = world.member(by, directory, "payments").await.unwrap().membership.account;
        world.move_member(by, directory, member, &c).await.unwrap();
        let used = refused(world.app.folder_delete(&delete, &change(), (directory, &c), "").await);
        assert_eq!(used, Refusal::FolderHasMembers(name(directory, &c)), "{}", world.engine);
        world.move_member(by, directory, member, "root").await.unwrap();
        world.app.folder_delete(&delete, &change(), (directory, &c), "").await.unwrap();
        assert!(last_fact(&world).await.2);
        assert!(matches!(refused(world.app.folder_get(&get, directory, &c).await), Refusal::NotFound(_)));
        let root = refused(world.app.folder_delete(&delete, &change(), (directory, "root"), "").await);
        assert_eq!(root, Refusal::RootFolderImmutable);
        let (_, elsewhere) = world.directory("Other").await;
        assert!(matches!(world.app.folder_get(&get, elsewhere, "root").await, Err(Error::Refused(_))));
    }
}

// covers: R-DIR-32, R-DIR-35, R-DEL-07
#[tokio::test]
async fn folders_are_listed_by_level_or_whole_and_within_what_is_seen() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let a = world.folder(by, directory, "root", "a").await.unwrap();
        let b = world.folder(by, directory, &a, "b").await.unwrap();
        let c = world.folder(by, directory, &b, "c").await.unwrap();
        let x = world.folder(by, directory, "root", "x").await.unwrap();
        let list = async |scope: &Scope, under: Option<&str>, recursive: bool| {
            let found = world.app.folders_in(directory, scope, ListFolders { under, recursive }).await?;
            let mut names: Vec<_> = found.into_iter().map(|view| view.folder.display_name).collect();
            names.sort();
            Ok::<_, Error>(names.join(" "))
        };
        let whole = Scope::Whole;
        assert_eq!(list(&whole, None, false).await.unwrap(), "Root", "{}", world.engine);
        assert_eq!(list(&whole, None, true).await.unwrap(), "Root a b c x");
        assert_eq!(list(&whole, Some("root"), false).await.unwrap(), "a x");
        assert_eq!(list(&whole, Some(&a), true).await.unwrap(), "b c");
        let some = Scope::Folders(vec![b.clone(), x.clone()]);
        assert_eq!(list(&some, None, false).await.unwrap(), "b x");
        assert_eq!(list(&some, None, true).await.unwrap(), "b c x");
        assert_eq!(list(&some, Some(&b), false).await.unwrap(), "c");
        assert_eq!(refused(list(&some, Some(&a), false).await), Refusal::NotFound(name(directory, &a)));
        let above = async |scope: &Scope, folder: &str| {
            let found = world.app.folders_above(directory, scope, folder).await?;
            Ok::<_, Error>(found.into_iter().map(|view| view.folder.display_name).collect::<Vec<_>>())
        };
        assert_eq!(above(&whole, &c).await.unwrap(), ["Root", "a", "b"]);
        assert_eq!(above(&some, &c).await.unwrap(), ["b"]);
        for (folder, seen) in [("root", false), (&a, false), (&b, true), (&c, true)] {
            assert_eq!(world.app.folder_read(directory, &some, folder).await.is_ok(), seen, "{folder}");
        }

        let call = world.root(by, "FolderService/ListFolders", &directory.name()).await;
        let (mut seen, mut asked) = (Vec::new(), first(2));
        loop {
            let which = ListFolders { under: None, recursive: true };
            let page = world.app.folder_list(&call, directory, which, &asked).await.unwrap();
            seen.extend(page.items.into_iter().map(|view| view.folder.id));
            if page.next.is_empty() {
                break;
            }
            asked.token = page.next;
            let other = ListFolders { under: None, recursive: false };
            assert!(matches!(world.app.folder_list(&call, directory, other, &asked).await, Err(Error::PageToken(_))));
        }
        let mut all = vec![a, b, c.clone(), x, "root".to_owned()];
        all.sort();
        assert_eq!(seen, all, "{}", world.engine);
        let call = world.root(by, "FolderService/ListFolderAncestors", &name(directory, &c)).await;
        let page = world.app.folder_ancestors(&call, directory, &c, &first(2)).await.unwrap();
        let rest = PageRequest { size: 2, token: page.next };
        let rest = world.app.folder_ancestors(&call, directory, &c, &rest).await.unwrap();
        assert_eq!((page.items[0].depth, rest.items[0].depth, rest.next.as_str()), (0, 2, ""));
    }
}
