//! Random worlds and what is asked in them: small, so that much of it meets.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_conditions::TimeWindow;
use bailiwick_core::{AccountId, DirectoryId, Timestamp};

use crate::access::domain::*;

const DAY_US: i64 = 86_400_000_000;
const ZONES: [&str; 4] = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"];
const RANGES: [&str; 6] = ["10.0.0.0/8", "10.1.0.0/16", "192.0.2.0/24", "0.0.0.0/0", "2001:db8::/32", "::/0"];
const SOURCES: [&str; 6] = ["10.1.2.3", "10.9.0.1", "192.0.2.200", "203.0.113.9", "2001:db8::7", "::ffff:10.1.0.1"];
const OSES: [Os; 5] = [Os::Windows, Os::Macos, Os::Linux, Os::Ios, Os::Android];
const STRENGTHS: [Strength; 3] = [Strength::SingleFactor, Strength::MultiFactor, Strength::PhishingResistant];

/// SplitMix64: a world is one number.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(bound).unwrap()).unwrap()
    }

    pub(super) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(super) fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    /// Some ids `{prefix}{n}`, one at least.
    fn ids(&mut self, prefix: &str, of: usize, most: usize) -> BTreeSet<String> {
        (0..=self.below(most)).map(|_| format!("{prefix}{}", self.below(of))).collect()
    }
}

fn directory() -> DirectoryId {
    "rd-0000000000001".parse().unwrap()
}

fn account(n: usize) -> AccountId {
    format!("100000000000000{n}").parse().unwrap()
}

fn meta(prefix: &str, n: usize) -> Meta {
    Meta::new(directory(), &format!("{prefix}{n}"), "o", Timestamp::default())
}

fn moment(random: &mut Random) -> Timestamp {
    // Some days around the change of clocks in Europe.
    let start = 1_774_500_000_000_000;
    Timestamp::from_micros(start + i64::try_from(random.below(14 * 24 * 12)).unwrap() * 300_000_000)
}

fn by_id<T: Resource>(all: impl Iterator<Item = T>) -> BTreeMap<String, T> {
    all.map(|one| (one.meta().id.clone(), one)).collect()
}

pub(super) fn world(random: &mut Random) -> World {
    let folders = [("root", ""), ("f1", "root"), ("f2", "f1"), ("f3", "root")];
    let members = (0..4).filter(|_| !random.one_in(4)).collect::<Vec<_>>();
    let members =
        members.into_iter().map(|n| (account(n), random.of(&["root", "f1", "f2", "f3"]).to_owned())).collect();
    let applications = (0..5).map(|n| Application {
        meta: meta("a", n),
        display_name: format!("application {n}"),
        account: account(random.below(4)),
        hosts: vec!["h.example".into()],
        ports: vec![Ports { first: 443, last: 443 }],
        protocol: Protocol::Http,
        http_paths: Vec::new(),
        http_methods: Vec::new(),
        tags: if random.one_in(3) { Vec::new() } else { random.ids("t", 3, 2).into_iter().collect() },
    });
    let applications = by_id(applications.collect::<Vec<_>>().into_iter());
    let users = (0..4).map(|n| SaseUser {
        meta: meta("u", n),
        display_name: format!("user {n}"),
        ram_user: if random.one_in(3) { format!("accounts/1000000000000001/users/r{n}") } else { String::new() },
        attributes: if random.one_in(2) { Vec::new() } else { random.ids("department=", 3, 2).into_iter().collect() },
        disabled: random.one_in(12),
    });
    let users = by_id(users.collect::<Vec<_>>().into_iter());
    // A group contains only later ones.
    let groups = (0..4).map(|n| UserGroup {
        meta: meta("g", n),
        display_name: format!("group {n}"),
        users: if random.one_in(3) { BTreeSet::new() } else { random.ids("u", 4, 2) },
        groups: (n + 1..4).filter(|_| random.one_in(3)).map(|inner| format!("g{inner}")).collect(),
    });
    let groups = by_id(groups.collect::<Vec<_>>().into_iter());
    let policies = (0..1 + random.below(10)).map(|n| policy(random, n)).collect::<Vec<_>>();
    let blocks = (0..random.below(3)).map(|n| block(random, n)).collect::<Vec<_>>();
    let ram_users = users.values().map(|user| user.ram_user.clone()).filter(|_| !random.one_in(4)).collect();
    World {
        members,
        folders: folders.into_iter().map(|(id, parent)| (id.to_owned(), parent.to_owned())).collect(),
        applications,
        users,
        groups,
        policies: by_id(policies.into_iter()),
        blocks: by_id(blocks.into_iter()),
        ram_users,
    }
}

