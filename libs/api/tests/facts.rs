//! Access facts between the contract's form and core's.

use bailiwick_api::r#type::v1::{
    AccessFact, AccessFactChange, AccountFact, DelegationFact, DirectoryFact, EnrolmentFact, IdentityFact,
    InvitationFact, PolicyFact, PrincipalKind, RootUserFact, TrustedAccessFact, access_fact::Kind,
};
use bailiwick_core::{
    TrustedService,
    authz::{self, ControlPolicy, Fact, FactChange, Placement, SystemPolicy},
};

const ACCOUNT: &str = "accounts/1000000000000003";
const DIRECTORY: &str = "directories/rd-0000000000001";
const INVITATION: &str = "directories/rd-0000000000001/invitations/i1";
const FOLDER: &str = "directories/rd-0000000000001/folders/f1";
const CONTROL_POLICY: &str = "directories/rd-0000000000001/controlPolicies/freeze";
const USER: &str = "accounts/1000000000000003/users/alice";

fn text(text: &str) -> String {
    text.to_owned()
}

fn account() -> AccountFact {
    AccountFact {
        account: text(ACCOUNT),
        directory: text(DIRECTORY),
        incarnation: text("m1"),
        folder: text(FOLDER),
        control_policies: vec![format!("{DIRECTORY}/controlPolicies/FullAliyunAccess"), text(CONTROL_POLICY)],
        suspended: true,
        ..Default::default()
    }
}

fn identity() -> IdentityFact {
    IdentityFact {
        identity: text(USER),
        kind: PrincipalKind::User.into(),
        enabled: true,
        generation: 4,
        policies: vec![text("AliyunCSASFullAccess"), text("AdministratorAccess")],
        ..Default::default()
    }
}

fn directory() -> DirectoryFact {
    DirectoryFact { directory: text(DIRECTORY), management_account: text(ACCOUNT), control_policies_enabled: true }
}

fn trusted() -> TrustedAccessFact {
    TrustedAccessFact { directory: text(DIRECTORY), trusted_service: text("sase") }
}

fn delegation() -> DelegationFact {
    DelegationFact {
        directory: text(DIRECTORY),
        trusted_service: text("bastionhost"),
        account: text(ACCOUNT),
        incarnation: text("m1"),
        folder: text(FOLDER),
    }
}

fn enrolment() -> EnrolmentFact {
    EnrolmentFact {
        directory: text(DIRECTORY),
        trusted_service: text("threat-analysis"),
        account: text(ACCOUNT),
        incarnation: text("m1"),
        uid: text("e1"),
    }
}

fn invitation() -> InvitationFact {
    InvitationFact { invitation: text(INVITATION), account: text(ACCOUNT) }
}

fn root_user() -> RootUserFact {
    RootUserFact { account: text(ACCOUNT), enabled: true, access_keys: 2, security_info: true }
}

#[test]
fn facts_are_read_whole() {
    let id = "1000000000000003".parse().unwrap();
    let of = "rd-0000000000001".parse().unwrap();
    let known = authz::IdentityFact {
        kind: bailiwick_core::PrincipalKind::User,
        enabled: true,
        generation: 4,
        policies: [SystemPolicy::SaseFullAccess.into(), SystemPolicy::AdministratorAccess.into()].into(),
        trust_policy: None,
    };
    let incarnation = text("m1");
    let placement = Placement {
        folder: text("f1"),
        control_policies: [ControlPolicy::FullAccess, ControlPolicy::Custom(text(CONTROL_POLICY))].into(),
        suspended: true,
    };
    let standalone = AccountFact { account: text(ACCOUNT), ..Default::default() };
    for (kind, fact) in [
        (
            Kind::Account(account()),
            Fact::Account { account: id, membership: Some((of, incarnation.clone())), placement },
        ),
        (Kind::Account(standalone), Fact::Account { account: id, membership: None, placement: Placement::default() }),
        (
            Kind::Directory(directory()),
            Fact::Directory { directory: of, management_account: Some(id), control_policies_enabled: true },
        ),
        (Kind::Identity(identity()), Fact::Identity { identity: USER.parse().unwrap(), fact: Some(known) }),
        (Kind::TrustedAccess(trusted()), Fact::TrustedAccess { directory: of, service: TrustedService::Sase }),
        (
            Kind::Delegation(delegation()),
            Fact::Delegation {
                directory: of,
                service: TrustedService::Bastionhost,
                account: id,
                incarnation: incarnation.clone(),
                folder: Some(text("f1")),
            },
        ),
        (
            Kind::Enrolment(enrolment()),
            Fact::Enrolment { directory: of, service: TrustedService::ThreatAnalysis, account: id, incarnation },
        ),
        (Kind::Invitation(invitation()), Fact::Invitation { directory: of, invitation: text("i1"), account: Some(id) }),
        (Kind::RootUser(root_user()), Fact::RootUser { account: id }),
    ] {
        let read = AccessFactChange::holds(kind.clone()).to_core();
        assert_eq!(read, Ok(FactChange { fact, removed: false }), "{kind:?}");
    }
}

