use std::{sync::Arc, sync::atomic::Ordering, time::Duration};

use bailiwick_api::{
    audit::v1::{
        FollowChangesRequest, FollowChangesResponse, change_log_service_client::ChangeLogServiceClient,
        follow_changes_response::Event,
    },
    r#type::v1::{AccessFactChange, DirectoryFact, LogPosition, access_fact::Kind},
};
use bailiwick_core::Role;
use bailiwick_db::Position;
use bailiwick_rpc::{PositionError, Positions};
use futures::future::join_all;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, Streaming};

use crate::{
    ChangeLogServer, FollowedPositions, Level, NEVER, UpstreamLevel, head_with_cursor,
    session::{SILENCE, Session, SessionError},
    testing::{Note, PATIENCE, Scripted, ScriptedSession, World, commit_facts, restore, worlds},
};

type Client = (mpsc::Sender<FollowChangesRequest>, Streaming<FollowChangesResponse>);

async fn client(world: &World, after: LogPosition) -> Result<Client, Status> {
    let (requests, receiver) = mpsc::channel(8);
    requests.send(FollowChangesRequest { after: Some(after), ping: 0 }).await.unwrap();
    let channel = world.network.channel(Role::BastionAudit, Role::Directory);
    let response = ChangeLogServiceClient::new(channel).follow_changes(ReceiverStream::new(receiver)).await?;
    Ok((requests, response.into_inner()))
}

async fn event(responses: &mut Streaming<FollowChangesResponse>) -> Event {
    let message = timeout(PATIENCE, responses.message()).await.expect("a message comes").unwrap();
    message.expect("the stream goes on").event.unwrap()
}

