//! What the benchmark of decisions runs: a world of a given size, asked in process.

#![expect(clippy::expect_used, reason = "a measurement that cannot be set up must fail loudly")]

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::{AccountId, Clock, DirectoryId, SystemClock, Timestamp};
use bailiwick_db::{Db, DbError, Tx};
use sha2::{Digest, Sha256};

use crate::access::{
    domain::{
        AccessPolicy, AccessQuery, Action, Application, Conditions, Credential, Decider, EnforcementPoint,
        IdentityProvider, IdentitySettings, Members, Meta, Ports, Protocol, Resource, SaseInstance, SaseUser, Subjects,
        Targets, UserGroup, Wanted, World,
    },
    store,
};

/// How many users a group has.
const GROUP: usize = 100;
/// How many tags applications have between them.
const TAGS: usize = 50;

/// How much there is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Policies: of each five, two are about groups and tags, one about a user, one about an attribute, one about all.
    pub policies: usize,
    /// Applications, spread over the members.
    pub applications: usize,
    /// Users, in groups of a hundred.
    pub users: usize,
    /// Members, in one folder.
    pub members: usize,
}

/// A compiled world, and questions to it.
pub struct Measured {
    decider: Decider,
    size: Size,
    now: Timestamp,
}

impl Measured {
    /// Compiles a world.
    pub fn new(size: Size) -> Self {
        let decider = Decider::new(world(size)).expect("the policies compile");
        Self { decider, size, now: SystemClock.now() }
    }

    /// Whether a question is decided with an allow: the whole decision, as a call makes it.
    pub fn decide(&self, n: usize) -> bool {
        self.decider.decide(&self.query(n), self.now).action == Action::Allow
    }

    /// The same question, prepared, to Cedar alone; none if no policy could match. Called, it asks.
    pub fn bare(&self, n: usize) -> Option<impl Fn() + '_> {
        self.decider.bare(&self.query(n), self.now).expect("the question is one of Cedar's")
    }

    fn query(&self, n: usize) -> AccessQuery {
        AccessQuery {
            user: format!("u{}", n * 7_919 % self.size.users),
            wanted: Wanted::Application(format!("a{}", n * 104_729 % self.size.applications)),
            device_id: String::new(),
            device: None,
            source: Some([10, 1, 2, 3].into()),
            strength: None,
            groups: BTreeSet::new(),
            attributes: BTreeSet::new(),
        }
    }
}

/// A member.
pub fn account(n: usize) -> AccountId {
    let n = 1_000_000_000_001_000 + u64::try_from(n).expect("a number");
    AccountId::try_from(n).expect("an account id")
}

/// Stores such a world in the directory of the benchmark, but for its members, with a provider of that issuer whose claim
/// `sub` is the id of a user, and an enforcement point. Returns the credential of the point.
///
/// # Errors
/// Of the database.
pub async fn fill(db: &Db, size: Size, issuer: &str) -> Result<String, DbError> {
    let world = world(size);
    let instance = SaseInstance { meta: meta(""), allow_sample_every: 10, decision_retention_days: 90 };
    let directory = instance.meta.directory;
    let settings = IdentitySettings {
        display_name: "main".to_owned(),
        issuer: issuer.to_owned(),
        audiences: vec!["cli".to_owned()],
        user_claim: "sub".to_owned(),
        ..IdentitySettings::default()
    };
    let provider = IdentityProvider { meta: meta("main"), settings };
    let secret = "secret-of-the-benchmark";
    let point = EnforcementPoint {
        meta: meta("edge"),
        display_name: "edge".to_owned(),
        token_header: "authorization".to_owned(),
        forward_token: false,
        secret_hash: Sha256::digest(secret).into(),
        former: None,
    };
    let (world, instance, provider, point) = (&world, &instance, &provider, &point);
    let work = |tx: Tx| async move {
        store::head_lock(tx.conn(), directory).await?;
        store::instance_save(tx.conn(), instance).await?;
        save(&tx, world.applications.values()).await?;
        save(&tx, world.users.values()).await?;
        save(&tx, world.groups.values()).await?;
        save(&tx, world.policies.values()).await?;
        save(&tx, [provider]).await?;
        save(&tx, [point]).await?;
        store::generation_next(tx.conn(), directory).await
    };
    db.write("sase_measuring", work).await?;
    Ok(Credential { directory, id: "edge", secret }.text())
}

