//! Random worlds, and what happens in them.

use bailiwick_core::{
    AccountId, DirectoryId, IdentityName, PrincipalKind, TrustedService,
    authz::{Fact, FactChange, IdentityFact, SystemPolicy},
};
use proptest::{collection::vec, prelude::*, sample::select};

/// Few accounts and directories, so that relations meet; one more of each is named, and never exists.
pub const ACCOUNTS: u8 = 6;
pub const DIRECTORIES: u8 = 2;

pub fn account(number: u8) -> AccountId {
    (1_000_000_000_000_000 + u64::from(number)).try_into().unwrap()
}

pub fn directory(number: u8) -> DirectoryId {
    format!("rd-000000000000{number}").parse().unwrap()
}

/// The identities of an account, or the operator of the platform.
#[derive(Clone, Copy, Debug)]
pub enum Who {
    Root(u8),
    User(u8),
    Role(u8),
    Operator,
}

impl Who {
    pub fn name(self) -> IdentityName {
        match self {
            Self::Root(number) => IdentityName::root(account(number)),
            Self::User(number) => IdentityName::User(account(number), "alice".to_owned()),
            Self::Role(number) => IdentityName::Role(account(number), "auditor".to_owned()),
            Self::Operator => IdentityName::Operator("olga".to_owned()),
        }
    }

    fn kind(self, linked: bool) -> PrincipalKind {
        match self {
            Self::Root(_) => PrincipalKind::Root,
            Self::User(_) => PrincipalKind::User,
            Self::Role(_) if linked => PrincipalKind::ServiceLinkedRole,
            Self::Role(_) => PrincipalKind::Role,
            // The name alone makes no operator of the platform.
            Self::Operator if linked => PrincipalKind::User,
            Self::Operator => PrincipalKind::PlatformOperator,
        }
    }
}

/// The membership that a designation or an enrolment is told of.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    Present,
    /// One that has ended: a late word.
    Past,
    /// The present one, but of another directory than it is.
    Elsewhere,
    /// Whichever: only removals may say so; of anything else it must count for nothing.
    Unsaid,
}

/// What is told of a membership.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What {
    Designation,
    Enrolment,
}

/// Something that happens.
#[derive(Clone, Debug)]
pub enum Event {
    Join { account: u8, directory: u8, enrolled: Vec<TrustedService>, reversed: bool },
    Leave { account: u8, tidily: bool, reversed: bool },
    ToldAgain { account: u8 },
    Deleted { account: u8 },
    Told { what: What, account: u8, service: TrustedService, of: Which, removed: bool },
    Trust { directory: u8, service: TrustedService, removed: bool },
    Manage { directory: u8, account: u8 },
    Closed { directory: u8 },
    Invite { directory: u8, invitation: u8, account: u8, removed: bool },
    Identity { who: Who, linked: bool, enabled: bool, generation: i64, policies: Vec<SystemPolicy> },
    Forgotten { who: Who },
}

/// Writes down what happens as `directory` and `delegation` do: it knows the memberships and numbers them. Of the rest
/// it knows roughly who has something to say where, so that calls can be aimed at what is there.
#[derive(Clone, Debug, Default)]
pub struct Scribe {
    numbers: u32,
    present: Vec<(u8, u8, String)>,
    past: Vec<(u8, u8, String)>,
    managers: Vec<(u8, u8)>,
    designated: Vec<(u8, TrustedService)>,
}

fn holds(fact: Fact) -> FactChange {
    FactChange { fact, removed: false }
}

fn gone(fact: Fact) -> FactChange {
    FactChange { fact, removed: true }
}

fn told(what: What, number: u8, service: TrustedService, of: u8, incarnation: String) -> Fact {
    let (directory, account) = (directory(of), account(number));
    match what {
        What::Designation => Fact::Delegation { directory, service, account, incarnation },
        What::Enrolment => Fact::Enrolment { directory, service, account, incarnation },
    }
}

