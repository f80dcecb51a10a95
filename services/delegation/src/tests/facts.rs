use bailiwick_api::{delegation::v1::watch_facts_response::Event, r#type::v1::LogPosition};
use bailiwick_core::{
    IdentityName, Role, TrustedService,
    authz::{FactChange as CoreChange, Facts, Snapshot},
};

use super::world::{World, account, worlds};

/// The list is of one revision, the changes after it are gapless, and both together are what a later list says.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_and_its_changes_are_what_a_later_list_is() {
    for world in worlds().await {
        world.directory.identity(&IdentityName::root(account(2))).await;
        for number in 2..40 {
            world.directory.join(world.at, account(number), "i1").await;
        }
        world.mirrored().await;
        let mut watcher = world.watch(None).await;
        let (facts, end) = watcher.list().await;
        let first_other = facts.iter().position(|fact| !fact.key().starts_with("account")).unwrap();
        assert!(facts[first_other..].iter().all(|fact| !fact.key().starts_with("account")), "accounts come first");
        assert_eq!(end.upstream, Some(world.directory.head().await));
        world.enable("sase").await;
        world.designate("sase", account(2)).await.unwrap();
        world.enrol(Role::SasePolicy, "sase", &[account(3), account(4)]).await.unwrap();
        world.directory.commit(Vec::new()).await;
        world.directory.leave(account(4)).await;
        world.mirrored().await;
        let (changes, pong) = watcher.catch_up().await;
        let mut state: std::collections::BTreeMap<_, _> = facts.into_iter().map(|fact| (fact.key(), fact)).collect();
        let mut reached = end.position.unwrap().revision;
        for change in changes {
            reached += 1;
            assert_eq!(change.position.unwrap().revision, reached);
            for change in change.changes {
                let fact = change.fact.unwrap();
                if change.removed { drop(state.remove(&fact.key())) } else { drop(state.insert(fact.key(), fact)) }
            }
        }
        assert_eq!(pong.head.as_ref().unwrap().revision, reached);
        // The change without facts moved the cursor alone: the pong knows of it.
        assert_eq!(pong.upstream, Some(world.directory.head().await));
        let age = std::time::Duration::try_from(pong.upstream_age.unwrap()).unwrap();
        assert!(age < super::world::PATIENCE, "{age:?}");
        let (later, later_end) = world.watch(None).await.list().await;
        assert_eq!(later_end.position, pong.head);
        let later: std::collections::BTreeMap<_, _> = later.into_iter().map(|fact| (fact.key(), fact)).collect();
        assert_eq!(state, later);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_resumes_where_it_was_and_lists_where_it_cannot() {
    for world in worlds().await {
        world.directory.join(world.at, account(2), "i1").await;
        world.mirrored().await;
        let (_, end) = world.watch(None).await.list().await;
        let at = end.position.unwrap();
        world.enable("sase").await;
        world.designate("sase", account(2)).await.unwrap();
        let mut resumed = world.watch(Some(at.clone())).await;
        let (changes, _) = resumed.catch_up().await;
        let revisions: Vec<_> = changes.iter().map(|of| of.position.as_ref().unwrap().revision).collect();
        assert_eq!(revisions, [at.revision + 1, at.revision + 2]);
        let foreign = LogPosition { epoch: "other".to_owned(), ..at.clone() };
        assert!(matches!(world.watch(Some(foreign)).await.next().await, Event::List(_)));
        // Of a future that was lost without a new epoch, nobody can say what it was.
        let lost = LogPosition { revision: at.revision + 3, ..at };
        assert_eq!(world.watch(Some(lost)).await.ended().await.code(), tonic::Code::InvalidArgument);
    }
}

/// Two sources, one order: a designation is taken back, then an account joins. Nobody who watches ever sees the former
/// administrator together with the new member.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_ended_before_is_seen_ended_before() {
    for world in worlds().await {
        let (administrator, service) = (account(2), TrustedService::Sase);
        world.directory.join(world.at, administrator, "i1").await;
        world.enable("sase").await;
        world.mirrored().await;
        let mut watcher = world.watch(None).await;
        let (facts, end) = watcher.list().await;
        let mut snapshot = Snapshot::empty();
        let listed =
            facts.into_iter().map(|fact| bailiwick_api::r#type::v1::AccessFactChange::holds(fact.kind.unwrap()));
        snapshot.apply(end.position.unwrap().revision, listed.map(|change| change.to_core().unwrap()));
        for round in 0..10 {
            world.designate("sase", administrator).await.unwrap();
            world.undesignate("sase", administrator, "", false).await.unwrap();
            world.directory.join(world.at, account(100 + round), "i1").await;
            world.mirrored().await;
        }
        let mut joined = 0;
        for change in watcher.catch_up().await.0 {
            let changes: Vec<CoreChange> = change.changes.iter().map(|change| change.to_core().unwrap()).collect();
            snapshot.apply(change.position.unwrap().revision, changes);
            let members = (0..10).filter(|round| {
                snapshot.account(account(100 + round)).is_some_and(|fact| fact.directory == Some(world.at))
            });
            if members.count() > joined {
                joined += 1;
                assert!(!snapshot.is_administrator(world.at, service, administrator));
            }
        }
        assert_eq!(joined, 10);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn long_lists_come_in_parts() {
    let world = World::on_sqlite().await;
    let facts = (10..2_510).map(|number| super::fake_directory::account_fact(account(number), None)).collect();
    world.directory.commit(facts).await;
    world.mirrored().await;
    let mut watcher = world.watch(None).await;
    let (facts, _) = watcher.list().await;
    assert_eq!(facts.iter().filter(|fact| fact.key().starts_with("account")).count(), 2_501);
}