fn at(epoch: &str, revision: i64) -> LogPosition {
    LogPosition { role: "directory".to_owned(), epoch: epoch.to_owned(), revision }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_is_applied_once_across_reconnects_and_replicas() {
    const CHANGES: i64 = 120;
    for world in worlds().await {
        let stop = CancellationToken::new();
        let replica = world.replica().await;
        let followers: Vec<_> = [&world.downstream, &replica]
            .map(|db| tokio::spawn(world.follower(db, Arc::new(Note::default())).run(stop.clone())))
            .into();
        for revision in 1..=CHANGES {
            world.commit("x").await;
            if revision % 30 == 0 {
                // The connections break somewhere in the middle of what is under way.
                let server = world.serve(&stop).await;
                world.wait_cursor(revision - 10).await;
                server.abort();
                drop(server.await);
            }
        }
        let server = world.serve(&stop).await;
        world.wait_cursor(CHANGES).await;
        stop.cancel();
        join_all(followers).await;
        server.abort();
        assert_eq!(world.applied().await, (1..=CHANGES).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_never_skipped() {
    for world in worlds().await {
        let stop = CancellationToken::new();
        let (_server, mut sessions) = Scripted::serve(&world.network).await;
        let follower = world.follower(&world.downstream, Arc::default());
        let level = follower.level();
        let running = tokio::spawn(follower.run(stop.clone()));
        let (session, after) = ScriptedSession::opened(&mut sessions).await;
        assert_eq!(after, 0);
        session.changes([1, 3]).await;
        let (session, after) = ScriptedSession::opened(&mut sessions).await;
        assert_eq!(after, 1);
        session.changes([3]).await;
        let (session, after) = ScriptedSession::opened(&mut sessions).await;
        assert_eq!(after, 1);
        // What was applied already is passed over, as after another replica's work.
        session.changes([1, 2, 3]).await;
        world.wait_cursor_in("e".to_owned(), 3).await;
        assert_eq!(level.age(), None, "no ping was answered");
        stop.cancel();
        running.await.unwrap();
        assert_eq!(world.applied().await, [1, 2, 3]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_cannot_be_applied_is_tried_again_from_the_cursor() {
    for world in worlds().await {
        let stop = CancellationToken::new();
        let server = world.serve(&stop).await;
        for _ in 0..3 {
            world.commit("x").await;
        }
        let note = Arc::new(Note::default());
        note.fail_once_at.store(2, Ordering::SeqCst);
        let running = tokio::spawn(world.follower(&world.downstream, note).run(stop.clone()));
        world.wait_cursor(3).await;
        stop.cancel();
        running.await.unwrap();
        server.abort();
        assert_eq!(world.applied().await, [1, 2, 3]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pong_before_its_changes_makes_nothing_level() {
    let world = worlds().await.remove(0);
    let stop = CancellationToken::new();
    let (_server, mut sessions) = Scripted::serve(&world.network).await;
    let follower = world.follower(&world.downstream, Arc::default());
    let level = follower.level();
    let _running = tokio::spawn(follower.run(stop.clone()));
    let (mut session, _) = ScriptedSession::opened(&mut sessions).await;
    session.changes([1]).await;
    let ping = session.ping().await;
    session.pong(ping, 2).await;
    let (mut session, after) = ScriptedSession::opened(&mut sessions).await;
    assert_eq!((after, level.age()), (1, None));
    let ping = session.ping().await;
    session.pong(ping + 1, 1).await;
    let (mut session, _) = ScriptedSession::opened(&mut sessions).await;
    assert_eq!(level.age(), None);
    let ping = session.ping().await;
    session.pong(ping, 1).await;
    timeout(PATIENCE, level.reached()).await.unwrap();
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn freshness_counts_from_the_sending_and_a_silent_server_is_left() {
    let world = worlds().await.remove(0);
    let stop = CancellationToken::new();
    let (_server, mut sessions) = Scripted::serve(&world.network).await;
    let follower = world.follower(&world.downstream, Arc::default());
    let level = follower.level();
    let _running = tokio::spawn(follower.run(stop.clone()));
    let (mut session, _) = ScriptedSession::opened(&mut sessions).await;
    let ping = session.ping().await;
    // The answer takes its time, which is no sleeping for luck: it is what must show in the age.
    let held = Instant::now();
    tokio::time::sleep(Duration::from_millis(400)).await;
    let held = held.elapsed();
    // From here on it says nothing: the age grows, and another session is opened from the same place.
    let silent = Instant::now();
    session.pong(ping, 0).await;
    timeout(PATIENCE, level.reached()).await.unwrap();
    assert!(level.age().unwrap() >= held);
    let (_session, after) = ScriptedSession::opened(&mut sessions).await;
    let passed = silent.elapsed();
    assert!(passed >= SILENCE);
    assert_eq!(after, 0);
    assert!(level.age().unwrap() >= passed);
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pong_comes_after_everything_before_its_ping_in_bounded_batches() {
    for world in worlds().await {
        let stop = CancellationToken::new();
        let server = world.serve(&stop).await;
        for _ in 0..300 {
            world.commit("x").await;
        }
        let (requests, mut responses) = client(&world, LogPosition::default()).await.unwrap();
        requests.send(FollowChangesRequest { after: None, ping: 7 }).await.unwrap();
        let mut reached = 0;
        let pong = loop {
            match event(&mut responses).await {
                Event::Changes(batch) => {
                    assert!(batch.changes.len() <= 256);
                    for change in batch.changes {
                        reached += 1;
                        assert_eq!(change.revision, reached);
                    }
                }
                Event::Pong(pong) => break pong,
            }
        };
        let head = pong.head.unwrap();
        assert_eq!((pong.ping, head.revision, reached), (7, 300, 300));
        assert_eq!((pong.upstream, pong.upstream_age), (None, Some(prost_types::Duration::default())));
        // A commit is sent without being asked for.
        world.commit("y").await;
        assert!(matches!(event(&mut responses).await, Event::Changes(batch) if batch.changes[0].revision == 301));
        stop.cancel();
        assert_eq!(timeout(PATIENCE, responses.message()).await.unwrap().unwrap(), None);
        server.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_of_another_epoch_log_or_future_are_refused() {
    for world in worlds().await {
        let stop = CancellationToken::new();
        let server = world.serve(&stop).await;
        let epoch = world.commit("x").await.epoch;
        assert!(client(&world, at(&epoch, 1)).await.is_ok());
        let other_log = LogPosition { role: "delegation".to_owned(), epoch: epoch.clone(), revision: 1 };
        for after in [at("other", 0), at(&epoch, 2), at(&epoch, -1), other_log] {
            assert_eq!(client(&world, after.clone()).await.unwrap_err().code(), Code::InvalidArgument, "{after:?}");
        }
        stop.cancel();
        server.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_tells_how_old_it_is_and_what_it_includes() {
    for world in worlds().await {
        let stop = CancellationToken::new();
        let server = world.serve(&stop).await;
        world.commit("x").await;
        let follower = world.follower(&world.downstream, Arc::default());
        let upstream = UpstreamLevel { role: Role::Directory, level: Level::new() };
        let cold = ChangeLogServer::new(Role::Delegation, world.downstream.clone(), Some(upstream), stop.clone());
        let running = tokio::spawn(follower.run(stop.clone()));
        world.wait_cursor(1).await;
        let (head, cursor) = head_with_cursor(world.downstream.reader(), Role::Directory).await.unwrap();
        assert_eq!((head.revision, cursor.unwrap().revision), (0, 1));
        assert_eq!(head_with_cursor(world.downstream.reader(), Role::Gateway).await.unwrap().1, None);

        let (sender, pings) = mpsc::channel(1);
        sender.send(1).await.unwrap();
        let after = Position { epoch: String::new(), revision: 0 };
        let mut tail = cold.tail(after, ReceiverStream::new(pings)).await.unwrap();
        let Some(crate::TailEvent::Pong { upstream, upstream_age, .. }) = tail.next().await.unwrap() else {
            panic!("there is no change to send")
        };
        assert_eq!((upstream.unwrap().revision, upstream_age), (1, NEVER));
        stop.cancel();
        running.await.unwrap();
        server.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_are_waited_for() {
    for world in worlds().await {
        let stop = CancellationToken::new();
        let server = world.serve(&stop).await;
        let epoch = world.commit("x").await.epoch;
        let positions = FollowedPositions::new(Role::Delegation, world.downstream.clone(), vec![Role::Directory]);
        let (soon, late) = (|| Instant::now() + Duration::from_millis(50), || Instant::now() + PATIENCE);
        let wait = async |position: LogPosition, deadline| positions.wait(&position, deadline).await;
        assert_eq!(wait(at(&epoch, 1), soon()).await, Err(PositionError::NotReached));
        let running = tokio::spawn(world.follower(&world.downstream, Arc::default()).run(stop.clone()));
        assert_eq!(wait(at(&epoch, 1), late()).await, Ok(()));
        assert_eq!(wait(at("other", 1), late()).await, Err(PositionError::Invalid));
        let own = world.downstream.head().await.unwrap();
        let of = |role: &str, epoch: &str, revision| LogPosition { role: role.into(), epoch: epoch.into(), revision };
        assert_eq!(wait(of("delegation", &own.epoch, 0), late()).await, Ok(()));
        assert_eq!(wait(of("delegation", &own.epoch, 1), late()).await, Err(PositionError::Invalid));
        assert_eq!(wait(of("sase-policy", "any", 9), late()).await, Ok(()));
        stop.cancel();
        running.await.unwrap();
        server.abort();
    }
}

fn directory(name: &str) -> AccessFactChange {
    AccessFactChange::holds(Kind::Directory(DirectoryFact {
        directory: name.into(),
        management_account: "m".into(),
        ..DirectoryFact::default()
    }))
}

/// A backup is restored: some changes are lost, others are made in their place. What was made of the log is replaced by
/// what the log amounts to now, once, and the follower goes on from there.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_log_is_read_anew_and_followed_on() {
    for world in worlds().await {
        let stop = CancellationToken::new();
        let server = world.serve(&stop).await;
        for name in ["kept", "lost", "also lost"] {
            commit_facts(&world.upstream, "x", vec![directory(name)]).await;
        }
        let note = Arc::new(Note::default());
        let running = tokio::spawn(world.follower(&world.downstream, note.clone()).run(stop.clone()));
        world.wait_cursor(3).await;
        stop.cancel();
        running.await.unwrap();
        server.abort();
        drop(server.await);

        restore(&world.upstream, 1).await;
        world.upstream.renew_epoch().await.unwrap();
        let stop = CancellationToken::new();
        let server = world.serve(&stop).await;
        commit_facts(&world.upstream, "x", vec![directory("new")]).await;
        let replica = world.replica().await;
        let (follower, other) =
            (world.follower(&world.downstream, note.clone()), world.follower(&replica, note.clone()));
        let level = follower.level();
        let running = [tokio::spawn(follower.run(stop.clone())), tokio::spawn(other.run(stop.clone()))];
        world.wait_resync(2).await;
        timeout(PATIENCE, level.reached()).await.unwrap();
        let epoch = world.commit("y").await.epoch;
        world.wait_cursor(3).await;
        stop.cancel();
        join_all(running).await;
        server.abort();

        let mut seen = note.again.lock().unwrap().clone();
        seen.sort();
        seen.dedup();
        assert_eq!(seen, [(epoch.clone(), 1), (epoch.clone(), 2)]);
        let (position, facts) = note.replaced.lock().unwrap().last().unwrap().clone();
        assert_eq!(position, at(&epoch, 2));
        let kinds: Vec<_> = facts.iter().map(|held| held.fact.kind.clone().unwrap()).collect();
        let expected: Vec<_> = ["kept", "new"].map(|n| directory(n).fact.unwrap().kind.unwrap()).into();
        assert_eq!(kinds, expected);
        assert!(facts.iter().all(|held| held.by.facts.is_empty() && held.by.revision > 0));
        assert_eq!(world.applied().await, [3], "only what came after, and once");
    }
}

/// The log was restored to nothing, and there is nothing to read.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_restored_to_its_beginning_replaces_all() {
    for world in worlds().await {
        let stop = CancellationToken::new();
        let server = world.serve(&stop).await;
        world.commit("x").await;
        let note = Arc::new(Note::default());
        let running = tokio::spawn(world.follower(&world.downstream, note.clone()).run(stop.clone()));
        world.wait_cursor(1).await;
        restore(&world.upstream, 0).await;
        // Under the streams that are open, which end by it.
        world.upstream.renew_epoch().await.unwrap();
        world.wait_resync(0).await;
        stop.cancel();
        running.await.unwrap();
        server.abort();
        assert_eq!(world.applied().await, Vec::<i64>::new());
        assert_eq!(note.replaced.lock().unwrap().last().unwrap().1, []);
    }
}

/// Without a new epoch it cannot be told what was lost: nothing is replaced, nothing is level, and the operator is told
/// what to do.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_restored_without_a_new_epoch_is_not_followed() {
    for world in worlds().await {
        let stop = CancellationToken::new();
        let server = world.serve(&stop).await;
        for _ in 0..3 {
            world.commit("x").await;
        }
        let note = Arc::new(Note::default());
        let running = tokio::spawn(world.follower(&world.downstream, note.clone()).run(stop.clone()));
        world.wait_cursor(3).await;
        stop.cancel();
        running.await.unwrap();
        server.abort();
        drop(server.await);

        for left in [2, 0] {
            restore(&world.upstream, left).await;
            let stop = CancellationToken::new();
            let server = world.serve(&stop).await;
            let follower = world.follower(&world.downstream, note.clone());
            let ended = timeout(PATIENCE, Session::new(&follower).run()).await.unwrap();
            assert!(matches!(ended, SessionError::NotRenewed(Role::Directory)), "{ended:?}");
            assert!(ended.needs_attention());
            assert!(ended.to_string().contains("`bailiwick renew-epoch directory`"), "{ended}");
            assert_eq!(follower.level().age(), None);
            server.abort();
            drop(server.await);
        }
        assert_eq!(world.applied().await, [1, 2, 3]);
        assert!(note.again.lock().unwrap().is_empty() && note.replaced.lock().unwrap().is_empty());
        assert_eq!(world.downstream.cursor("directory").await.unwrap().unwrap().revision, 3);
    }
}