async fn save<'a, T: Resource + 'a>(tx: &Tx, all: impl IntoIterator<Item = &'a T>) -> Result<(), DbError> {
    for one in all {
        store::save(tx.conn(), one).await?;
    }
    Ok(())
}

/// How many members are known by now.
///
/// # Errors
/// Of the database.
pub async fn members_known(db: &Db) -> Result<usize, DbError> {
    Ok(store::managed(db.reader(), meta("").directory).await?.len())
}

fn world(size: Size) -> World {
    World {
        members: (0..size.members).map(|n| (account(n), "root".to_owned())).collect(),
        folders: BTreeMap::from([("root".to_owned(), String::new())]),
        applications: by_id((0..size.applications).map(|n| application(n, account(n % size.members)))),
        users: by_id((0..size.users).map(user)),
        groups: by_id((0..size.users.div_ceil(GROUP)).map(|n| group(n, size.users))),
        policies: by_id((0..size.policies).map(|n| policy(n, size))),
        blocks: BTreeMap::new(),
        ram_users: BTreeSet::new(),
    }
}

fn by_id<T: Resource>(all: impl Iterator<Item = T>) -> BTreeMap<String, T> {
    all.map(|one| (one.meta().id.clone(), one)).collect()
}

fn meta(id: &str) -> Meta {
    let directory: DirectoryId = "rd-0000000000001".parse().expect("a directory id");
    Meta::new(directory, id, "o", Timestamp::default())
}

fn application(n: usize, account: AccountId) -> Application {
    Application {
        meta: meta(&format!("a{n}")),
        display_name: format!("application {n}"),
        account,
        hosts: vec![format!("a{n}.example")],
        ports: vec![Ports { first: 443, last: 443 }],
        protocol: Protocol::Http,
        http_paths: Vec::new(),
        http_methods: Vec::new(),
        tags: vec![format!("t{}", n % TAGS)],
    }
}

fn user(n: usize) -> SaseUser {
    SaseUser {
        meta: meta(&format!("u{n}")),
        display_name: format!("user {n}"),
        ram_user: String::new(),
        attributes: vec![format!("department=d{}", n % 20)],
        disabled: false,
    }
}

fn group(n: usize, users: usize) -> UserGroup {
    UserGroup {
        meta: meta(&format!("g{n}")),
        display_name: format!("group {n}"),
        users: (n * GROUP..users.min((n + 1) * GROUP)).map(|n| format!("u{n}")).collect(),
        groups: BTreeSet::new(),
    }
}

fn policy(n: usize, size: Size) -> AccessPolicy {
    let some = |users: BTreeSet<String>, groups: BTreeSet<String>, attributes: BTreeSet<String>| Subjects::Some {
        users,
        groups,
        attributes,
    };
    let none = BTreeSet::new;
    let groups = size.users.div_ceil(GROUP);
    let subjects = match n % 5 {
        0 | 1 => some(none(), (0..5).map(|m| format!("g{}", (n + m * 17) % groups)).collect(), none()),
        2 => some(BTreeSet::from([format!("u{}", n * 31 % size.users)]), none(), none()),
        3 => some(none(), none(), BTreeSet::from([format!("department=d{}", n % 20)])),
        _ => Subjects::All,
    };
    let targets = match n % 2 {
        0 => Targets::Tags(BTreeSet::from([format!("t{}", n % TAGS)])),
        _ => Targets::Applications((0..3).map(|m| format!("a{}", (n + m * 101) % size.applications)).collect()),
    };
    let networks = n.is_multiple_of(3).then(|| "10.0.0.0/8".parse().expect("a range"));
    AccessPolicy {
        meta: meta(&format!("p{n}")),
        display_name: format!("policy {n}"),
        priority: u16::try_from(1 + n % 1_000).expect("a priority"),
        action: if n.is_multiple_of(4) { Action::Block } else { Action::Allow },
        enabled: true,
        start: None,
        end: None,
        subjects,
        targets,
        members: Members::All,
        conditions: Conditions { networks: networks.into_iter().collect(), ..Conditions::default() },
    }
}
