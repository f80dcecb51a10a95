use std::time::Duration;

use bailiwick_api::{
    delegation::v1::{FactChange as WireChange, FactList, FactListEnd, FactPong, WatchFactsResponse},
    r#type::v1::{AccessFact, AccessFactChange, AccountFact, DirectoryFact, EnrolmentFact, access_fact::Kind},
};
use bailiwick_core::{
    AccountId, DirectoryId, TrustedService,
    authz::{Facts as _, Snapshot},
};
use proptest::prelude::*;

use super::follower::*;
use bailiwick_api::{delegation::v1::watch_facts_response::Event, r#type::v1::LogPosition};
use tokio::time::Instant;

fn at(epoch: &str, revision: i64) -> LogPosition {
    LogPosition { role: "delegation".to_owned(), epoch: epoch.to_owned(), revision }
}

fn event(event: Event) -> WatchFactsResponse {
    WatchFactsResponse { event: Some(event) }
}

fn list(facts: Vec<Kind>) -> WatchFactsResponse {
    let facts = facts.into_iter().map(|kind| AccessFact { kind: Some(kind) }).collect();
    event(Event::List(FactList { facts }))
}

fn list_end(position: LogPosition) -> WatchFactsResponse {
    event(Event::ListEnd(FactListEnd { position: Some(position), upstream: None }))
}

fn change(position: LogPosition, changes: Vec<AccessFactChange>) -> WatchFactsResponse {
    event(Event::Change(WireChange { position: Some(position), upstream: None, changes }))
}

fn pong(ping: i64, head: LogPosition, behind: Duration) -> WatchFactsResponse {
    let upstream_age =
        Some(prost_types::Duration { seconds: behind.as_secs() as i64, nanos: behind.subsec_nanos() as i32 });
    event(Event::Pong(FactPong { ping, head: Some(head), upstream: None, upstream_age }))
}

fn account(n: u64) -> AccountId {
    (1_000_000_000_000_000 + n).try_into().unwrap()
}

fn member(n: u64, directory: &str) -> Kind {
    Kind::Account(AccountFact {
        account: account(n).name(),
        directory: directory.to_owned(),
        incarnation: "i1".to_owned(),
        ..Default::default()
    })
}

const DIRECTORY: &str = "directories/rd-0000000000001";

/// A follower that has the list at revision 5 of epoch `e`.
fn listed() -> Follower {
    let mut follower = Follower::default();
    assert_eq!(follower.open().after, None);
    follower.receive(list(vec![member(1, DIRECTORY)])).unwrap();
    assert!(matches!(follower.receive(list_end(at("e", 5))).unwrap(), Outcome::Publish(v) if v.position.revision == 5));
    follower
}

fn has(version: &Version, n: u64) -> bool {
    version.snapshot.account(account(n)).is_some()
}

#[test]
fn a_list_counts_when_it_is_complete_in_whatever_order() {
    let mut follower = Follower::default();
    follower.open();
    let enrolment = Kind::Enrolment(EnrolmentFact {
        directory: DIRECTORY.to_owned(),
        trusted_service: "sase".to_owned(),
        account: account(1).name(),
        incarnation: "i1".to_owned(),
        uid: "u".to_owned(),
    });
    let directory = Kind::Directory(DirectoryFact {
        directory: DIRECTORY.to_owned(),
        management_account: account(2).name(),
        ..DirectoryFact::default()
    });
    // The enrolment comes long before the membership that it depends on.
    for part in [vec![enrolment], vec![directory], vec![member(1, DIRECTORY)]] {
        assert!(matches!(follower.receive(list(part)).unwrap(), Outcome::Nothing));
    }
    let Outcome::Publish(version) = follower.receive(list_end(at("e", 7))).unwrap() else { panic!() };
    let directory: DirectoryId = "rd-0000000000001".parse().unwrap();
    assert!(version.snapshot.is_enrolled(directory, TrustedService::Sase, account(1)));
    assert_eq!((version.snapshot.revision(), version.snapshot.management_account(directory)), (7, Some(account(2))));
}

#[test]
fn only_the_next_revision_of_the_same_epoch_is_applied() {
    let next = || change(at("e", 6), vec![AccessFactChange::holds(member(2, DIRECTORY))]);
    let mut follower = listed();
    let Outcome::Publish(version) = follower.receive(next()).unwrap() else { panic!() };
    assert!(has(&version, 1) && has(&version, 2));
    assert_eq!(follower.receive(next()).unwrap_err(), Fault::Gap { expected: 7, got: 6 });
    assert_eq!(listed().receive(change(at("e", 7), vec![])).unwrap_err(), Fault::Gap { expected: 6, got: 7 });
    assert_eq!(listed().receive(change(at("f", 6), vec![])).unwrap_err(), Fault::Epoch);
    let unreadable = AccessFactChange::holds(Kind::Account(AccountFact::default()));
    assert!(matches!(listed().receive(change(at("e", 6), vec![unreadable])).unwrap_err(), Fault::Unreadable(_)));
    assert!(matches!(listed().receive(WatchFactsResponse { event: None }).unwrap_err(), Fault::Unreadable(_)));
    assert!(matches!(listed().receive(list_end(at("e", 9))).unwrap_err(), Fault::Unreadable(_)));
}

#[test]
fn after_a_fault_the_whole_list_is_asked_for_and_after_a_loss_the_rest() {
    let mut follower = listed();
    // A mere loss of the connection: go on where it was.
    assert_eq!(follower.open().after, Some(at("e", 5)));
    assert!(matches!(follower.receive(change(at("e", 6), vec![])).unwrap(), Outcome::Publish(_)));
    follower.receive(change(at("e", 8), vec![])).unwrap_err();
    assert_eq!(follower.open().after, None);
    // Changes on top of what is void are not applied.
    assert!(follower.receive(change(at("e", 7), vec![])).is_err());
    assert_eq!(follower.open().after, None);
    follower.receive(list(vec![member(9, DIRECTORY)])).unwrap();
    let Outcome::Publish(version) = follower.receive(list_end(at("f", 2))).unwrap() else { panic!() };
    // Another epoch, with a lower revision: what was before is void.
    assert!(has(&version, 9) && !has(&version, 1));
    assert_eq!(follower.open().after, Some(at("f", 2)));
}

#[tokio::test(start_paused = true)]
async fn freshness_counts_from_when_the_answered_ping_was_sent() {
    let mut follower = listed();
    let first = Instant::now();
    let ping = follower.ping(first).unwrap().ping;
    tokio::time::advance(Duration::from_secs(1)).await;
    let second = Instant::now();
    let later = follower.ping(second).unwrap().ping;
    tokio::time::advance(Duration::from_secs(30)).await;
    // Both answers come half a minute late, out of a stalled stream.
    let level = |outcome| match outcome {
        Outcome::Level(at) => at,
        other => panic!("{other:?}"),
    };
    assert_eq!(level(follower.receive(pong(ping, at("e", 5), Duration::ZERO)).unwrap()), first);
    let behind = Duration::from_millis(300);
    assert_eq!(level(follower.receive(pong(later, at("e", 4), behind)).unwrap()), second - behind);
    assert!(matches!(follower.receive(pong(later, at("e", 5), behind)).unwrap_err(), Fault::Unreadable(_)));
}

#[tokio::test(start_paused = true)]
async fn answers_that_prove_nothing_count_for_nothing() {
    let now = Instant::now();
    let mut follower = listed();
    let ping = follower.ping(now).unwrap().ping;
    assert_eq!(follower.receive(pong(ping, at("e", 6), Duration::ZERO)).unwrap_err(), Fault::Ahead);
    let mut follower = listed();
    let ping = follower.ping(now).unwrap().ping;
    assert_eq!(follower.receive(pong(ping, at("f", 5), Duration::ZERO)).unwrap_err(), Fault::Epoch);
    // Of a ping that went over the stream before.
    let mut follower = listed();
    let ping = follower.ping(now).unwrap().ping;
    follower.open();
    assert!(follower.receive(pong(ping, at("e", 5), Duration::ZERO)).is_err());
    // While a new list comes, the one in use may be anything.
    let mut follower = listed();
    follower.open();
    follower.receive(list(vec![])).unwrap();
    let ping = follower.ping(now).unwrap().ping;
    assert!(matches!(follower.receive(pong(ping, at("e", 5), Duration::ZERO)).unwrap(), Outcome::Nothing));
    // Without an age of the log above it, nothing is known of that.
    let mut follower = listed();
    let ping = follower.ping(now).unwrap().ping;
    let bare = event(Event::Pong(FactPong { ping, head: Some(at("e", 5)), upstream: None, upstream_age: None }));
    assert!(follower.receive(bare).is_err());
}

#[tokio::test(start_paused = true)]
async fn unanswered_pings_are_bounded() {
    let mut follower = listed();
    let sent = (0..200).filter(|_| follower.ping(Instant::now()).is_some()).count();
    assert_eq!(sent, 64);
}

/// What a server may do, rightly or wrongly.
#[derive(Clone, Debug)]
enum Act {
    Change,
    Skip,
    Repeat,
    Loss,
    Restore,
    Pong,
}

proptest! {
    /// Whatever happens, a version in use is one that the log had, and nothing is level that is not.
    #[test]
    fn every_version_is_one_that_the_log_had(acts in proptest::collection::vec(prop_oneof![
        4 => Just(Act::Change), 1 => Just(Act::Skip), 1 => Just(Act::Repeat), 1 => Just(Act::Loss), 1 => Just(Act::Restore), 2 => Just(Act::Pong),
    ], 1..60)) {
        let mut follower = Follower::default();
        let mut epoch = 0;
        // The account `n` is there from revision `n` on.
        let mut head = 0;
        let mut connected = false;
        let mut used: Option<std::sync::Arc<Version>> = None;
        for act in acts {
            if !connected {
                let after = follower.open().after;
                connected = true;
                let name = format!("e{epoch}");
                let resume = after.filter(|p| p.epoch == name && p.revision <= head);
                let mut script = Vec::new();
                match resume {
                    Some(from) => script.extend((from.revision + 1..=head).map(|r| change(at(&name, r), vec![AccessFactChange::holds(member(r as u64, ""))]))),
                    None => {
                        script.push(list((1..=head).map(|r| member(r as u64, "")).collect()));
                        script.push(list_end(at(&name, head)));
                    }
                }
                for message in script {
                    if let Outcome::Publish(version) = follower.receive(message).unwrap() {
                        used = Some(version);
                    }
                }
            }
            let name = format!("e{epoch}");
            let outcome = match act {
                Act::Change => {
                    head += 1;
                    follower.receive(change(at(&name, head), vec![AccessFactChange::holds(member(head as u64, ""))]))
                }
                Act::Skip => {
                    head += 2;
                    follower.receive(change(at(&name, head), vec![AccessFactChange::holds(member(head as u64, ""))]))
                }
                Act::Repeat => follower.receive(change(at(&name, head), vec![])),
                Act::Loss => {
                    connected = false;
                    continue;
                }
                Act::Restore => {
                    (epoch, head, connected) = (epoch + 1, head / 2, false);
                    continue;
                }
                Act::Pong => {
                    let now = Instant::now();
                    let ping = follower.ping(now).unwrap().ping;
                    let outcome = follower.receive(pong(ping, at(&name, head), Duration::ZERO));
                    if let Ok(Outcome::Level(_)) = outcome {
                        prop_assert_eq!(used.as_ref().map(|v| v.position.clone()), Some(at(&name, head)));
                    }
                    outcome
                }
            };
            match outcome {
                Ok(Outcome::Publish(version)) => used = Some(version),
                Ok(_) => {}
                Err(_) => connected = false,
            }
            let version = used.as_ref().unwrap();
            let revision = version.position.revision;
            for n in 1..=revision + 3 {
                prop_assert_eq!(has(version, n as u64), n <= revision, "{} at {}", n, revision);
            }
        }
    }
}

#[test]
fn an_empty_list_is_a_list() {
    let mut follower = Follower::default();
    follower.open();
    let Outcome::Publish(version) = follower.receive(list_end(at("e", 0))).unwrap() else { panic!() };
    assert_eq!(version.snapshot.revision(), Snapshot::empty().revision());
}

/// An answer to a ping may come after a change that it knows nothing of: it must not bring back the former epoch of
/// directory, by which tokens of before a restore would count again.
#[test]
fn an_answer_that_was_overtaken_does_not_bring_back_the_former_epoch() {
    let of = |epoch: &str, revision| LogPosition { role: "directory".to_owned(), epoch: epoch.to_owned(), revision };
    let mut follower = listed();
    let ping = follower.ping(Instant::now()).unwrap().ping;
    let answer = |ping, head, upstream| {
        let upstream_age = Some(prost_types::Duration::default());
        event(Event::Pong(FactPong { ping, head: Some(at("e", head)), upstream: Some(upstream), upstream_age }))
    };
    let resynced = WireChange { position: Some(at("e", 6)), upstream: Some(of("new", 3)), changes: vec![] };
    let Outcome::Publish(version) = follower.receive(event(Event::Change(resynced))).unwrap() else { panic!() };
    assert_eq!(version.epoch(), Some("new"));
    assert!(matches!(follower.receive(answer(ping, 5, of("old", 90))).unwrap(), Outcome::Level(_)));
    let ping = follower.ping(Instant::now()).unwrap().ping;
    let Outcome::Raised(version, _) = follower.receive(answer(ping, 5, of("new", 4))).unwrap() else { panic!() };
    assert_eq!(version.upstream, Some(of("new", 4)));
    // At the very revision, it is the newer word.
    let ping = follower.ping(Instant::now()).unwrap().ping;
    let Outcome::Raised(version, _) = follower.receive(answer(ping, 6, of("newest", 1))).unwrap() else { panic!() };
    assert_eq!(version.epoch(), Some("newest"));
}
