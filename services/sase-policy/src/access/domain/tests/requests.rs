//! Which application a target or a request is of, and what that means for it.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::{AccountId, DirectoryId, Timestamp};

use super::{worlds::Random, *};

const HOSTS: [&str; 6] = ["a.example", "b.a.example", "c.example", "*.example", "*.a.example", "*.c.example"];
const ASKED: [&str; 5] = ["a.example", "b.a.example", "x.b.a.example", "c.example", "d.test"];

fn meta(id: &str) -> Meta {
    let directory: DirectoryId = "rd-0000000000001".parse().unwrap();
    Meta::new(directory, id, "o", Timestamp::default())
}

fn account() -> AccountId {
    "1000000000000001".parse().unwrap()
}

fn application(id: &str, host: &str, protocol: Protocol) -> Application {
    Application {
        meta: meta(id),
        display_name: id.into(),
        account: account(),
        hosts: vec![host.into()],
        ports: vec![Ports { first: 443, last: 443 }],
        protocol,
        http_paths: Vec::new(),
        http_methods: Vec::new(),
        tags: Vec::new(),
    }
}

/// The user `ann`, who may reach some applications.
fn world(applications: Vec<Application>, allowed: &[&str]) -> World {
    let ann = SaseUser {
        meta: meta("ann"),
        display_name: "ann".into(),
        ram_user: String::new(),
        attributes: Vec::new(),
        disabled: false,
    };
    let policy = AccessPolicy {
        meta: meta("allow"),
        display_name: "allow".into(),
        priority: 1,
        action: Action::Allow,
        enabled: true,
        start: None,
        end: None,
        subjects: Subjects::All,
        targets: Targets::Applications(allowed.iter().map(|id| (*id).to_owned()).collect()),
        members: Members::All,
        conditions: Conditions::default(),
    };
    World {
        members: BTreeMap::from([(account(), "root".to_owned())]),
        folders: BTreeMap::from([("root".to_owned(), String::new())]),
        applications: applications.into_iter().map(|one| (one.meta.id.clone(), one)).collect(),
        users: BTreeMap::from([("ann".to_owned(), ann)]),
        groups: BTreeMap::new(),
        policies: BTreeMap::from([("allow".to_owned(), policy)]),
        blocks: BTreeMap::new(),
        ram_users: BTreeSet::new(),
    }
}

fn target(host: &str, protocol: Protocol) -> Target {
    Target { host: host.into(), port: 443, protocol, path: "/shop/1".into(), method: "GET".into() }
}

fn decide(decider: &Decider, wanted: Wanted) -> Decision {
    let query = AccessQuery {
        user: "ann".into(),
        wanted,
        device_id: String::new(),
        device: None,
        source: None,
        strength: None,
        groups: BTreeSet::new(),
        attributes: BTreeSet::new(),
    };
    decider.decide(&query, Timestamp::from_micros(1))
}

#[test]
fn where_applications_of_two_protocols_fit_a_request_needs_both() {
    use DecisionReason::{NoApplication, NoPolicy, Policy};
    use Protocol::{Grpc, Http};
    let applications = || {
        let exact = [("web", "a.example", Http), ("api", "a.example", Grpc), ("rest", "b.example", Http)];
        exact.map(|(id, host, protocol)| application(id, host, protocol)).to_vec()
    };
    for (allowed, host, said, reason, of) in [
        (&["web", "api"][..], "a.example", Http, Policy, "web"),
        (&["web", "api"], "a.example", Grpc, Policy, "api"),
        (&["web"], "a.example", Http, NoPolicy, "api"),
        (&["web"], "a.example", Grpc, NoPolicy, "api"),
        (&["api"], "a.example", Http, NoPolicy, "web"),
        (&["api"], "a.example", Grpc, NoPolicy, "web"),
        (&["rest"], "b.example", Http, Policy, "rest"),
        (&["rest"], "b.example", Grpc, NoApplication, ""),
    ] {
        let decider = Decider::new(world(applications(), allowed)).unwrap();
        let decision = decide(&decider, Wanted::Request(target(host, said)));
        let found = (decision.reason, decision.application.as_str(), decision.is_allowed());
        assert_eq!(found, (reason, of, reason == Policy), "{allowed:?} {host} {said:?}");
    }
    // Whoever asks about a target knows its protocol.
    let decider = Decider::new(world(applications(), &["web"])).unwrap();
    assert!(decide(&decider, Wanted::Target(target("a.example", Http))).is_allowed());
}

#[test]
fn the_closest_application_is_found_among_many() {
    for seed in 0..500 {
        let mut random = Random::new(seed);
        let applications: Vec<_> = (0..8)
            .map(|n| {
                let mut one = application(&format!("a{n}"), "", Protocol::Http);
                one.hosts = (0..=random.below(2)).map(|_| random.of(&HOSTS).to_owned()).collect();
                one.http_paths = if random.one_in(3) { vec!["/shop".into()] } else { Vec::new() };
                one.account = if random.one_in(5) { "1000000000000002".parse().unwrap() } else { one.account };
                one
            })
            .collect();
        let decider = Decider::new(world(applications.clone(), &["a0"])).unwrap();
        for host in ASKED {
            let target = target(host, Protocol::Http);
            let mut closest: Option<(_, &str)> = None;
            for one in applications.iter().filter(|one| one.account == account()) {
                if let Some(fit) = one.fit(&target).filter(|fit| closest.is_none_or(|(best, _)| *fit > best)) {
                    closest = Some((fit, &one.meta.id));
                }
            }
            let found = decide(&decider, Wanted::Target(target)).application;
            assert_eq!(found, closest.map_or("", |(_, id)| id), "{host} {applications:#?}");
        }
    }
}
