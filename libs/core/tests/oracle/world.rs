//! Random worlds, and what happens in them.

use bailiwick_core::{
    AccountId, DirectoryId, IdentityName, PrincipalKind, TrustedService,
    authz::{ControlPolicy, Document, Fact, FactChange, FolderFact, IdentityFact, Placement, PolicyKind, SystemPolicy},
};
use std::collections::HashMap;

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

/// A control policy: one that allows everything, one that allows what is of the directory, one that denies what is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    Full,
    Organization,
    NoReading,
    /// Nothing is done to account 1, by whatever name.
    NotOne,
}

impl Bound {
    pub fn of(self, number: u8) -> ControlPolicy {
        let id = match self {
            Self::Full => return ControlPolicy::FullAccess,
            Self::Organization => "organization",
            Self::NoReading => "no-reading",
            Self::NotOne => "not-one",
        };
        ControlPolicy::Custom(format!("{}/controlPolicies/{id}", directory(number).name()))
    }

    fn document(self) -> Document {
        let statement = match self {
            Self::Full => r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#,
            Self::Organization => r#"{"Effect":"Allow","Action":["directory:*","delegation:*"],"Resource":"*"}"#,
            Self::NoReading => {
                r#"{"Effect":"Allow","Action":"*","Resource":"*"},
                   {"Effect":"Deny","Action":["*:Get*","*:List*"],"Resource":"*"}"#
            }
            Self::NotOne => {
                r#"{"Effect":"Allow","Action":"*","Resource":"*"},
                   {"Effect":"Deny","Action":"*","Resource":"accounts/1000000000000001"}"#
            }
        };
        let text = format!(r#"{{"Version":"1","Statement":[{statement}]}}"#);
        Document::parse(PolicyKind::Control, &text).unwrap()
    }
}

/// Few folders, so that trees and circles of them occur.
pub const FOLDERS: u8 = 4;

pub fn folder(number: u8) -> String {
    format!("f{number}")
}

/// Something that happens.
#[derive(Clone, Debug)]
pub enum Event {
    Join {
        account: u8,
        directory: u8,
        enrolled: Vec<TrustedService>,
        reversed: bool,
    },
    Leave {
        account: u8,
        tidily: bool,
        reversed: bool,
    },
    ToldAgain {
        account: u8,
    },
    Deleted {
        account: u8,
    },
    /// Of a designation: for the folder of this number, or the whole directory.
    Told {
        what: What,
        account: u8,
        service: TrustedService,
        of: Which,
        removed: bool,
        folder: Option<u8>,
    },
    /// The account stands elsewhere from now on.
    Placed {
        account: u8,
        folder: u8,
        bounds: Vec<Bound>,
        suspended: bool,
    },
    /// A folder lies in another from now on; none for the root folder.
    Folder {
        directory: u8,
        folder: u8,
        parent: Option<u8>,
        bounds: Vec<Bound>,
        removed: bool,
    },
    /// Control policies bound the members, or do not.
    Bounded {
        directory: u8,
        enabled: bool,
    },
    /// The documents of the control policies of this directory become known, or unknown.
    Documents {
        directory: u8,
        removed: bool,
    },
    Trust {
        directory: u8,
        service: TrustedService,
        removed: bool,
    },
    Manage {
        directory: u8,
        account: u8,
    },
    Closed {
        directory: u8,
    },
    Invite {
        directory: u8,
        invitation: u8,
        account: u8,
        removed: bool,
    },
    Identity {
        who: Who,
        linked: bool,
        enabled: bool,
        generation: i64,
        policies: Vec<SystemPolicy>,
    },
    Forgotten {
        who: Who,
    },
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
    placed: HashMap<u8, (u8, Vec<Bound>, bool)>,
    bounded: Vec<u8>,
}

fn holds(fact: Fact) -> FactChange {
    FactChange { fact, removed: false }
}

fn gone(fact: Fact) -> FactChange {
    FactChange { fact, removed: true }
}

fn told(what: What, number: u8, service: TrustedService, of: u8, incarnation: String, at: Option<u8>) -> Fact {
    let (directory, account) = (directory(of), account(number));
    match what {
        What::Designation => Fact::Delegation { directory, service, account, incarnation, folder: at.map(folder) },
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
                let mut facts = vec![holds(self.account(number, membership))];
                facts.extend(
                    enrolled
                        .into_iter()
                        .map(|s| holds(told(What::Enrolment, number, s, of, incarnation.clone(), None))),
                );
                in_order(facts, reversed)
            }
            Event::Leave { account: number, tidily, reversed } => {
                let left = self.end(number);
                let mut facts = Vec::new();
                if let Some(of) = left.filter(|_| tidily) {
                    let removals =
                        |what| TrustedService::ALL.map(|s| gone(told(what, number, s, of, String::new(), None)));
                    facts.extend(removals(What::Designation));
                    facts.extend(removals(What::Enrolment));
                }
                facts.push(holds(self.account(number, None)));
                in_order(facts, reversed)
            }
            Event::ToldAgain { account: number } => {
                let present = self.present.iter().find(|(a, ..)| *a == number);
                let membership = present.map(|(_, of, incarnation)| (directory(*of), incarnation.clone()));
                vec![holds(self.account(number, membership))]
            }
            Event::Deleted { account: number } => {
                self.end(number);
                let identities = [Who::Root(number), Who::User(number), Who::Role(number)];
                let mut facts: Vec<_> = identities.map(forgotten).into();
                facts.push(gone(self.account(number, None)));
                facts
            }
            Event::Told { what, account, service, of, removed, folder } => {
                if what == What::Designation && !removed {
                    self.designated.push((account, service));
                }
                let (directory, incarnation) = self.membership(account, of);
                vec![FactChange { fact: told(what, account, service, directory, incarnation, folder), removed }]
            }
            Event::Trust { directory: of, service, removed } => {
                vec![FactChange { fact: Fact::TrustedAccess { directory: directory(of), service }, removed }]
            }
            Event::Manage { directory: of, account: number } => {
                self.managers.retain(|(d, _)| *d != of);
                self.managers.push((of, number));
                vec![holds(self.directory(of))]
            }
            Event::Closed { directory: of } => {
                let members = self.members(of);
                let mut facts = vec![gone(Fact::Directory {
                    directory: directory(of),
                    management_account: None,
                    control_policies_enabled: false,
                })];
                self.managers.retain(|(d, _)| *d != of);
                self.bounded.retain(|d| *d != of);
                facts.extend(members.into_iter().map(|number| {
                    self.end(number);
                    holds(self.account(number, None))
                }));
                facts
            }
            Event::Invite { directory: of, invitation, account: number, removed } => {
                let account = Some(account(number)).filter(|_| !removed);
                let invitation = format!("i{invitation}");
                vec![FactChange { fact: Fact::Invitation { directory: directory(of), invitation, account }, removed }]
            }
            Event::Placed { account: number, folder, bounds, suspended } => {
                self.placed.insert(number, (folder, bounds, suspended));
                self.write(&Event::ToldAgain { account: number })
            }
            Event::Folder { directory: of, folder: number, parent, bounds, removed } => {
                let control_policies = bounds.into_iter().map(|bound| bound.of(of)).collect();
                let fact = FolderFact { parent: parent.map(folder), control_policies };
                let fact = Fact::Folder { directory: directory(of), folder: folder(number), fact: Some(fact) };
                vec![FactChange { fact, removed }]
            }
            Event::Bounded { directory: of, enabled } => {
                self.bounded.retain(|d| *d != of);
                if enabled {
                    self.bounded.push(of);
                }
                vec![holds(self.directory(of))]
            }
            Event::Documents { directory: of, removed } => [Bound::Organization, Bound::NoReading, Bound::NotOne]
                .map(|bound| {
                    let policy = bound.of(of).name().to_owned();
                    FactChange { fact: Fact::Policy { policy, document: Some(bound.document()) }, removed }
                })
                .into(),
            Event::Identity { who, linked, enabled, generation, policies } => {
                let policies = policies.into_iter().map(Into::into).collect();
                let kind = who.kind(linked);
                let fact = IdentityFact { kind, enabled, generation, policies, trust_policy: None };
                vec![holds(Fact::Identity { identity: who.name(), fact: Some(fact) })]
            }
            Event::Forgotten { who } => vec![forgotten(who)],
        }
    }

    /// The account as it stands: what was said of its place stays said.
    fn account(&self, number: u8, membership: Option<(DirectoryId, String)>) -> Fact {
        let placement = match (membership.as_ref(), self.placed.get(&number)) {
            (Some((of, _)), Some((at, bounds, suspended))) => {
                let of = (0..DIRECTORIES).find(|number| directory(*number) == *of).unwrap();
                let control_policies = bounds.iter().map(|bound| bound.of(of)).collect();
                Placement { folder: folder(*at), control_policies, suspended: *suspended }
            }
            (Some(_), None) => {
                Placement { folder: folder(0), control_policies: [ControlPolicy::FullAccess].into(), suspended: false }
            }
            (None, _) => Placement::default(),
        };
        Fact::Account { account: account(number), membership, placement }
    }

    fn directory(&self, of: u8) -> Fact {
        let manager = self.managers.iter().find(|(d, _)| *d == of).map(|(_, number)| account(*number));
        Fact::Directory {
            directory: directory(of),
            management_account: manager,
            control_policies_enabled: self.bounded.contains(&of),
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
    let folder = prop::option::weighted(0.3, 0..FOLDERS);
    (select(vec![What::Designation, What::Enrolment]), 0..ACCOUNTS, services(), of, removed, folder).prop_map(
        |(what, account, service, of, removed, folder)| {
            let folder = folder.filter(|_| what == What::Designation);
            Event::Told { what, account, service, of, removed, folder }
        },
    )
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

fn bounds() -> impl Strategy<Value = Vec<Bound>> {
    prop_oneof![
        6 => Just(vec![Bound::Full]),
        3 => vec(select(vec![Bound::Full, Bound::Organization, Bound::NoReading, Bound::NotOne]), 0..3),
    ]
}

fn placed() -> impl Strategy<Value = Event> {
    (0..ACCOUNTS, 0..FOLDERS, bounds(), prop::bool::weighted(0.1))
        .prop_map(|(account, folder, bounds, suspended)| Event::Placed { account, folder, bounds, suspended })
}

/// A folder somewhere: mostly one below another, so that there is a tree, and sometimes anywhere.
fn somewhere() -> impl Strategy<Value = Event> {
    let parent = prop_oneof![4 => Just(None), 1 => (0..=FOLDERS).prop_map(Some)];
    (0..DIRECTORIES, 0..FOLDERS, parent, bounds(), prop::bool::weighted(0.1)).prop_map(
        |(directory, folder, parent, bounds, removed)| {
            let parent = parent.or(folder.checked_sub(1));
            Event::Folder { directory, folder, parent, bounds, removed }
        },
    )
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
        4 => placed(),
        3 => somewhere(),
        1 => (0..DIRECTORIES, any::<bool>()).prop_map(|(directory, enabled)| Event::Bounded { directory, enabled }),
        1 => (0..DIRECTORIES, prop::bool::weighted(0.3))
            .prop_map(|(directory, removed)| Event::Documents { directory, removed }),
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
    let tree = (0..DIRECTORIES).prop_map(|bounded| {
        let folders = (0..DIRECTORIES).flat_map(|directory| {
            (0..FOLDERS).map(move |folder| Event::Folder {
                directory,
                folder,
                parent: folder.checked_sub(1),
                bounds: vec![Bound::Full],
                removed: false,
            })
        });
        let documents = (0..DIRECTORIES).map(|directory| Event::Documents { directory, removed: false });
        let bounded = Event::Bounded { directory: bounded, enabled: true };
        folders.chain(documents).chain([bounded]).collect::<Vec<_>>()
    });
    let rest =
        (vec(trust(Just(false)), 8..20), vec(told_of(Just(Which::Present), Just(false)), 8..24), vec(invite(), 0..4));
    let places = vec(placed(), 0..6);
    (identities, memberships, managers, rest, (tree, places)).prop_map(
        |(identities, memberships, managers, (trust, told, invited), (tree, places))| {
            [identities, memberships, managers.concat(), trust, told, invited, tree, places].concat()
        },
    )
}
