//! The authorization matrix: every RPC as every kind of caller, compared with a committed table that a person can read.

mod bastion_requests;
mod callers;
mod live;
mod requests;
mod sase_requests;

use std::{fmt::Write, sync::LazyLock};

use bailiwick_api::{inspect, rules};
use bailiwick_core::{
    IdentityName, PrincipalKind, Timestamp, TrustedService,
    authz::{
        Caller, Environment, Fact, FactChange, IdentityFact, Placement, Principal, Rule, Snapshot, SystemPolicy,
        Targets, decide,
    },
};
use prost_reflect::{DescriptorPool, DynamicMessage, prost::Message};

use crate::{
    golden,
    world::{Names, Who},
};
use callers::{Column, columns};

/// The request of a method, encoded.
pub fn encoded_request(rule: &Rule, names: &Names) -> Vec<u8> {
    static POOL: LazyLock<DescriptorPool> =
        LazyLock::new(|| DescriptorPool::decode(bailiwick_api::DESCRIPTORS).unwrap());
    let (service, method) = rule.method().split_once('/').unwrap();
    let service = POOL.get_service_by_name(service).unwrap();
    let input = service.methods().find(|m| m.name() == method).unwrap().input();
    let json = requests::request(rule.method(), names);
    DynamicMessage::deserialize(input, json).unwrap_or_else(|e| panic!("{}: {e}", rule.path)).encode_to_vec()
}

/// How a call is decided: `allow`, or the reason of the refusal.
pub fn decided(rule: &Rule, caller: &Caller, facts: &Snapshot, targets: &Targets) -> &'static str {
    match decide(rule, caller, facts, targets, &Environment::at(Timestamp::default())) {
        Ok(_) => "allow",
        Err(refusal) => refusal.reason.as_str(),
    }
}

pub fn caller(column: Column, rule: &Rule, names: &Names) -> Caller {
    let identity = match column {
        Column::Nobody => return Caller::Anonymous,
        Column::Service => return Caller::Service(callers::service(rule)),
        Column::Operator => IdentityName::Operator("platform".to_owned()),
        Column::Account(relation, user) => IdentityName::User(names.account(relation.who(rule)), user.to_owned()),
    };
    Caller::Identity(Principal::new(identity, 1, ""))
}

/// The facts of the world.
pub fn facts(names: &Names) -> Snapshot {
    let mut facts = Vec::new();
    let account = |who| names.account(who);
    for who in Who::ALL {
        let membership = match who {
            Who::Standalone | Who::Invitee => None,
            Who::OtherDirectory => Some((names.other_directory, "1".to_owned())),
            _ => Some((names.directory, "1".to_owned())),
        };
        facts.push(Fact::Account { account: account(who), membership, placement: Placement::default() });
        for (user, kind, policies) in [
            ("root", PrincipalKind::Root, Vec::new()),
            ("full", PrincipalKind::User, vec![SystemPolicy::AdministratorAccess]),
            ("bare", PrincipalKind::User, Vec::new()),
        ] {
            facts.push(identity(IdentityName::User(account(who), user.to_owned()), kind, policies));
        }
    }
    facts.push(Fact::Account {
        account: names.created,
        membership: Some((names.directory, "1".to_owned())),
        placement: Placement::default(),
    });
    let operator = IdentityName::Operator("platform".to_owned());
    facts.push(identity(operator, PrincipalKind::PlatformOperator, Vec::new()));
    let directories = [(names.directory, Who::Management), (names.other_directory, Who::OtherDirectory)];
    for (directory, who) in directories {
        facts.push(Fact::Directory {
            directory,
            management_account: Some(account(who)),
            control_policies_enabled: false,
        });
    }
    for service in TrustedService::ALL {
        let (directory, incarnation) = (names.directory, "1".to_owned());
        facts.push(Fact::TrustedAccess { directory, service });
        facts.push(Fact::Delegation {
            directory,
            service,
            account: account(Who::administrator(service)),
            incarnation: incarnation.clone(),
            folder: None,
        });
        for account in [names.created, account(Who::Member)] {
            facts.push(Fact::Enrolment { directory, service, account, incarnation: incarnation.clone() });
        }
    }
    facts.push(Fact::Invitation {
        directory: names.directory,
        invitation: names.invitation.clone(),
        account: Some(account(Who::Invitee)),
    });
    let mut snapshot = Snapshot::empty();
    snapshot.apply(1, facts.into_iter().map(|fact| FactChange { fact, removed: false }));
    snapshot
}

fn identity(identity: IdentityName, kind: PrincipalKind, policies: Vec<SystemPolicy>) -> Fact {
    Fact::Identity {
        identity,
        fact: Some(IdentityFact {
            kind,
            enabled: true,
            generation: 1,
            policies: policies.into_iter().map(Into::into).collect(),
            trust_policy: None,
        }),
    }
}

#[test]
fn every_rpc_is_decided_for_every_kind_of_caller_as_the_golden_table_says() {
    let names = Names::fixed();
    let facts = facts(&names);
    let mut table = String::from(
        "# Every RPC and how it is decided for each kind of caller. `make matrix` writes it; a change here is a change of\n\
         # who may do what. root, full (AdministratorAccess) and bare (no policy) are identities of the account named.\n",
    );
    for rule in rules() {
        let service = rule.trusted_service.map(|s| format!(" of {s}")).unwrap_or_default();
        let _ = writeln!(table, "\n{} [{}{service}]", rule.method(), rule.seat.as_str());
        let targets = inspect(rule, &encoded_request(rule, &names)).unwrap().targets;
        let mut by_outcome: Vec<(&str, Vec<String>)> = Vec::new();
        for column in columns() {
            let outcome = decided(rule, &caller(column, rule, &names), &facts, &targets);
            match by_outcome.iter_mut().find(|(known, _)| *known == outcome) {
                Some((_, labels)) => labels.push(column.label()),
                None => by_outcome.push((outcome, vec![column.label()])),
            }
        }
        by_outcome.sort_by_key(|(outcome, _)| (*outcome != "allow", *outcome));
        for (outcome, labels) in by_outcome {
            let _ = writeln!(table, "  {outcome}: {}", labels.join(" "));
        }
    }
    golden::assert("authz-matrix.txt", &table);
}
