use std::collections::BTreeMap;

use bailiwick_core::{AccountId, DirectoryId, Role, SystemEntropy, Timestamp, TrustedService};

use super::{
    Candidate, Designating, Error, Membership,
    delegated_administrator::{designate, may_change},
    enrolment::{may_call, may_enrol, none_suspended, still_members},
    membership::survives,
    trusted_service::{changed_with, may_disable},
};

fn account(number: u64) -> AccountId {
    AccountId::try_from(1_000_000_000_000_000 + number).unwrap()
}

fn candidate(directory: DirectoryId, service: TrustedService, number: u64) -> Candidate {
    Candidate { directory, service, account: account(number), folder: None }
}

fn member(directory: DirectoryId, number: u64, incarnation: &str) -> Membership {
    let (incarnation, display_name) = (incarnation.to_owned(), String::new());
    let (folder, suspended) = ("f".to_owned(), false);
    Membership { account: account(number), directory, incarnation, display_name, folder, suspended }
}

// covers: R-DEL-06, E-DEL-01, E-DEL-02, E-DEL-03, E-DEL-06
#[test]
fn who_may_be_designated() {
    use TrustedService::{Sase, SecurityCenter, ThreatAnalysis};
    let here = DirectoryId::random(&SystemEntropy);
    let situation = |trusted, administrators: &[u64]| Designating {
        management_account: account(1),
        trusted,
        administrators: administrators.iter().map(|number| account(*number)).collect(),
        limit: 0,
        member: Some(member(here, 2, "i1")),
        folder_exists: true,
    };
    let follows = Error::Follows { service: ThreatAnalysis, follows: SecurityCenter };
    for (service, number, state, expected) in [
        (Sase, 2, situation(true, &[]), Ok(())),
        (Sase, 2, situation(true, &[3, 4]), Ok(())),
        (Sase, 2, situation(false, &[]), Err(Error::TrustedAccessNotEnabled(Sase))),
        (Sase, 1, situation(true, &[]), Err(Error::ManagementAccount(account(1)))),
        (Sase, 2, situation(true, &[2]), Err(Error::AdministratorExists(account(2)))),
        (Sase, 2, situation(true, &[3, 4, 5]), Err(Error::AdministratorLimit(3))),
        (SecurityCenter, 2, situation(true, &[3]), Err(Error::AdministratorLimit(1))),
        (SecurityCenter, 2, situation(true, &[2]), Err(Error::AdministratorExists(account(2)))),
        (ThreatAnalysis, 2, situation(true, &[]), Err(follows.clone())),
    ] {
        let state = Designating { limit: service.max_delegated_administrators(), ..state };
        assert_eq!(state.may_designate(&candidate(here, service, number)), expected, "{service} {number} {state:?}");
    }
}

#[test]
fn who_waits_for_its_deletion_and_what_is_for_no_folder_is_not_designated() {
    let here = DirectoryId::random(&SystemEntropy);
    let state = |suspended, folder_exists| Designating {
        management_account: account(1),
        trusted: true,
        administrators: Vec::new(),
        limit: 1,
        member: Some(Membership { suspended, ..member(here, 2, "i1") }),
        folder_exists,
    };
    let in_folder = Candidate { folder: Some("f".to_owned()), ..candidate(here, TrustedService::Sase, 2) };
    assert_eq!(state(true, true).may_designate(&in_folder), Err(Error::MemberSuspended(account(2))));
    assert_eq!(state(false, true).may_designate(&in_folder), Ok(()));
    let missing = Err(Error::NotFound(format!("{}/folders/f", here.name())));
    assert_eq!(state(false, false).may_designate(&in_folder), missing);
    assert_eq!(state(false, false).may_designate(&Candidate { folder: None, ..in_folder }), Ok(()));
    assert_eq!(none_suspended(&[member(here, 2, "i1")]), Ok(()));
    let suspended = Membership { suspended: true, ..member(here, 3, "i1") };
    assert_eq!(none_suspended(&[member(here, 2, "i1"), suspended]), Err(Error::MemberSuspended(account(3))));
}

