use super::*;
use crate::{
    PrincipalKind,
    authz::{AccountFact, Designation, Facts},
};

use TrustedService::{Bastionhost, Sase, SecurityCenter};

fn account() -> AccountId {
    1_000_000_000_000_003.try_into().unwrap()
}

fn directory(number: u8) -> DirectoryId {
    format!("rd-000000000000{number}").parse().unwrap()
}

fn holds(fact: Fact) -> FactChange {
    FactChange { fact, removed: false }
}

fn gone(fact: Fact) -> FactChange {
    FactChange { fact, removed: true }
}

fn member(incarnation: &str) -> Fact {
    Fact::Account {
        account: account(),
        membership: Some((directory(1), incarnation.to_owned())),
        placement: Placement::default(),
    }
}

fn standalone() -> Fact {
    Fact::Account { account: account(), membership: None, placement: Placement::default() }
}

fn enrolment(service: TrustedService, incarnation: &str) -> Fact {
    let incarnation = incarnation.to_owned();
    Fact::Enrolment { directory: directory(1), service, account: account(), incarnation }
}

fn delegation(service: TrustedService, incarnation: &str) -> Fact {
    let incarnation = incarnation.to_owned();
    Fact::Delegation { directory: directory(1), service, account: account(), incarnation, folder: None }
}

fn snapshot(changes: impl IntoIterator<Item = FactChange>) -> Snapshot {
    let mut snapshot = Snapshot::empty();
    snapshot.apply(1, changes);
    snapshot
}

fn enrolled(snapshot: &Snapshot, service: TrustedService) -> bool {
    snapshot.is_enrolled(directory(1), service, account())
}

fn administers(snapshot: &Snapshot, service: TrustedService) -> bool {
    snapshot.is_administrator(directory(1), service, account())
}

#[test]
fn within_a_change_accounts_come_first_whatever_their_place() {
    let facts = [holds(enrolment(Sase, "one")), holds(member("one")), holds(delegation(Sase, "one"))];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let snapshot = snapshot(order.map(|place| facts[place].clone()));
        assert!(enrolled(&snapshot, Sase) && administers(&snapshot, Sase), "{order:?}");
    }
    for order in [[0, 1], [1, 0]] {
        let mut snapshot = snapshot([holds(member("one"))]);
        let leaves = [holds(standalone()), holds(enrolment(Sase, "one"))];
        snapshot.apply(2, order.map(|place| leaves[place].clone()));
        snapshot.apply(3, [holds(member("two"))]);
        assert!(!enrolled(&snapshot, Sase), "{order:?}");
    }
}

#[test]
fn changes_of_one_kind_keep_their_order() {
    let ends = snapshot([holds(member("one")), holds(enrolment(Sase, "one")), gone(enrolment(Sase, ""))]);
    assert!(!enrolled(&ends, Sase));
    let again = snapshot([holds(member("one")), gone(enrolment(Sase, "")), holds(enrolment(Sase, "one"))]);
    assert!(enrolled(&again, Sase));
    let left = snapshot([holds(member("one")), holds(standalone())]);
    assert_eq!(left.account(account()), Some(AccountFact { directory: None, suspended: false }));
}

#[test]
fn services_are_told_apart() {
    let mut snapshot = snapshot([holds(member("one")), holds(enrolment(Sase, "one")), holds(delegation(Sase, "one"))]);
    for service in TrustedService::ALL {
        assert_eq!(enrolled(&snapshot, service), service == Sase);
        assert_eq!(administers(&snapshot, service), service == Sase);
    }
    snapshot.apply(2, [holds(enrolment(Bastionhost, "one")), gone(enrolment(SecurityCenter, ""))]);
    assert!(enrolled(&snapshot, Sase) && enrolled(&snapshot, Bastionhost));
    snapshot.apply(3, [gone(enrolment(Sase, ""))]);
    assert!(!enrolled(&snapshot, Sase) && enrolled(&snapshot, Bastionhost) && administers(&snapshot, Sase));
    snapshot.apply(4, [gone(delegation(Sase, ""))]);
    assert!(!administers(&snapshot, Sase) && enrolled(&snapshot, Bastionhost));
}