#[test]
fn of_what_is_removed_only_what_identifies_it_is_needed() {
    let id = "1000000000000003".parse().unwrap();
    let of = "rd-0000000000001".parse().unwrap();
    let nothing = String::new;
    for (kind, fact) in [
        (
            Kind::Account(AccountFact { account: text(ACCOUNT), ..Default::default() }),
            Fact::Account { account: id, membership: None, placement: Placement::default() },
        ),
        (
            Kind::Directory(DirectoryFact { management_account: nothing(), ..directory() }),
            Fact::Directory { directory: of, management_account: None, control_policies_enabled: false },
        ),
        (
            Kind::Identity(IdentityFact { identity: text(USER), ..Default::default() }),
            Fact::Identity { identity: USER.parse().unwrap(), fact: None },
        ),
        (Kind::TrustedAccess(trusted()), Fact::TrustedAccess { directory: of, service: TrustedService::Sase }),
        (
            Kind::Delegation(DelegationFact { incarnation: nothing(), ..delegation() }),
            Fact::Delegation {
                directory: of,
                service: TrustedService::Bastionhost,
                account: id,
                incarnation: nothing(),
                folder: None,
            },
        ),
        (
            Kind::Enrolment(EnrolmentFact { incarnation: nothing(), uid: nothing(), ..enrolment() }),
            Fact::Enrolment {
                directory: of,
                service: TrustedService::ThreatAnalysis,
                account: id,
                incarnation: nothing(),
            },
        ),
        (
            Kind::Invitation(InvitationFact { account: nothing(), ..invitation() }),
            Fact::Invitation { directory: of, invitation: text("i1"), account: None },
        ),
        (Kind::RootUser(root_user()), Fact::RootUser { account: id }),
    ] {
        let read = AccessFactChange::gone(kind.clone()).to_core();
        assert_eq!(read, Ok(FactChange { fact, removed: true }), "{kind:?}");
    }
    // What is there besides does not matter.
    for kind in [Kind::Account(account()), Kind::Directory(directory()), Kind::Identity(identity())] {
        assert!(AccessFactChange::gone(kind).to_core().is_ok());
    }
}

/// Malformed whether it holds or not: what identifies the fact cannot be read.
#[test]
fn a_fact_about_nothing_readable_is_an_error() {
    let nowhere = |name: &str| Kind::Account(AccountFact { account: text(name), ..Default::default() });
    let mut wrong = vec![
        nowhere(""),
        nowhere("1000000000000003"),
        nowhere("accounts/3"),
        nowhere(USER),
        nowhere(DIRECTORY),
        Kind::TrustedAccess(TrustedAccessFact { trusted_service: text("nope"), ..trusted() }),
        Kind::TrustedAccess(TrustedAccessFact { trusted_service: String::new(), ..trusted() }),
        Kind::Delegation(DelegationFact { account: text(USER), ..delegation() }),
        Kind::Delegation(DelegationFact { trusted_service: text("SASE"), ..delegation() }),
        Kind::Enrolment(EnrolmentFact { account: String::new(), ..enrolment() }),
        Kind::Enrolment(EnrolmentFact { trusted_service: text("*"), ..enrolment() }),
    ];
    for identity_name in ["", "alice", ACCOUNT, "accounts/1000000000000003/users/", "operators/", "roles/gateway"] {
        wrong.push(Kind::Identity(IdentityFact { identity: text(identity_name), ..identity() }));
    }
    for name in ["", ACCOUNT, INVITATION, "directories/x", "directories/rd-0000000000001/"] {
        wrong.push(Kind::Directory(DirectoryFact { directory: text(name), ..directory() }));
        wrong.push(Kind::TrustedAccess(TrustedAccessFact { directory: text(name), ..trusted() }));
        wrong.push(Kind::Delegation(DelegationFact { directory: text(name), ..delegation() }));
        wrong.push(Kind::Enrolment(EnrolmentFact { directory: text(name), ..enrolment() }));
    }
    let members = format!("{DIRECTORY}/members/1000000000000003");
    for name in ["", DIRECTORY, ACCOUNT, "i1", "accounts/1000000000000003/invitations/i1", &members] {
        wrong.push(Kind::Invitation(InvitationFact { invitation: text(name), ..invitation() }));
    }
    for kind in wrong {
        assert!(AccessFactChange::holds(kind.clone()).to_core().is_err(), "{kind:?}");
        assert!(AccessFactChange::gone(kind.clone()).to_core().is_err(), "{kind:?}");
    }
    for empty in
        [AccessFactChange::default(), AccessFactChange { fact: Some(AccessFact { kind: None }), removed: true }]
    {
        assert!(empty.to_core().is_err());
    }
}