impl Scribe {
    /// The facts of one event, which are one change of the log.
    pub fn write(&mut self, event: &Event) -> Vec<FactChange> {
        match event.clone() {
            Event::Join { account: number, directory: of, enrolled, reversed } => {
                self.end(number);
                self.numbers += 1;
                let incarnation = format!("m{}", self.numbers);
                self.present.push((number, of, incarnation.clone()));
                let membership = Some((directory(of), incarnation.clone()));
                let mut facts = vec![holds(Fact::Account { account: account(number), membership })];
                facts.extend(
                    enrolled.into_iter().map(|s| holds(told(What::Enrolment, number, s, of, incarnation.clone()))),
                );
                in_order(facts, reversed)
            }
            Event::Leave { account: number, tidily, reversed } => {
                let left = self.end(number);
                let mut facts = Vec::new();
                if let Some(of) = left.filter(|_| tidily) {
                    let removals = |what| TrustedService::ALL.map(|s| gone(told(what, number, s, of, String::new())));
                    facts.extend(removals(What::Designation));
                    facts.extend(removals(What::Enrolment));
                }
                facts.push(holds(Fact::Account { account: account(number), membership: None }));
                in_order(facts, reversed)
            }
            Event::ToldAgain { account: number } => {
                let present = self.present.iter().find(|(a, ..)| *a == number);
                let membership = present.map(|(_, of, incarnation)| (directory(*of), incarnation.clone()));
                vec![holds(Fact::Account { account: account(number), membership })]
            }
            Event::Deleted { account: number } => {
                self.end(number);
                let identities = [Who::Root(number), Who::User(number), Who::Role(number)];
                let mut facts: Vec<_> = identities.map(forgotten).into();
                facts.push(gone(Fact::Account { account: account(number), membership: None }));
                facts
            }
            Event::Told { what, account, service, of, removed } => {
                if what == What::Designation && !removed {
                    self.designated.push((account, service));
                }
                let (directory, incarnation) = self.membership(account, of);
                vec![FactChange { fact: told(what, account, service, directory, incarnation), removed }]
            }
            Event::Trust { directory: of, service, removed } => {
                vec![FactChange { fact: Fact::TrustedAccess { directory: directory(of), service }, removed }]
            }
            Event::Manage { directory: of, account: number } => {
                self.managers.retain(|(d, _)| *d != of);
                self.managers.push((of, number));
                vec![holds(Fact::Directory { directory: directory(of), management_account: Some(account(number)) })]
            }
            Event::Closed { directory: of } => {
                let members = self.members(of);
                let mut facts = vec![gone(Fact::Directory { directory: directory(of), management_account: None })];
                facts.extend(members.into_iter().map(|number| {
                    self.end(number);
                    holds(Fact::Account { account: account(number), membership: None })
                }));
                facts
            }
            Event::Invite { directory: of, invitation, account: number, removed } => {
                let account = Some(account(number)).filter(|_| !removed);
                let invitation = format!("i{invitation}");
                vec![FactChange { fact: Fact::Invitation { directory: directory(of), invitation, account }, removed }]
            }
            Event::Identity { who, linked, enabled, generation, policies } => {
                let fact = IdentityFact { kind: who.kind(linked), enabled, generation, policies: policies.into() };
                vec![holds(Fact::Identity { identity: who.name(), fact: Some(fact) })]
            }
            Event::Forgotten { who } => vec![forgotten(who)],
        }
    }

    /// The directory of the account's present membership.
    pub fn directory_of(&self, number: u8) -> Option<u8> {
        self.present.iter().find(|(a, ..)| *a == number).map(|(_, of, _)| *of)
    }

    /// The members of a directory.
    pub fn members(&self, of: u8) -> Vec<u8> {
        self.present.iter().filter(|(_, d, _)| *d == of).map(|(number, ..)| *number).collect()
    }

    /// Who manages a directory, and who was once designated for a service, or for any.
    pub fn administrators(&self, of: u8, service: Option<TrustedService>) -> Vec<u8> {
        let managers = self.managers.iter().filter(|(d, _)| *d == of).map(|(_, number)| *number);
        let designated = self.designated.iter().filter(|(_, s)| service.is_none_or(|service| *s == service));
        managers.chain(designated.map(|(number, _)| *number).filter(|n| self.directory_of(*n) == Some(of))).collect()
    }

    fn end(&mut self, number: u8) -> Option<u8> {
        let at = self.present.iter().position(|(a, ..)| *a == number)?;
        let ended = self.present.remove(at);
        self.past.push(ended.clone());
        Some(ended.1)
    }

    fn membership(&self, number: u8, of: Which) -> (u8, String) {
        let find = |list: &[(u8, u8, String)]| {
            let found = list.iter().rev().find(|(a, ..)| *a == number).cloned();
            found.map_or((0, "never".to_owned()), |(_, of, incarnation)| (of, incarnation))
        };
        let (of_present, incarnation) = find(&self.present);
        match of {
            Which::Present => (of_present, incarnation),
            Which::Past => find(&self.past),
            Which::Elsewhere => ((of_present + 1) % DIRECTORIES, incarnation),
            Which::Unsaid => (of_present, String::new()),
        }
    }
}

fn forgotten(who: Who) -> FactChange {
    gone(Fact::Identity { identity: who.name(), fact: None })
}

fn in_order(mut facts: Vec<FactChange>, reversed: bool) -> Vec<FactChange> {
    if reversed {
        facts.reverse();
    }
    facts
}

// === strategies ===