fn policy(random: &mut Random, n: usize) -> AccessPolicy {
    let subjects = match random.below(4) {
        0 => Subjects::All,
        kind => Subjects::Some {
            users: if kind == 1 || random.one_in(2) { random.ids("u", 4, 2) } else { BTreeSet::new() },
            groups: if kind == 2 { random.ids("g", 4, 2) } else { BTreeSet::new() },
            attributes: if kind == 3 { random.ids("department=", 3, 2) } else { BTreeSet::new() },
        },
    };
    let targets = match random.below(2) {
        0 => Targets::Applications(random.ids("a", 5, 4)),
        _ => Targets::Tags(random.ids("t", 3, 2)),
    };
    let members = match random.below(4) {
        0 => Members::Folders(BTreeSet::from([random.of(&["root", "f1", "f2", "f3", "gone"]).to_owned()])),
        1 => Members::Accounts((0..=random.below(3)).map(|_| account(random.below(4))).collect()),
        _ => Members::All,
    };
    let start = random.one_in(5).then(|| moment(random));
    let end = random.one_in(5).then(|| start.unwrap_or_else(|| moment(random)));
    AccessPolicy {
        meta: meta("p", n),
        display_name: format!("policy {n}"),
        priority: u16::try_from(1 + random.below(5)).unwrap(),
        action: if random.one_in(3) { Action::Block } else { Action::Allow },
        enabled: !random.one_in(8),
        start,
        end: end.map(|end| Timestamp::from_micros(end.as_micros() + 3 * DAY_US)),
        subjects,
        targets,
        members,
        conditions: conditions(random),
    }
}

fn conditions(random: &mut Random) -> Conditions {
    let device = random.one_in(4).then(|| DeviceCondition {
        os: (0..random.below(3)).map(|_| random.of(&OSES)).collect(),
        min_version: random.one_in(3).then(|| version(random)),
        disk_encrypted: random.one_in(3),
        managed: random.one_in(3),
        max_age_minutes: random.one_in(3).then_some(60),
    });
    let networks = if random.one_in(4) { 1 + random.below(2) } else { 0 };
    let windows = if random.one_in(4) { 1 + random.below(2) } else { 0 };
    Conditions {
        device,
        networks: (0..networks).map(|_| random.of(&RANGES).parse().unwrap()).collect(),
        windows: (0..windows).map(|_| window(random)).collect(),
        min_strength: random.one_in(4).then(|| random.of(&STRENGTHS)),
    }
}

fn window(random: &mut Random) -> TimeWindow {
    let days: BTreeSet<u8> = (0..1 + random.below(5)).map(|_| u8::try_from(1 + random.below(7)).unwrap()).collect();
    TimeWindow {
        zone: random.of(&ZONES).to_owned(),
        weekdays: days.into_iter().collect(),
        start: u16::try_from(random.below(48) * 30).unwrap(),
        end: u16::try_from(random.below(49) * 30).unwrap(),
    }
}

fn block(random: &mut Random, n: usize) -> AccessBlock {
    let blocked = match random.below(4) {
        0 => Blocked::User(format!("u{}", random.below(4))),
        1 => Blocked::Device(format!("d{}", random.below(3))),
        2 => Blocked::Address(random.of(&["10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32"]).parse().unwrap()),
        _ => Blocked::Application(format!("a{}", random.below(5))),
    };
    AccessBlock {
        meta: meta("b", n),
        blocked,
        account: random.one_in(2).then(|| account(random.below(4))),
        reason: "alert".into(),
        expire: random.one_in(2).then(|| moment(random)),
    }
}

fn version(random: &mut Random) -> OsVersion {
    random.of(&["10", "10.0.1", "11.2", "11.2.0.1", "14.2.1", "14.10"]).parse().unwrap()
}

pub(super) fn query(random: &mut Random, world: &World) -> (AccessQuery, Timestamp) {
    let now = moment(random);
    // One in seven is not there.
    let wanted = Wanted::Application(format!("a{}", random.below(6)));
    let user = format!("u{}", if random.one_in(10) { 9 } else { random.below(world.users.len()) });
    let named = !random.one_in(4);
    let device_id = if named { format!("d{}", random.below(3)) } else { String::new() };
    let device = (named && !random.one_in(6)).then(|| Device {
        meta: Meta::new(directory(), &device_id, "o", Timestamp::default()),
        display_name: "device".into(),
        user: if random.one_in(6) { "u8".into() } else { user.clone() },
        managed: random.one_in(2),
        posture: (!random.one_in(5)).then(|| Posture {
            os: random.of(&OSES),
            version: version(random),
            disk_encrypted: !random.one_in(3),
            reported: Timestamp::from_micros(now.as_micros() - i64::try_from(random.below(5)).unwrap() * 1_200_000_000),
        }),
        key_hash: [0; 32],
    });
    let query = AccessQuery {
        user,
        wanted,
        device_id,
        device,
        source: (!random.one_in(5)).then(|| random.of(&SOURCES).parse().unwrap()),
        strength: (!random.one_in(4)).then(|| random.of(&STRENGTHS)),
        groups: if random.one_in(3) { random.ids("g", 4, 2) } else { BTreeSet::new() },
        attributes: if random.one_in(3) { random.ids("department=", 3, 2) } else { BTreeSet::new() },
    };
    (query, now)
}