#[test]
fn a_membership_told_again_keeps_what_it_has() {
    let mut snapshot = snapshot([holds(member("one")), holds(enrolment(Sase, "one"))]);
    snapshot.apply(2, [holds(member("one"))]);
    assert!(enrolled(&snapshot, Sase));
}

#[test]
fn another_membership_begins_with_nothing() {
    let ways: [&[Fact]; 3] = [
        &[standalone(), member("two")],
        &[member("two")],
        &[Fact::Account { account: account(), membership: None, placement: Placement::default() }],
    ];
    for way in ways {
        let mut snapshot =
            snapshot([holds(member("one")), holds(enrolment(Sase, "one")), holds(delegation(Sase, "one"))]);
        for fact in way {
            snapshot.apply(2, [holds(fact.clone())]);
        }
        assert!(!enrolled(&snapshot, Sase) && !administers(&snapshot, Sase), "{way:?}");
        // Late words: of the earlier membership, and of none.
        for incarnation in ["one", ""] {
            snapshot.apply(3, [holds(enrolment(Sase, incarnation)), holds(delegation(Sase, incarnation))]);
            assert!(!enrolled(&snapshot, Sase) && !administers(&snapshot, Sase), "{way:?} `{incarnation}`");
        }
    }
    let mut snapshot = snapshot([holds(member("one")), holds(enrolment(Sase, "one"))]);
    snapshot.apply(2, [gone(standalone())]);
    assert_eq!(snapshot.account(account()), None);
    snapshot.apply(3, [holds(member("one"))]);
    assert!(!enrolled(&snapshot, Sase));
}

#[test]
fn a_removal_is_of_the_membership_that_it_names_or_of_any() {
    let enrolled_again = || snapshot([holds(member("two")), holds(enrolment(Sase, "two"))]);
    for (incarnation, left) in [("one", true), ("two", false), ("", false)] {
        let mut snapshot = enrolled_again();
        snapshot.apply(2, [gone(enrolment(Sase, incarnation))]);
        assert_eq!(enrolled(&snapshot, Sase), left, "`{incarnation}`");
    }
}

#[test]
fn what_is_of_another_directory_changes_nothing_here() {
    let mut snapshot = snapshot([holds(member("one")), holds(enrolment(Sase, "one"))]);
    let incarnation = || "one".to_owned();
    let (directory, account) = (directory(2), account());
    snapshot.apply(
        2,
        [
            gone(Fact::Enrolment { directory, service: Sase, account, incarnation: incarnation() }),
            holds(Fact::Enrolment { directory, service: Bastionhost, account, incarnation: incarnation() }),
            holds(Fact::Delegation {
                directory,
                service: Bastionhost,
                account,
                incarnation: incarnation(),
                folder: None,
            }),
        ],
    );
    assert!(enrolled(&snapshot, Sase) && !enrolled(&snapshot, Bastionhost));
    assert!(!snapshot.is_enrolled(directory, Bastionhost, account));
    assert!(!snapshot.is_administrator(directory, Bastionhost, account));
}

#[test]
fn directories_identities_and_invitations_come_and_go() {
    let root = IdentityName::root(account());
    let known = IdentityFact {
        kind: PrincipalKind::Root,
        enabled: true,
        generation: 3,
        policies: Box::default(),
        trust_policy: None,
    };
    let identity = |fact| Fact::Identity { identity: root.clone(), fact };
    let managed = |management_account| Fact::Directory {
        directory: directory(1),
        management_account,
        control_policies_enabled: false,
    };
    let invitation = |account| Fact::Invitation { directory: directory(1), invitation: "i1".to_owned(), account };
    let trusted = || Fact::TrustedAccess { directory: directory(1), service: Sase };
    let mut snapshot = snapshot([
        holds(identity(Some(known.clone()))),
        holds(managed(Some(account()))),
        holds(invitation(Some(account()))),
        holds(trusted()),
    ]);
    assert_eq!(snapshot.identity(&root), Some(&known));
    assert_eq!(snapshot.management_account(directory(1)), Some(account()));
    assert_eq!(snapshot.invitee(directory(1), "i1"), Some(account()));
    assert_eq!((snapshot.invitee(directory(1), "i2"), snapshot.invitee(directory(2), "i1")), (None, None));
    assert!(snapshot.trusted_access(directory(1), Sase) && !snapshot.trusted_access(directory(1), Bastionhost));

    snapshot.apply(2, [gone(identity(None)), gone(invitation(None)), gone(trusted())]);
    assert_eq!((snapshot.identity(&root), snapshot.invitee(directory(1), "i1")), (None, None));
    assert!(!snapshot.trusted_access(directory(1), Sase));
    assert_eq!(snapshot.management_account(directory(1)), Some(account()));
    snapshot.apply(3, [holds(invitation(Some(account()))), gone(managed(None))]);
    assert_eq!((snapshot.management_account(directory(1)), snapshot.invitee(directory(1), "i1")), (None, None));
    assert_eq!(snapshot.revision(), 3);
}