// covers: R-DEL-06, E-GW-07
#[test]
fn a_designation_is_of_the_membership_that_was_proved() {
    let directory = DirectoryId::random(&SystemEntropy);
    let asked = candidate(directory, TrustedService::SecurityCenter, 2);
    let make = |member, proved| designate(&asked, member, proved, Timestamp::default(), "e");
    let made = make(Some(member(directory, 2, "i1")), "i1").unwrap();
    let services: Vec<_> = made.iter().map(|of| (of.service, of.follows)).collect();
    let (main, following) = (TrustedService::SecurityCenter, TrustedService::ThreatAnalysis);
    assert_eq!(services, [(main, None), (following, Some(main))]);
    assert_eq!(make(Some(member(directory, 2, "i2")), "i1"), Err(Error::ConcurrentChange));
    assert_eq!(make(None, "i1"), Err(Error::ConcurrentChange));
    assert_eq!(may_change(&made[0], ""), Ok(()));
    assert_eq!(may_change(&made[0], "e"), Ok(()));
    assert_eq!(may_change(&made[0], "f"), Err(Error::Etag(made[0].name())));
    assert_eq!(may_change(&made[1], ""), Err(Error::Follows { service: following, follows: main }));
}

// covers: E-DEL-01, E-DEL-06, E-DEL-07
#[test]
fn enabling_and_enrolling() {
    use TrustedService::{Bastionhost, SecurityCenter, ThreatAnalysis};
    assert_eq!(changed_with(SecurityCenter), Ok(vec![SecurityCenter, ThreatAnalysis]));
    assert_eq!(changed_with(Bastionhost), Ok(vec![Bastionhost]));
    assert!(changed_with(ThreatAnalysis).is_err());
    assert_eq!(may_disable(0, 0), Ok(()));
    for (administrators, members) in [(1, 0), (0, 1), (2, 3)] {
        assert_eq!(may_disable(administrators, members), Err(Error::TrustedAccessInUse { administrators, members }));
    }
    let accounts = [account(2), account(1)];
    assert_eq!(may_enrol(Bastionhost, true, account(9), &accounts), Ok(()));
    assert_eq!(may_enrol(Bastionhost, true, account(1), &accounts), Err(Error::ManagementAccount(account(1))));
    let not_enabled = Err(Error::TrustedAccessNotEnabled(Bastionhost));
    assert_eq!(may_enrol(Bastionhost, false, account(9), &accounts), not_enabled);
    assert_eq!(may_call(Some(Role::SecurityCenter), ThreatAnalysis), Ok(()));
    for role in [None, Some(Role::BastionAudit), Some(Role::Gateway)] {
        assert_eq!(may_call(role, ThreatAnalysis), Err(Error::ForeignService(ThreatAnalysis)));
    }
}

#[test]
fn nothing_outlives_its_membership() {
    let (here, there) = (DirectoryId::random(&SystemEntropy), DirectoryId::random(&SystemEntropy));
    let now = member(here, 2, "i2");
    for (now, directory, incarnation, expected) in [
        (Some(&now), here, "i2", true),
        (Some(&now), here, "i1", false),
        (Some(&now), there, "i2", false),
        (None, here, "i2", false),
    ] {
        assert_eq!(survives(now, directory, incarnation), expected);
    }
    let proved = BTreeMap::from([(account(2), "i2".to_owned())]);
    let still = |members: &[Membership]| still_members(here, &[account(2)], &proved, members);
    assert_eq!(still(&[now]), Ok(()));
    assert_eq!(still(&[member(here, 2, "i3")]), Err(Error::ConcurrentChange));
    assert_eq!(still(&[member(there, 2, "i2")]), Err(Error::ConcurrentChange));
    assert_eq!(still(&[]), Err(Error::ConcurrentChange));
    // An account that the proof leaves out is not proved.
    let other = [account(3)];
    let members = [member(here, 3, "i2")];
    assert_eq!(still_members(here, &other, &proved, &members), Err(Error::ConcurrentChange));
}