#[test]
fn a_fact_that_holds_must_be_readable_whole() {
    let nothing = String::new;
    for kind in [
        Kind::Account(AccountFact { directory: text("rd-0000000000001"), ..account() }),
        Kind::Account(AccountFact { directory: format!("{DIRECTORY}/folders/f"), ..account() }),
        Kind::Account(AccountFact { incarnation: nothing(), ..account() }),
        Kind::Directory(DirectoryFact { management_account: nothing(), ..directory() }),
        Kind::Directory(DirectoryFact { management_account: text(USER), ..directory() }),
        Kind::Identity(IdentityFact { kind: 0, ..identity() }),
        Kind::Identity(IdentityFact { kind: 99, ..identity() }),
        Kind::Identity(IdentityFact { policies: vec![text("AliyunNoSuchAccess")], ..identity() }),
        Kind::Delegation(DelegationFact { incarnation: nothing(), ..delegation() }),
        Kind::Enrolment(EnrolmentFact { incarnation: nothing(), ..enrolment() }),
        Kind::Invitation(InvitationFact { account: nothing(), ..invitation() }),
    ] {
        assert!(AccessFactChange::holds(kind.clone()).to_core().is_err(), "{kind:?}");
    }
}

#[test]
fn a_key_is_of_what_the_fact_is_about() {
    let facts = [
        Kind::Account(account()),
        Kind::Directory(directory()),
        Kind::Identity(identity()),
        Kind::TrustedAccess(trusted()),
        Kind::Delegation(delegation()),
        Kind::Enrolment(EnrolmentFact { trusted_service: text("bastionhost"), ..enrolment() }),
        Kind::Invitation(invitation()),
        Kind::RootUser(root_user()),
    ];
    let key = |kind: Kind| AccessFact { kind: Some(kind) }.key();
    let keys: std::collections::BTreeSet<String> = facts.iter().cloned().map(key).collect();
    assert_eq!(keys.len(), facts.len());
    assert_eq!(key(Kind::Account(account())), key(Kind::Account(AccountFact { directory: text("x"), ..account() })));
    let again = EnrolmentFact { incarnation: text("m2"), uid: text("e2"), ..enrolment() };
    assert_eq!(key(Kind::Enrolment(enrolment())), key(Kind::Enrolment(again)));
    let other = EnrolmentFact { trusted_service: text("sase"), ..enrolment() };
    assert_ne!(key(Kind::Enrolment(enrolment())), key(Kind::Enrolment(other)));
}

#[test]
fn a_fact_that_is_gone_carries_its_key_alone() {
    let full = PolicyFact { policy: format!("{ACCOUNT}/policies/p"), document: "d".repeat(4_096) };
    let held = AccessFactChange::holds(Kind::Policy(full.clone()));
    let gone = AccessFactChange::gone(Kind::Policy(full));
    assert_eq!(gone.fact.as_ref().unwrap().key(), held.fact.as_ref().unwrap().key());
    let carried = gone.fact.and_then(|fact| fact.kind);
    let expected = PolicyFact { policy: format!("{ACCOUNT}/policies/p"), document: String::new() };
    assert_eq!(carried, Some(Kind::Policy(expected)));
}
