//! Members whose deletion is due and that have not been ended: they are over for whoever asks.

use std::time::Duration;

use bailiwick_core::{TrustedService, authz::Facts};
use bailiwick_db::{DbError, Tx};
use sea_orm::ConnectionTrait;

use super::{deletion::deletion, races::check_invariants, *};
use crate::{
    app::{ListAttachments, NewControlPolicy},
    domain::{
        Error as Refusal,
        claim::Strength,
        control_policy::{FULL_ACCESS_DOCUMENT, Node},
        directory::Switches,
    },
    store,
};

const DAY: Duration = Duration::from_hours(24);

/// Makes a row such that the member cannot be ended, or can again.
async fn put_service(world: &World, of: AccountId, service: &str) {
    let sql = &format!("UPDATE service_linked_roles SET trusted_service = '{service}' WHERE account = {of}");
    let work = move |tx: Tx| async move {
        assert!(tx.conn().execute_unprepared(sql).await?.rows_affected() > 0);
        Ok::<_, DbError>(())
    };
    world.app.db.write("test", work).await.unwrap();
}

async fn policy(world: &World, by: AccountId, of: DirectoryId, on: AccountId) {
    let call = world.root(by, "ControlPolicyService/CreateControlPolicy", &of.name()).await;
    let new =
        NewControlPolicy { id: "p".to_owned(), description: String::new(), document: FULL_ACCESS_DOCUMENT.to_owned() };
    world.app.control_policy_create(&call, &change(), of, new).await.unwrap();
    let name = domain::control_policy::name(of, "p");
    let call = world.root(by, "ControlPolicyService/AttachControlPolicy", &name).await;
    world.app.control_policy_attach(&call, &change(), (of, "p"), Node::Member(on)).await.unwrap();
}

// covers: E-DIR-20
#[tokio::test]
async fn a_member_that_cannot_be_ended_keeps_nobody_from_anything() {
    let limits = Limits { members_max: 2, ..Limits::default() };
    for world in worlds_with(limits).await {
        let (by, directory) = world.directory("Acme").await;
        world.allow_deletion(directory).await;
        let broken = world.member(by, directory, "broken").await.unwrap().membership.account;
        let whole = world.member(by, directory, "whole").await.unwrap().membership.account;
        let folder = world.folder(by, directory, "root", "a").await.unwrap();
        for id in [broken, whole] {
            world.move_member(by, directory, id, &folder).await.unwrap();
        }
        policy(&world, by, directory, broken).await;
        world.claim(directory, broken, TrustedService::Sase, Strength::Informative).await.unwrap();
        world.delete(by, directory, broken, &deletion(&["enrolment/sase"], 45)).await.unwrap();
        world.delete(by, directory, whole, &deletion(&[], 45)).await.unwrap();
        world.clock.advance(45 * DAY);
        put_service(&world, broken, "nope").await;

        // Nobody has come by yet. Its place, its name, its folder and its policy are free.
        let claimed = world.claim(directory, broken, TrustedService::Sase, Strength::Informative).await;
        assert_eq!(refused(claimed), Refusal::AccountNotInDirectory(broken), "{}", world.engine);
        let new = world.member(by, directory, "broken").await.unwrap().membership.account;
        let mut names: Vec<_> = world.members(by, directory).await;
        assert_eq!(names.remove(0).membership.display_name, "broken", "{}", world.engine);
        assert!(names.is_empty());
        let call = world.root(by, "FolderService/DeleteFolder", &domain::folder::name(directory, &folder)).await;
        world.app.folder_delete(&call, &change(), (directory, &folder), "").await.unwrap();
        let name = domain::control_policy::name(directory, "p");
        let call = world.root(by, "ControlPolicyService/GetControlPolicy", &name).await;
        assert_eq!(world.app.control_policy_get(&call, directory, "p").await.unwrap().attachments, 0);
        let call = world.root(by, "ControlPolicyService/ListControlPolicyAttachments", &name).await;
        let which = ListAttachments::OfPolicy("p".to_owned());
        let listed = world.app.control_policy_attachments(&call, directory, &which, &first(10)).await.unwrap();
        assert_eq!(listed.items, [], "{}", world.engine);
        let call = world.root(by, "ControlPolicyService/DeleteControlPolicy", &name).await;
        world.app.control_policy_delete(&call, &change(), (directory, "p"), "").await.unwrap();
        let call = world.root(by, "DirectoryService/UpdateDirectory", &directory.name()).await;
        world.app.directory_update(&call, &change(), directory, Switches::default(), "").await.unwrap();
        let invited = world.account("guest", Some("Acme")).await;
        world.invite(by, directory, invited).await.unwrap();
        let again = refused(world.invite(by, directory, whole).await);
        let stranger = refused(world.invite(by, directory, "1999999999999999".parse().unwrap()).await);
        assert_eq!(
            again.to_string().replace(&whole.to_string(), "x"),
            stranger.to_string().replace("1999999999999999", "x")
        );

        // The sweeper ends the other, and says nothing of the one that it cannot end.
        world.app.sweep().await.unwrap();
        world.app.sweep().await.unwrap();
        let facts = world.facts().await;
        assert!(facts.account(whole).is_none(), "{}", world.engine);
        assert!(facts.account(broken).unwrap().suspended, "{}", world.engine);
        let due = store::member::due(world.app.db.reader(), Some(directory), world.app.now(), 10).await.unwrap();
        assert_eq!(due, [(directory, broken)], "{}", world.engine);

        // What is left of it keeps its directory, and nothing else, until it can be ended.
        world.delete(by, directory, new, &deletion(&[], 0)).await.unwrap();
        let delete = world.root(by, "DirectoryService/DeleteDirectory", &directory.name()).await;
        world.clock.advance(60 * DAY);
        let refusal = refused(world.app.directory_delete(&delete, &change(), directory, "").await);
        assert_eq!(refusal, Refusal::DirectoryHasMembers { members: 1 }, "{}", world.engine);
        put_service(&world, broken, "sase").await;
        check_invariants(&world).await;
        world.app.directory_delete(&delete, &change(), directory, "").await.unwrap();
        assert!(world.facts().await.account(broken).is_none(), "{}", world.engine);
        check_invariants(&world).await;
    }
}

/// Each is ended in a transaction of its own, and a call ends so many at most.
#[tokio::test]
async fn members_are_ended_one_by_one_and_no_more_than_asked_for() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        world.allow_deletion(directory).await;
        for name in ["one", "two", "three"] {
            let id = world.member(by, directory, name).await.unwrap().membership.account;
            world.delete(by, directory, id, &deletion(&[], 1)).await.unwrap();
        }
        world.clock.advance(DAY);
        let before = world.app.db.head().await.unwrap();
        let left = async || {
            store::member::due(world.app.db.reader(), Some(directory), world.app.now(), 10).await.unwrap().len()
        };
        world.app.end_due(Some(directory), 2).await.unwrap();
        assert_eq!(left().await, 1, "{}", world.engine);
        world.app.end_due(None, 2).await.unwrap();
        assert_eq!(left().await, 0);
        let made = world.app.db.changes_after(before.revision, 10).await.unwrap();
        assert_eq!(made.len(), 3, "{}", world.engine);
        check_invariants(&world).await;
    }
}
