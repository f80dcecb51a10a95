//! The decision as a specification: each line is one call in the small world of [`world`] and its answer.

mod folders;
mod policies;
mod sessions;
mod world;

use super::{Code, Environment, Facts, Reason, Refusal, Scope, Snapshot, Step, Targets, Tenant, decide, explain};
use crate::{Timestamp, TrustedService};
use world::{account, caller, delegated, directory, enrolled, gone, holds, membership, name, rule, trusted, world};

const ENVIRONMENT: Environment = Environment::at(Timestamp::from_micros(1_769_846_400_000_000));

fn targets(words: &[&str]) -> Targets {
    let mut names = words.iter().filter(|word| **word != "-").map(|word| name(word));
    Targets { resource: names.next().unwrap_or_default(), accounts: names.collect(), ..Targets::default() }
}

fn call(world: &Snapshot, line: &str) -> Result<super::Permit, Refusal> {
    let words: Vec<&str> = line.split_whitespace().collect();
    decide(&rule(words[1]), &caller(words[0]), world, &targets(&words[2..]), &ENVIRONMENT)
}

fn refused(world: &Snapshot, line: &str) -> Refusal {
    call(world, line).expect_err(line)
}

/// Each line: `caller rule resource accounts... -> allowed`, or the reason of the refusal.
fn check(world: &Snapshot, table: &str) {
    let lines = table.lines().map(str::trim).filter(|line| !line.is_empty());
    let wrong: Vec<String> = lines
        .filter_map(|line| {
            let (asked, expected) = line.split_once("->").unwrap_or_else(|| panic!("no outcome: {line}"));
            let answer = call(world, asked).map_or_else(|refusal| refusal.reason.as_str(), |_| "allowed");
            (answer != expected.trim()).then(|| format!("{line}, but: {answer}"))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn who_calls() {
    check(
        &world(),
        "
        anonymous   create-token  - -> allowed
        admin@A     create-token  - -> allowed
        disabled@A  create-token  - -> allowed
        gateway     create-token  - -> allowed

        anonymous   who-am-i  - -> CREDENTIAL_MISSING
        nobody@T    who-am-i  - -> allowed
        operator    who-am-i  - -> allowed
        disabled@A  who-am-i  - -> CREDENTIAL_REVOKED
        stale@A     who-am-i  - -> CREDENTIAL_REVOKED
        unknown@A   who-am-i  - -> CREDENTIAL_REVOKED
        admin@Z     who-am-i  - -> CREDENTIAL_REVOKED
        delegation  who-am-i  - -> INTERNAL_METHOD

        anonymous   create-member  D1 -> CREDENTIAL_MISSING
        disabled@A  create-member  D1 -> CREDENTIAL_REVOKED
        stale@A     create-member  D1 -> CREDENTIAL_REVOKED
        directory   create-member  D1 -> INTERNAL_METHOD
        ",
    );
}

#[test]
fn a_public_permit_names_nobody() {
    let permit = call(&world(), "disabled@A create-token -").unwrap();
    assert_eq!((permit.identity(), permit.account(), permit.tenant()), (None, None, Tenant::Platform));
}

#[test]
fn methods_between_roles_are_for_the_roles_of_their_list() {
    let world = world();
    check(
        &world,
        "
        delegation  place-claims  D1 C -> allowed
        sase-policy place-claims  D1 C -> INTERNAL_METHOD
        gateway     place-claims  D1 C -> INTERNAL_METHOD
        admin@A     place-claims  D1 C -> INTERNAL_METHOD
        operator    place-claims  D1 C -> INTERNAL_METHOD
        anonymous   place-claims  D1 C -> INTERNAL_METHOD
        ",
    );
    let permit = call(&world, "delegation place-claims D1 C").unwrap();
    assert_eq!(permit.service(), Some(crate::Role::Delegation));
}

#[test]
fn the_operator_of_the_platform_has_no_rights_in_tenants() {
    check(
        &world(),
        "
        operator  create-account  - -> allowed
        impostor  create-account  - -> SEAT_REQUIRED
        admin@A   create-account  - -> SEAT_REQUIRED
        root@A    create-account  - -> SEAT_REQUIRED

        operator  create-member  D1           -> SEAT_REQUIRED
        operator  get-member     D1/members/C -> SEAT_REQUIRED
        operator  create-user    A            -> SEAT_REQUIRED
        operator  add-sase       D1 C         -> SEAT_REQUIRED
        operator  accept         D1/invitations/i1 -> SEAT_REQUIRED
        ",
    );
}

#[test]
fn an_account_is_its_own() {
    check(
        &world(),
        "
        admin@C  create-user  C          -> allowed
        root@S   create-user  S          -> allowed
        role@C   create-user  C/users/u  -> allowed
        admin@B  create-user  C          -> SEAT_REQUIRED
        admin@A  create-user  C          -> SEAT_REQUIRED
        admin@M  create-user  C          -> RESOURCE_NOT_FOUND
        admin@T  create-user  C          -> RESOURCE_NOT_FOUND
        admin@T  create-user  Z          -> RESOURCE_NOT_FOUND
        admin@A  create-user  D1         -> SEAT_REQUIRED

        admin@C  use-account  C C            -> allowed
        admin@C  use-account  C C/users/u    -> allowed
        admin@C  use-account  C D            -> ACCOUNT_NOT_IN_DIRECTORY
        admin@C  use-account  C N            -> ACCOUNT_NOT_IN_DIRECTORY
        admin@C  use-account  C D1/members/C -> ACCOUNT_NOT_IN_DIRECTORY
        admin@T  use-account  T C            -> ACCOUNT_NOT_IN_DIRECTORY
        admin@T  use-account  T T nonsense   -> INVALID_FIELD
        ",
    );
}

#[test]
fn the_organization_is_the_management_accounts() {
    check(
        &world(),
        "
        root@A       create-member  D1 -> allowed
        admin@A      create-member  D1 -> allowed
        directory@A  create-member  D1 -> allowed
        role@A       create-member  D1 -> allowed
        admin@B      create-member  D1 -> SEAT_REQUIRED
        admin@C      create-member  D1 -> SEAT_REQUIRED
        admin@M      create-member  D1 -> RESOURCE_NOT_FOUND
        admin@N      create-member  D1 -> RESOURCE_NOT_FOUND
        admin@S      create-member  D1 -> RESOURCE_NOT_FOUND
        admin@A      create-member  D2 -> RESOURCE_NOT_FOUND
        admin@A      create-member  D9 -> RESOURCE_NOT_FOUND
        admin@M      create-member  D2 -> allowed
        admin@A      create-member  A  -> SEAT_REQUIRED

        admin@A  designate  D1 C            -> allowed
        admin@B  designate  D1 C            -> SEAT_REQUIRED
        admin@A  designate  D1 N            -> ACCOUNT_NOT_IN_DIRECTORY
        admin@A  designate  D1 S            -> ACCOUNT_NOT_IN_DIRECTORY
        admin@A  designate  D1 Z            -> ACCOUNT_NOT_IN_DIRECTORY
        admin@A  designate  D1 C N          -> ACCOUNT_NOT_IN_DIRECTORY
        admin@A  designate  D1 D1/members/C -> allowed
        admin@A  designate  D1 D2/members/C -> ACCOUNT_NOT_IN_DIRECTORY
        ",
    );
}

// A delegated administrator manages its service and nothing of the organization (R-DEL-09).
#[test]
fn a_delegated_administrator_does_not_manage_the_organization() {
    check(
        &world(),
        "
        admin@B  create-invitation  D1   -> SEAT_REQUIRED
        root@B   create-invitation  D1   -> SEAT_REQUIRED
        admin@B  create-member      D1   -> SEAT_REQUIRED
        admin@B  switch-type        D1/members/C -> SEAT_REQUIRED
        admin@B  designate          D1 D -> SEAT_REQUIRED
        admin@F  create-invitation  D1   -> SEAT_REQUIRED
        ",
    );
}

// A designation is for the service that it names (R-DEL-04, R-GW-03).
#[test]
fn an_administrator_is_one_of_exactly_its_service() {
    check(
        &world(),
        "
        admin@B  add-monitored  D1 D -> allowed
        root@B   add-monitored  D1 D -> allowed
        admin@B  add-scope      D1 D -> allowed
        admin@B  add-sase       D1 D -> SEAT_REQUIRED
        admin@B  add-bastion    D1 D -> SEAT_REQUIRED
        admin@F  add-bastion    D1 D -> allowed
        admin@F  add-monitored  D1 D -> SEAT_REQUIRED
        admin@F  add-scope      D1 D -> SEAT_REQUIRED
        admin@F  add-sase       D1 D -> SEAT_REQUIRED
        admin@C  add-monitored  D1 D -> SEAT_REQUIRED
        admin@M  add-monitored  D1 D -> RESOURCE_NOT_FOUND
        admin@S  add-monitored  D1 D -> RESOURCE_NOT_FOUND
        admin@B  add-monitored  D2 N -> RESOURCE_NOT_FOUND
        admin@B  add-monitored  D1 N -> ACCOUNT_NOT_IN_DIRECTORY
        admin@B  add-monitored  C D  -> SEAT_REQUIRED

        admin@B  get-member  D1/members/C -> allowed
        admin@F  get-member  D1/members/C -> allowed
        admin@A  get-member  D1/members/C -> allowed
        admin@C  get-member  D1/members/C -> SEAT_REQUIRED
        admin@N  get-member  D1/members/C -> RESOURCE_NOT_FOUND
        ",
    );
}

// Where a service has no administrator, the management account does its work (R-DEL-11); also where it has one.
#[test]
fn the_management_account_works_in_every_service() {
    check(
        &world(),
        "
        admin@A  add-sase       D1 D -> allowed
        root@A   delete-sase    D1 C -> allowed
        admin@A  add-monitored  D1 D -> allowed
        admin@A  add-bastion    D1 D -> allowed
        admin@M  add-sase       D1 D -> RESOURCE_NOT_FOUND
        ",
    );
}

#[test]
fn policies_bound_what_users_do_in_the_seats_of_their_account() {
    check(
        &world(),
        "
        nobody@A     create-member  D1 -> ACTION_NOT_ALLOWED
        reader@A     create-member  D1 -> ACTION_NOT_ALLOWED
        reader@A     get-member     D1/members/C -> allowed
        security@A   create-member  D1 -> ACTION_NOT_ALLOWED
        security@B   add-monitored  D1 D -> allowed
        security@B   add-scope      D1 D -> allowed
        sase@B       add-monitored  D1 D -> ACTION_NOT_ALLOWED
        directory@B  add-monitored  D1 D -> ACTION_NOT_ALLOWED
        nobody@C     create-user    C -> ACTION_NOT_ALLOWED
        linked@C     create-user    C -> ACTION_NOT_ALLOWED
        root@C       create-user    C -> allowed
        ",
    );
}

// Bastion hosts need the right to both, the hosts and the directory (R-GW-07, R-BAS-07).
#[test]
fn also_requires_is_required_too() {
    check(
        &world(),
        "
        bastion@A    add-bastion  D1 D -> ACTION_NOT_ALLOWED
        directory@A  add-bastion  D1 D -> ACTION_NOT_ALLOWED
        both@A       add-bastion  D1 D -> allowed
        both@F       add-bastion  D1 D -> allowed
        root@F       add-bastion  D1 D -> allowed
        ",
    );
    let missing = |line| refused(&world(), line).metadata;
    let kind = ("policy_type", "IDENTITY".to_owned());
    let expected = |action: &str| [("action", action.to_owned()), kind.clone()];
    assert_eq!(missing("bastion@A add-bastion D1 D"), expected("directory:GetMember"));
    assert_eq!(missing("directory@A add-bastion D1 D"), expected("bastion:CreateBastionMember"));
}

#[test]
fn who_must_be_named_is_not_root() {
    check(
        &world(),
        "
        root@A       switch-type  D1/members/C -> OPERATOR_REQUIRED
        directory@A  switch-type  D1/members/C -> allowed
        role@A       switch-type  D1/members/C -> allowed
        reader@A     switch-type  D1/members/C -> ACTION_NOT_ALLOWED
        root@B       switch-type  D1/members/C -> SEAT_REQUIRED
        root@M       switch-type  D1/members/C -> RESOURCE_NOT_FOUND
        ",
    );
}

#[test]
fn without_trusted_access_nobody_works_in_the_service() {
    let mut world = world();
    world.apply(8, [gone(trusted('1', TrustedService::SecurityCenter))]);
    check(
        &world,
        "
        admin@A   add-monitored  D1 D -> TRUSTED_ACCESS_REQUIRED
        admin@B   add-monitored  D1 D -> TRUSTED_ACCESS_REQUIRED
        nobody@B  add-monitored  D1 D -> ACTION_NOT_ALLOWED
        admin@C   add-monitored  D1 D -> SEAT_REQUIRED
        admin@B   add-monitored  D1 N -> TRUSTED_ACCESS_REQUIRED
        admin@A   add-sase       D1 D -> allowed
        admin@B   add-scope      D1 D -> allowed
        admin@B   get-member     D1/members/C -> allowed
        admin@A   create-member  D1 -> allowed
        ",
    );
}

// Reach ends with the scope (R-GW-04), at once when a member is taken out of it (R-GW-10, R-SASE-13).
#[test]
fn an_administrator_reaches_the_enrolled_alone() {
    let mut world = world();
    check(
        &world,
        "
        admin@B  get-monitored  D1/monitoredAccounts/C C     -> allowed
        admin@B  get-monitored  D1/monitoredAccounts/D D     -> ACCOUNT_NOT_ENROLLED
        admin@A  get-monitored  D1/monitoredAccounts/D D     -> ACCOUNT_NOT_ENROLLED
        admin@B  get-monitored  D1 C D                       -> ACCOUNT_NOT_ENROLLED
        admin@B  get-monitored  D1 D1/monitoredAccounts/C    -> allowed
        admin@B  get-monitored  D1 N                         -> ACCOUNT_NOT_IN_DIRECTORY
        admin@A  delete-sase    D1/saseMembers/C C           -> allowed
        ",
    );
    world.apply(8, [gone(enrolled('C', TrustedService::Sase, ""))]);
    check(
        &world,
        "
        admin@A  delete-sase    D1/saseMembers/C C       -> ACCOUNT_NOT_ENROLLED
        admin@A  add-sase       D1 C                     -> allowed
        admin@B  get-monitored  D1/monitoredAccounts/C C -> allowed
        ",
    );
}

#[test]
fn own_account_or_its_administrator() {
    let mut world = world();
    let table = "
        admin@C     read-logs  C C               -> allowed
        admin@C     read-logs  C/logServices/x C/logServices/x -> allowed
        admin@D     read-logs  D D               -> allowed
        admin@S     read-logs  S S               -> allowed
        admin@D     read-logs  C C               -> SEAT_REQUIRED
        admin@F     read-logs  C C               -> SEAT_REQUIRED
        admin@M     read-logs  C C               -> RESOURCE_NOT_FOUND
        admin@C     read-logs  C D               -> ACCOUNT_NOT_IN_DIRECTORY
        ";
    check(&world, table);
    check(
        &world,
        "
        admin@B     read-logs  C C               -> allowed
        security@B  read-logs  C/logServices/x C/logServices/x -> allowed
        admin@A     read-logs  C C               -> allowed
        admin@B     read-logs  D D               -> ACCOUNT_NOT_ENROLLED
        admin@B     read-logs  D/logServices/C D/logServices/C -> ACCOUNT_NOT_ENROLLED
        admin@B     read-logs  N N               -> RESOURCE_NOT_FOUND
        admin@B     read-logs  D1 C              -> allowed
        admin@C     read-logs  D1 C              -> SEAT_REQUIRED
        ",
    );
    world.apply(8, [gone(trusted('1', TrustedService::ThreatAnalysis))]);
    check(&world, table);
    check(&world, "admin@B read-logs C C -> TRUSTED_ACCESS_REQUIRED");
}

#[test]
fn a_member_leaves_for_itself() {
    check(
        &world(),
        "
        admin@C  leave  D1/members/C -> allowed
        root@C   leave  D1/members/C -> allowed
        admin@B  leave  D1/members/B -> allowed
        admin@D  leave  D1/members/C -> SEAT_REQUIRED
        admin@A  leave  D1/members/C -> SEAT_REQUIRED
        admin@A  leave  D1/members/A -> SEAT_REQUIRED
        admin@C  leave  D1           -> SEAT_REQUIRED
        admin@C  leave  C            -> SEAT_REQUIRED
        admin@C  leave  D2/members/C -> RESOURCE_NOT_FOUND
        admin@S  leave  D1/members/S -> RESOURCE_NOT_FOUND
        ",
    );
}

#[test]
fn an_invitation_is_for_whom_it_was_sent_to() {
    let world = world();
    check(
        &world,
        "
        admin@S   accept  D1/invitations/i1 -> allowed
        root@S    accept  D1/invitations/i1 -> allowed
        nobody@S  accept  D1/invitations/i1 -> ACTION_NOT_ALLOWED
        admin@S   accept  D1/invitations/i2 -> RESOURCE_NOT_FOUND
        admin@S   accept  D2/invitations/i1 -> RESOURCE_NOT_FOUND
        admin@T   accept  D1/invitations/i1 -> RESOURCE_NOT_FOUND
        admin@A   accept  D1/invitations/i1 -> SEAT_REQUIRED
        admin@C   accept  D1/invitations/i1 -> SEAT_REQUIRED
        admin@S   create-member  D1         -> RESOURCE_NOT_FOUND
        admin@S   get-member  D1/invitations/i1 -> RESOURCE_NOT_FOUND
        ",
    );
    let permit = call(&world, "admin@S accept D1/invitations/i1").unwrap();
    assert_eq!(permit.tenant(), Tenant::Directory(directory('1')));
    assert_eq!((permit.account(), permit.directory()), (Some(account('S')), None));
}

#[test]
fn what_is_another_tenants_is_told_like_what_does_not_exist() {
    let world = world();
    for (theirs, nobodys) in [
        ("admin@M create-member D1", "admin@M create-member D9"),
        ("admin@M get-member D1/members/C", "admin@M get-member D9/members/C"),
        ("admin@M add-sase D1 C", "admin@M add-sase D9 C"),
        ("admin@T accept D1/invitations/i1", "admin@T accept D9/invitations/i1"),
        ("admin@M create-user C", "admin@M create-user Z"),
        ("admin@M read-logs C C", "admin@M read-logs Z C"),
    ] {
        assert_eq!(same_words(refused(&world, theirs)), same_words(refused(&world, nobodys)), "{theirs}");
    }
    let elsewhere = refused(&world, "admin@A designate D1 N");
    let nowhere = refused(&world, "admin@A designate D1 Z");
    assert_eq!(same_words(elsewhere), same_words(nowhere));
    let refusal = refused(&world, "admin@M create-member D1");
    assert_eq!(refusal, Refusal::not_found(&name("D1")));
    assert_eq!(refusal.reason.code(), Code::NotFound);
}

/// The refusal with the names that the caller gave blotted out.
fn same_words(refusal: Refusal) -> (Reason, String, Vec<(&'static str, String)>) {
    let blot = |text: String| {
        let text = text.replace(&directory('1').to_string(), "?").replace(&directory('9').to_string(), "?");
        "CNZ".chars().fold(text, |text, letter| text.replace(&account(letter).to_string(), "?"))
    };
    let metadata = refusal.metadata.into_iter().map(|(key, value)| (key, blot(value))).collect();
    (refusal.reason, blot(refusal.message), metadata)
}

// A refusal names the seat that is needed (R-GW-11).
#[test]
fn a_refusal_names_the_seat() {
    let world = world();
    let refusal = refused(&world, "admin@B create-member D1");
    let expected = [("required_seat", "MANAGEMENT_ACCOUNT"), ("action", "directory:CreateMember")];
    assert_eq!(refusal.metadata, expected.map(|(key, value)| (key, value.to_owned())));
    assert!(refusal.message.contains("management account"), "{refusal}");
    assert_eq!(refusal.reason.code(), Code::PermissionDenied);

    let refusal = refused(&world, "admin@B add-sase D1 C");
    let expected =
        [("required_seat", "ADMINISTRATOR"), ("action", "sase:CreateSaseMember"), ("trusted_service", "sase")];
    assert_eq!(refusal.metadata, expected.map(|(key, value)| (key, value.to_owned())));
    assert!(refusal.message.contains("delegated administrator of sase"), "{refusal}");

    for (line, seat) in [
        ("admin@B create-user C", "OWN_ACCOUNT"),
        ("admin@D read-logs C C", "OWN_ACCOUNT_OR_ADMINISTRATOR"),
        ("admin@D leave D1/members/C", "MEMBER"),
        ("admin@C accept D1/invitations/i1", "INVITEE"),
        ("admin@A create-account -", "PLATFORM_OPERATOR"),
        ("admin@C get-member D1/members/C", "ADMINISTRATOR"),
    ] {
        let refusal = refused(&world, line);
        assert!(refusal.metadata.contains(&("required_seat", seat.to_owned())), "{line}: {refusal:?}");
    }
}

#[test]
fn other_refusals_name_what_is_missing() {
    let mut world = world();
    let metadata = |world: &Snapshot, line| refused(world, line).metadata;
    let account_c = ("account", account('C').name());
    let sase = ("trusted_service", "sase".to_owned());
    world.apply(8, [gone(enrolled('C', TrustedService::Sase, ""))]);
    assert_eq!(metadata(&world, "admin@A delete-sase D1 C"), [account_c, sase.clone()]);
    assert_eq!(metadata(&world, "admin@A add-sase D1 N"), [("account", account('N').name())]);
    assert_eq!(metadata(&world, "root@A switch-type D1"), [("action", "directory:SwitchMemberType".to_owned())]);
    let principal = format!("{}/users/disabled", account('A').name());
    assert_eq!(metadata(&world, "disabled@A who-am-i -"), [("principal", principal)]);
    world.apply(9, [gone(trusted('1', TrustedService::Sase))]);
    assert_eq!(metadata(&world, "admin@A add-sase D1 C"), [sase]);
}

#[test]
fn a_malformed_name_is_a_fault_of_its_field() {
    let world = world();
    for resource in ["", "D1", "rd-0000000000001", "tenants/x", "directories/RD-0000000000001", "accounts/1", "/"] {
        let targets = Targets { resource: resource.to_owned(), ..Targets::default() };
        for (who, method) in [("admin@A", "create-member"), ("admin@M", "create-member"), ("admin@S", "create-user")] {
            let refusal = decide(&rule(method), &caller(who), &world, &targets, &ENVIRONMENT).unwrap_err();
            assert_eq!((refusal.reason, refusal.field), (Reason::InvalidField, Some("name")), "{resource}");
            assert_eq!(refusal.reason.code(), Code::InvalidArgument);
        }
        let accounts = vec![account('C').name(), resource.to_owned()];
        let targets = Targets { resource: name("D1"), accounts, ..Targets::default() };
        let refusal = decide(&rule("designate"), &caller("admin@A"), &world, &targets, &ENVIRONMENT).unwrap_err();
        assert_eq!((refusal.reason, refusal.field), (Reason::InvalidField, Some("accounts")), "{resource}");
        // Whoever may not call at all is not told about the request.
        let refusal = decide(&rule("designate"), &caller("admin@B"), &world, &targets, &ENVIRONMENT).unwrap_err();
        assert_eq!(refusal.reason, Reason::SeatRequired);
    }
    let member_of_nothing = Targets { resource: name("D1"), accounts: vec![name("D1")], ..Targets::default() };
    let refusal = decide(&rule("designate"), &caller("admin@A"), &world, &member_of_nothing, &ENVIRONMENT).unwrap_err();
    assert_eq!(refusal.reason, Reason::InvalidField);
}

#[test]
fn a_permit_says_how_far_it_goes() {
    let world = world();
    let permit = call(&world, "admin@B get-monitored D1/monitoredAccounts/C C").unwrap();
    assert_eq!(permit.tenant(), Tenant::Directory(directory('1')));
    assert_eq!(permit.tenant_directory(), Ok(directory('1')));
    assert_eq!(permit.tenant_account(), Err(Refusal::not_found(&name("D1/monitoredAccounts/C"))));
    assert_eq!((permit.account(), permit.directory()), (Some(account('B')), Some(directory('1'))));
    assert_eq!((permit.revision(), permit.service()), (world.revision(), None));
    assert_eq!(permit.path(), rule("get-monitored").path);
    assert!(permit.covers(&targets(&["D1/monitoredAccounts/C", "C"])));
    assert!(!permit.covers(&targets(&["D1/monitoredAccounts/D", "C"])));
    assert!(!permit.covers(&targets(&["D1/monitoredAccounts/C"])));
    assert!(!permit.covers(&targets(&["D1/monitoredAccounts/C", "C", "D"])));
    let external_id = "x".to_owned();
    assert!(!permit.covers(&Targets { external_id, ..targets(&["D1/monitoredAccounts/C", "C"]) }));
    assert_eq!(permit.scope(), &Scope::Whole);

    let tenant = |line| call(&world, line).unwrap().tenant();
    assert_eq!(tenant("admin@B read-logs C C"), Tenant::Account(account('C')));
    assert_eq!(tenant("admin@C create-user C"), Tenant::Account(account('C')));
    assert_eq!(tenant("operator create-account -"), Tenant::Platform);
    assert_eq!(tenant("admin@A who-am-i -"), Tenant::Platform);
}

// The former administrator loses the seat with the membership, and gets nothing back by coming again.
#[test]
fn what_ended_with_a_membership_stays_ended() {
    let mut world = world();
    world.apply(8, [holds(membership('B', None)), holds(membership('C', None))]);
    check(
        &world,
        "
        admin@B  add-monitored  D1 D -> RESOURCE_NOT_FOUND
        admin@A  add-monitored  D1 C -> ACCOUNT_NOT_IN_DIRECTORY
        admin@B  create-user    B    -> allowed
        ",
    );
    let back = ["B", "C"].map(|letter| holds(membership(letter.chars().next().unwrap(), Some(('1', "second")))));
    world.apply(9, back);
    // A late word of the earlier membership is about the earlier membership.
    world.apply(10, [holds(delegated('B', TrustedService::SecurityCenter, "first"))]);
    check(
        &world,
        "
        admin@B  add-monitored  D1 D -> SEAT_REQUIRED
        admin@B  get-member     D1/members/D -> SEAT_REQUIRED
        admin@A  get-monitored  D1 C -> ACCOUNT_NOT_ENROLLED
        ",
    );
    world.apply(11, [holds(delegated('B', TrustedService::SecurityCenter, "second"))]);
    check(&world, "admin@B add-monitored D1 D -> allowed");
}

#[test]
fn an_explanation_ends_with_what_failed() {
    let world = world();
    let steps = |line: &str| -> Vec<Step> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (result, explained) =
            explain(&rule(words[1]), &caller(words[0]), &world, &targets(&words[2..]), &ENVIRONMENT);
        assert_eq!(result, call(&world, line));
        explained.steps
    };
    let conditions = |line| steps(line).into_iter().map(|step| (step.condition, step.holds)).collect::<Vec<_>>();
    let expected = [
        ("the identity is enabled and its token not revoked", true),
        ("the resource belongs to a tenant of the caller", true),
        ("the caller holds the seat ADMINISTRATOR of sase", true),
        ("a policy of the identity allows `sase:DeleteSaseMember`", true),
        ("sase may work on the directory", true),
        ("the account acted on belongs to the tenant", true),
        ("the account acted on is enrolled", false),
    ];
    assert_eq!(conditions("admin@A delete-sase D1 D"), expected.map(|(text, holds)| (text.to_owned(), holds)));
    assert!(conditions("admin@A delete-sase D1 C").iter().all(|(_, holds)| *holds));
    let because = |line| steps(line).into_iter().map(|step| step.because).collect::<Vec<_>>();
    assert!(because("both@A add-bastion D1 D").contains(&"policy `AliyunYundunBastionHostFullAccess`".to_owned()));
    assert_eq!(
        conditions("admin@A create-member nonsense").last().unwrap(),
        &("`name` is well formed".to_owned(), false)
    );
}