pub fn services() -> impl Strategy<Value = TrustedService> {
    select(&TrustedService::ALL[..])
}

pub fn who() -> impl Strategy<Value = Who> {
    prop_oneof![
        8 => (0..ACCOUNTS).prop_map(Who::Root),
        8 => (0..ACCOUNTS).prop_map(Who::User),
        4 => (0..ACCOUNTS).prop_map(Who::Role),
        1 => Just(Who::Operator),
    ]
}

fn policies() -> impl Strategy<Value = Vec<SystemPolicy>> {
    prop_oneof![
        3 => Just(vec![SystemPolicy::AdministratorAccess]),
        2 => vec(select(&SystemPolicy::ALL[..]), 0..4),
    ]
}

fn identity(who: impl Strategy<Value = Who>) -> impl Strategy<Value = Event> {
    (who, prop::bool::weighted(0.3), prop::bool::weighted(0.9), 0..3_i64, policies()).prop_map(
        |(who, linked, enabled, generation, policies)| Event::Identity { who, linked, enabled, generation, policies },
    )
}

fn join() -> impl Strategy<Value = Event> {
    (0..ACCOUNTS, 0..DIRECTORIES, vec(services(), 0..4), any::<bool>())
        .prop_map(|(account, directory, enrolled, reversed)| Event::Join { account, directory, enrolled, reversed })
}

fn told_of(of: impl Strategy<Value = Which>, removed: impl Strategy<Value = bool>) -> impl Strategy<Value = Event> {
    (select(vec![What::Designation, What::Enrolment]), 0..ACCOUNTS, services(), of, removed)
        .prop_map(|(what, account, service, of, removed)| Event::Told { what, account, service, of, removed })
}

fn trust(removed: impl Strategy<Value = bool>) -> impl Strategy<Value = Event> {
    (0..DIRECTORIES, services(), removed).prop_map(|(directory, service, removed)| Event::Trust {
        directory,
        service,
        removed,
    })
}

fn invite() -> impl Strategy<Value = Event> {
    (0..DIRECTORIES, 0..2_u8, 0..ACCOUNTS, prop::bool::weighted(0.3))
        .prop_map(|(directory, invitation, account, removed)| Event::Invite { directory, invitation, account, removed })
}

/// Anything that can happen.
pub fn event() -> impl Strategy<Value = Event> {
    let of = prop_oneof![
        6 => Just(Which::Present),
        2 => Just(Which::Past),
        1 => Just(Which::Elsewhere),
        1 => Just(Which::Unsaid),
    ];
    prop_oneof![
        4 => join(),
        3 => (0..ACCOUNTS, any::<bool>(), any::<bool>())
            .prop_map(|(account, tidily, reversed)| Event::Leave { account, tidily, reversed }),
        1 => (0..ACCOUNTS).prop_map(|account| Event::ToldAgain { account }),
        1 => (0..ACCOUNTS).prop_map(|account| Event::Deleted { account }),
        8 => told_of(of, prop::bool::weighted(0.35)),
        3 => trust(any::<bool>()),
        2 => (0..DIRECTORIES, 0..ACCOUNTS).prop_map(|(directory, account)| Event::Manage { directory, account }),
        1 => (0..DIRECTORIES).prop_map(|directory| Event::Closed { directory }),
        2 => invite(),
        3 => identity(who()),
        1 => who().prop_map(|who| Event::Forgotten { who }),
    ]
}

/// The events that made a world: everyone known and most in a directory, each directory managed, mostly by a member,
/// and some of the rest.
pub fn world() -> impl Strategy<Value = Vec<Event>> {
    let mut everyone = vec![Who::Operator];
    (0..ACCOUNTS).for_each(|number| everyone.extend([Who::Root(number), Who::User(number), Who::Role(number)]));
    let identities: Vec<_> = everyone.into_iter().map(|who| identity(Just(who))).collect();
    let memberships = vec(join(), 6..16);
    let managers: Vec<_> = (0..DIRECTORIES)
        .map(|directory| {
            let home = move |account| Event::Join { account, directory, enrolled: Vec::new(), reversed: false };
            let managed = move |(account, at_home): (u8, bool)| {
                let manage = Event::Manage { directory, account };
                if at_home { vec![home(account), manage] } else { vec![manage] }
            };
            (0..ACCOUNTS, prop::bool::weighted(0.9)).prop_map(managed)
        })
        .collect();
    let rest =
        (vec(trust(Just(false)), 8..20), vec(told_of(Just(Which::Present), Just(false)), 8..24), vec(invite(), 0..4));
    (identities, memberships, managers, rest).prop_map(|(identities, memberships, managers, (trust, told, invited))| {
        [identities, memberships, managers.concat(), trust, told, invited].concat()
    })
}