#[test]
fn a_snapshot_is_not_changed_by_changes_of_its_clones() {
    let earlier = snapshot([holds(member("one")), holds(enrolment(Sase, "one"))]);
    let mut later = earlier.clone();
    let closed = Fact::Directory { directory: directory(1), management_account: None, control_policies_enabled: false };
    later.apply(2, [holds(member("two")), gone(closed)]);
    assert!(enrolled(&earlier, Sase) && !enrolled(&later, Sase));
    assert_eq!((earlier.revision(), later.revision()), (1, 2));
}

#[test]
fn a_designation_reaches_as_far_as_it_was_last_said() {
    let of = |folder: Option<&str>| {
        let (service, incarnation, folder) = (Sase, "one".to_owned(), folder.map(str::to_owned));
        Fact::Delegation { directory: directory(1), service, account: account(), incarnation, folder }
    };
    let mut snapshot = snapshot([holds(member("one")), holds(of(Some("f1")))]);
    let designation = |snapshot: &Snapshot| {
        let found = snapshot.designation(directory(1), Sase, account());
        found.map(|designation| format!("{designation:?}"))
    };
    assert_eq!(designation(&snapshot).as_deref(), Some(r#"Folder("f1")"#));
    assert_eq!(snapshot.designation(directory(1), Bastionhost, account()), None);
    snapshot.apply(2, [holds(of(Some("f2")))]);
    assert_eq!(designation(&snapshot).as_deref(), Some(r#"Folder("f2")"#));
    snapshot.apply(3, [holds(of(None))]);
    assert_eq!(snapshot.designation(directory(1), Sase, account()), Some(Designation::Directory));
    snapshot.apply(4, [holds(of(Some("f1"))), gone(of(None))]);
    assert_eq!(designation(&snapshot), None);
    snapshot.apply(5, [holds(of(None))]);
    assert_eq!(snapshot.designation(directory(1), Sase, account()), Some(Designation::Directory));
    snapshot.apply(6, [holds(of(Some("f1"))), holds(member("two")), holds(delegation(Sase, "two"))]);
    assert_eq!(snapshot.designation(directory(1), Sase, account()), Some(Designation::Directory));
}

#[test]
fn an_account_stands_where_it_was_last_said_to() {
    let custom = ControlPolicy::Custom("directories/rd-0000000000001/controlPolicies/freeze".to_owned());
    let placed = |folder: &str, policies: &[ControlPolicy], suspended| {
        let placement = Placement { folder: folder.to_owned(), control_policies: policies.into(), suspended };
        Fact::Account { account: account(), membership: Some((directory(1), "one".to_owned())), placement }
    };
    let both = [ControlPolicy::FullAccess, custom];
    let mut snapshot = snapshot([holds(placed("f1", &both, true)), holds(enrolment(Sase, "one"))]);
    let suspended = |snapshot: &Snapshot| snapshot.account(account()).unwrap().suspended;
    assert_eq!((snapshot.folder_of(account()), suspended(&snapshot)), (Some("f1"), true));
    assert_eq!(snapshot.control_policies_of(account()), both);
    snapshot.apply(2, [holds(placed("f2", &both[..1], false))]);
    assert_eq!((snapshot.folder_of(account()), suspended(&snapshot)), (Some("f2"), false));
    assert_eq!(snapshot.control_policies_of(account()), &both[..1]);
    assert!(enrolled(&snapshot, Sase), "a move ends nothing");
    snapshot.apply(3, [holds(standalone())]);
    assert_eq!((snapshot.folder_of(account()), snapshot.control_policies_of(account())), (None, &[][..]));
}

#[test]
fn folders_policies_and_credentials_come_and_go() {
    let folder = |fact| Fact::Folder { directory: directory(1), folder: "f1".to_owned(), fact };
    let known = FolderFact { parent: Some("root".to_owned()), control_policies: Box::default() };
    let document = crate::authz::SystemPolicy::SaseFullAccess.document().clone();
    let policy = |document| Fact::Policy { policy: "accounts/1000000000000003/policies/p".to_owned(), document };
    let credential = |fact| Fact::Credential { credential: "c1".to_owned(), fact };
    let secret = CredentialFact {
        user: IdentityName::root(account()),
        secret_sha256: [7; 32],
        action: "soc:IngestLogs".to_owned(),
        expires: crate::Timestamp::from_micros(5),
    };
    assert!(!format!("{secret:?}").contains('7'), "the hash is not shown");
    let mut snapshot = snapshot([
        holds(folder(Some(known.clone()))),
        holds(policy(Some(document.clone()))),
        holds(credential(Some(secret.clone()))),
    ]);
    assert_eq!(snapshot.folder(directory(1), "f1"), Some(&known));
    assert_eq!((snapshot.folder(directory(2), "f1"), snapshot.folder(directory(1), "f2")), (None, None));
    assert_eq!(snapshot.policy("accounts/1000000000000003/policies/p"), Some(&document));
    assert_eq!(snapshot.policy("accounts/1000000000000003/policies/q"), None);
    assert_eq!(snapshot.credential("c1"), Some(&secret));
    let enabled = |on| Fact::Directory {
        directory: directory(1),
        management_account: Some(account()),
        control_policies_enabled: on,
    };
    assert!(!snapshot.control_policies_enabled(directory(1)));
    snapshot.apply(2, [gone(folder(None)), gone(policy(None)), gone(credential(None)), holds(enabled(true))]);
    assert_eq!(snapshot.folder(directory(1), "f1"), None);
    assert_eq!((snapshot.policy("accounts/1000000000000003/policies/p"), snapshot.credential("c1")), (None, None));
    assert!(snapshot.control_policies_enabled(directory(1)));
    snapshot.apply(3, [holds(enabled(false))]);
    assert!(!snapshot.control_policies_enabled(directory(1)));
}

#[test]
fn the_members_of_a_directory_are_listed_in_order() {
    let id = |number: u64| AccountId::try_from(1_000_000_000_000_000 + number).unwrap();
    let placed = |number, of: Option<u8>| Fact::Account {
        account: id(number),
        membership: of.map(|of| (directory(of), "one".to_owned())),
        placement: Placement::default(),
    };
    let mut snapshot = snapshot([3, 1, 2].map(|number| holds(placed(number, Some(1)))));
    let members = |snapshot: &Snapshot, of, after: Option<u64>| -> Vec<AccountId> {
        snapshot.members(directory(of), after.map(id)).collect()
    };
    assert_eq!(members(&snapshot, 1, None), [id(1), id(2), id(3)]);
    assert_eq!(members(&snapshot, 1, Some(1)), [id(2), id(3)]);
    assert_eq!(members(&snapshot, 1, Some(3)), []);
    let earlier = snapshot.clone();
    snapshot.apply(
        2,
        [holds(placed(1, None)), holds(placed(2, Some(2))), gone(placed(3, None)), holds(placed(4, Some(1)))],
    );
    assert_eq!((members(&snapshot, 1, None), members(&snapshot, 2, None)), (vec![id(4)], vec![id(2)]));
    assert_eq!(members(&earlier, 1, None), [id(1), id(2), id(3)]);
    assert_eq!(members(&snapshot, 9, None), []);
}
