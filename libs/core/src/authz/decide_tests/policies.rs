//! Denials and bounds: control policies, custom policies, single-purpose credentials.

use super::{
    super::{
        AttachedPolicy, Caller, ControlPolicy, Document, Fact, IdentityFact, Placement, PolicyKind, PolicyType,
        Principal, Purpose, SystemPolicy,
    },
    world::{account, caller, directory, folder, holds, membership, name, placement, rule, world},
    *,
};
use crate::{IdentityName, PrincipalKind};

const FREEZE: &str = "directories/rd-0000000000001/controlPolicies/freeze";

fn document(kind: PolicyKind, statements: &str) -> Document {
    Document::parse(kind, &format!(r#"{{"Version":"1","Statement":[{statements}]}}"#)).unwrap()
}

fn statement(effect: &str, action: &str, resource: &str) -> String {
    format!(r#"{{"Effect":"{effect}","Action":"{action}","Resource":"{resource}"}}"#)
}

fn freeze(statements: &str) -> Fact {
    Fact::Policy { policy: FREEZE.to_owned(), document: Some(document(PolicyKind::Control, statements)) }
}

fn enabled(on: bool) -> Fact {
    let (directory, management_account) = (directory('1'), Some(account('A')));
    Fact::Directory { directory, management_account, control_policies_enabled: on }
}

fn custom() -> ControlPolicy {
    ControlPolicy::Custom(FREEZE.to_owned())
}

/// The world with these facts.
fn with(facts: impl IntoIterator<Item = Fact>) -> Snapshot {
    let mut world = world();
    world.apply(8, facts.into_iter().map(holds));
    world
}

/// The member with these control policies of its own.
fn attached(letter: char, control_policies: &[ControlPolicy]) -> Fact {
    let Fact::Account { account, membership, placement } = membership(letter, Some(('1', "first"))) else { panic!() };
    let placement = Placement { control_policies: control_policies.into(), ..placement };
    Fact::Account { account, membership, placement }
}

fn metadata(refusal: &Refusal, key: &str) -> String {
    refusal.metadata.iter().find(|(k, _)| *k == key).map(|(_, value)| value.clone()).unwrap_or_default()
}

#[test]
fn a_control_policy_denies_wherever_it_is_attached() {
    let deny = freeze(&statement("Deny", "sase:*", "*"));
    let full = [ControlPolicy::FullAccess, custom()];
    let places = [attached('B', &full), folder('1', "home", "root", &full), folder('1', "root", "", &full)];
    for place in places {
        let world = with([deny.clone(), place.clone(), enabled(true), delegated('B', TrustedService::Sase, "first")]);
        check(
            &world,
            "
            admin@B  add-sase       D1 D -> ACTION_DENIED
            root@B   add-sase       D1 D -> ACTION_DENIED
            admin@A  add-sase       D1 D -> allowed
            root@A   add-sase       D1 D -> allowed
            admin@B  add-monitored  D1 D -> allowed
            admin@B  who-am-i       -    -> allowed
            ",
        );
        let refusal = refused(&world, "admin@B add-sase D1 D");
        assert_eq!(metadata(&refusal, "policy"), FREEZE);
        assert_eq!(metadata(&refusal, "policy_type"), "CONTROL");
        assert_eq!(metadata(&refusal, "action"), "sase:CreateSaseMember");
        let mut disabled = world;
        disabled.apply(9, [holds(enabled(false))]);
        check(&disabled, "admin@B add-sase D1 D -> allowed");
    }
}

#[test]
fn every_place_on_the_way_to_the_root_must_allow() {
    let allow = freeze(&statement("Allow", "securitycenter:*", "*"));
    for (place, node) in [
        (attached('B', &[custom()]), account('B').name()),
        (attached('B', &[]), account('B').name()),
        (folder('1', "home", "root", &[custom()]), name("D1/folders/home")),
        (folder('1', "root", "", &[custom()]), name("D1/folders/root")),
        (folder('1', "root", "", &[]), name("D1/folders/root")),
    ] {
        let nothing = !matches!(&place, Fact::Account { placement, .. } if !placement.control_policies.is_empty())
            && !matches!(&place, Fact::Folder { fact: Some(fact), .. } if !fact.control_policies.is_empty());
        let world = with([allow.clone(), place, enabled(true)]);
        let expected = if nothing { "ACTION_NOT_ALLOWED" } else { "allowed" };
        check(&world, &format!("admin@B add-monitored D1 D -> {expected}\nroot@B add-monitored D1 D -> {expected}"));
        check(&world, "admin@B add-scope D1 D -> ACTION_NOT_ALLOWED\nroot@B create-user B -> ACTION_NOT_ALLOWED");
        check(&world, "admin@A add-scope D1 D -> allowed\nadmin@M create-member D2 -> allowed");
        let refusal = refused(&world, "admin@B add-scope D1 D");
        assert_eq!((metadata(&refusal, "policy_type"), metadata(&refusal, "node")), ("CONTROL".to_owned(), node));
    }
}

#[test]
fn a_way_that_is_not_known_leads_nowhere() {
    let full = [ControlPolicy::FullAccess];
    let astray = [
        vec![folder('1', "home", "elsewhere", &full)],
        // A circle.
        vec![folder('1', "root", "home", &full)],
        vec![folder('1', "home", "home", &full)],
        // Deeper than any tree may be.
        (0..12)
            .map(|n| {
                folder(
                    '1',
                    if n == 0 { "root".into() } else { format!("f{n}") }.as_str(),
                    &format!("f{}", n + 1),
                    &full,
                )
            })
            .collect(),
    ];
    for facts in astray {
        let mut facts = facts;
        facts.push(enabled(true));
        check(&with(facts), "admin@C leave D1/members/C -> ACTION_NOT_ALLOWED\nadmin@A create-member D1 -> allowed");
    }
    let Fact::Account { account, membership, .. } = membership('C', Some(('1', "first"))) else { panic!() };
    let nowhere = Placement { folder: String::new(), ..placement() };
    let world = with([Fact::Account { account, membership, placement: nowhere }, enabled(true)]);
    check(&world, "admin@C leave D1/members/C -> ACTION_NOT_ALLOWED\nadmin@D leave D1/members/D -> allowed");
}

#[test]
fn a_policy_that_is_not_known_denies_everything() {
    let world = with([attached('B', &[ControlPolicy::FullAccess, custom()]), enabled(true)]);
    check(&world, "admin@B add-monitored D1 D -> ACTION_DENIED\nadmin@F create-user F -> allowed");
    let world = with([user(&[SystemPolicy::AdministratorAccess.into(), AttachedPolicy::Custom(policy_name())], None)]);
    check(&world, "carol@A create-member D1 -> ACTION_DENIED");
}

fn policy_name() -> String {
    format!("{}/policies/own", account('A').name())
}

/// The user carol of A.
fn user(policies: &[AttachedPolicy], trust_policy: Option<Document>) -> Fact {
    Fact::Identity {
        identity: carol(),
        fact: Some(IdentityFact {
            kind: PrincipalKind::User,
            enabled: true,
            generation: 2,
            policies: policies.into(),
            trust_policy,
        }),
    }
}

fn carol() -> IdentityName {
    IdentityName::User(account('A'), "carol".to_owned())
}

fn own(statements: &str, further: &[AttachedPolicy]) -> Snapshot {
    let attached: Vec<_> = [AttachedPolicy::Custom(policy_name())].into_iter().chain(further.iter().cloned()).collect();
    let document = Some(document(PolicyKind::Permission, statements));
    with([user(&attached, None), Fact::Policy { policy: policy_name(), document }])
}

#[test]
fn a_custom_policy_allows_what_it_says_on_what_it_says() {
    let world = own(&statement("Allow", "directory:GetMember", &name("D1/members/C")), &[]);
    check(
        &world,
        "
        carol@A  get-member     D1/members/C -> allowed
        carol@A  get-member     D1/members/D -> ACTION_NOT_ALLOWED
        carol@A  create-member  D1           -> ACTION_NOT_ALLOWED
        ",
    );
    // Every account acted on is a resource too.
    let both = [statement("Allow", "delegation:*", &name("D1")), statement("Allow", "*", &name("C"))].join(",");
    let world = own(&both, &[]);
    check(
        &world,
        "
        carol@A  designate  D1 C   -> allowed
        carol@A  designate  D1 D   -> ACTION_NOT_ALLOWED
        carol@A  designate  D1 C D -> ACTION_NOT_ALLOWED
        carol@A  designate  D1 D C -> ACTION_NOT_ALLOWED
        ",
    );
}

#[test]
fn a_denial_outweighs_whatever_allows() {
    let administrator = [SystemPolicy::AdministratorAccess.into()];
    let world = own(&statement("Deny", "delegation:*", &name("C")), &administrator);
    check(
        &world,
        "
        carol@A  designate      D1 D   -> allowed
        carol@A  designate      D1 D C -> ACTION_DENIED
        carol@A  create-member  D1     -> allowed
        ",
    );
    let refusal = refused(&world, "carol@A designate D1 C");
    assert_eq!(
        (metadata(&refusal, "policy"), metadata(&refusal, "policy_type")),
        (policy_name(), "IDENTITY".to_owned())
    );
    assert_eq!(refusal.reason.code(), Code::PermissionDenied);
    // A method's further actions are denied as its own is.
    let world = own(&statement("Deny", "directory:GetMember", "*"), &administrator);
    check(&world, "carol@A add-bastion D1 D -> ACTION_DENIED");
}

#[test]
fn an_account_has_one_policy_under_either_of_its_names() {
    let administrator = [SystemPolicy::AdministratorAccess.into()];
    let both = |expected: [&str; 2]| {
        format!(
            "carol@A designate D1 C            -> {0}
             carol@A designate D1 D1/members/C -> {0}
             carol@A designate D1 D            -> {1}
             carol@A designate D1 D1/members/D -> {1}
             carol@A designate D1 D D1/members/C -> {0}",
            expected[0], expected[1]
        )
    };
    check(&own(&statement("Deny", "delegation:*", &name("C")), &administrator), &both(["ACTION_DENIED", "allowed"]));
    let allow = [statement("Allow", "delegation:*", &name("D1")), statement("Allow", "*", &name("D"))].join(",");
    check(&own(&allow, &[]), &both(["ACTION_NOT_ALLOWED", "allowed"]));
    // The name that was written counts as well.
    check(
        &own(&statement("Deny", "delegation:*", &name("D1/members/C")), &administrator),
        "carol@A designate D1 D1/members/C -> ACTION_DENIED\ncarol@A designate D1 C -> allowed",
    );
    let allow = [statement("Allow", "delegation:*", &name("D1")), statement("Allow", "*", &name("D1/members/C"))];
    check(
        &own(&allow.join(","), &[]),
        "carol@A designate D1 D1/members/C -> allowed\ncarol@A designate D1 C -> ACTION_NOT_ALLOWED",
    );
    // Control policies and session policies read the same names.
    let bounded = freeze(&statement("Deny", "sase:*", &name("D")));
    let full = [ControlPolicy::FullAccess, custom()];
    let world = with([bounded, attached('B', &full), enabled(true), delegated('B', TrustedService::Sase, "first")]);
    check(&world, "admin@B add-sase D1 D1/members/D -> ACTION_DENIED\nadmin@B add-sase D1 D1/members/C -> allowed");
}

#[test]
fn a_member_that_a_call_is_about_has_one_policy_under_either_of_its_names() {
    let administrator = [SystemPolicy::AdministratorAccess.into()];
    let calls = |expected: [&str; 4]| {
        format!(
            "carol@A get-member D1/members/C -> {}
             carol@A get-member D1/members/D -> {}
             carol@A get-member D1/trustedServices/sase/delegatedAdministrators/C -> {}
             carol@A get-member D1/controlPolicies/C -> {}",
            expected[0], expected[1], expected[2], expected[3]
        )
    };
    let (denied, missing) = ("ACTION_DENIED", "ACTION_NOT_ALLOWED");
    let account = [name("C"), name("D1/members/C"), format!("{}/*", name("C"))];
    for (resource, expected) in account.iter().zip([
        [denied, "allowed", denied, "allowed"],
        [denied, "allowed", "allowed", "allowed"],
        ["allowed", "allowed", "allowed", "allowed"],
    ]) {
        check(&own(&statement("Deny", "directory:*", resource), &administrator), &calls(expected));
    }
    for (resource, expected) in account.iter().zip([
        ["allowed", missing, "allowed", missing],
        ["allowed", missing, missing, missing],
        [missing, missing, missing, missing],
    ]) {
        check(&own(&statement("Allow", "directory:*", resource), &[]), &calls(expected));
    }
    let except = format!(r#"{{"Effect":"Deny","Action":"*","NotResource":["{}"]}}"#, name("C"));
    check(&own(&except, &administrator), &calls(["allowed", denied, "allowed", denied]));
    // Control policies read the same names: what a member may do to itself.
    let bounded = freeze(&statement("Deny", "directory:LeaveDirectory", &name("D")));
    let full = [ControlPolicy::FullAccess, custom()];
    let world = with([bounded, attached('D', &full), attached('C', &full), enabled(true)]);
    check(&world, "admin@D leave D1/members/D -> ACTION_DENIED\nadmin@C leave D1/members/C -> allowed");
}

#[test]
fn what_a_statement_leaves_out_is_left_out_under_either_name() {
    let except = |effect: &str, account: &str| {
        format!(r#"{{"Effect":"{effect}","Action":"delegation:*","NotResource":["{}"]}}"#, name(account))
    };
    for excepted in ["C", "D1/members/C"] {
        let world = own(&except("Allow", excepted), &[]);
        check(&world, "carol@A designate D1 D1/members/C -> ACTION_NOT_ALLOWED");
        check(&world, "carol@A designate D1 D1/members/D -> allowed\ncarol@A designate D1 D -> allowed");
    }
    let deny =
        format!(r#"{{"Effect":"Deny","Action":"delegation:*","NotResource":["{}","{}"]}}"#, name("D1"), name("C"));
    let world = own(&deny, &[SystemPolicy::AdministratorAccess.into()]);
    check(
        &world,
        "
        carol@A designate D1 C            -> allowed
        carol@A designate D1 D1/members/C -> allowed
        carol@A designate D1 D            -> ACTION_DENIED
        carol@A designate D1 D1/members/D -> ACTION_DENIED
        ",
    );
}

#[test]
fn conditions_see_address_time_transport_and_second_factor() {
    let when = |condition: &str| {
        let statement = format!(r#"{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{{{condition}}}}}"#);
        own(&statement, &[])
    };
    let here = Environment {
        source_ip: Some("10.0.0.1".parse().unwrap()),
        now: Timestamp::from_micros(1_769_846_400_000_000),
        secure_transport: true,
    };
    let decided = |world: &Snapshot, environment: &Environment, mfa| {
        let caller = Caller::Identity(Principal { mfa, ..Principal::new(carol(), 2, "AK1") });
        decide(&rule("create-member"), &caller, world, &targets(&["D1"]), environment).is_ok()
    };
    for (condition, elsewhere) in [
        (r#""IpAddress":{"acs:SourceIp":"10.0.0.0/8"}"#, Environment { source_ip: None, ..here }),
        (r#""Bool":{"acs:SecureTransport":"true"}"#, Environment { secure_transport: false, ..here }),
        (
            r#""DateLessThan":{"acs:CurrentTime":"2026-01-31T08:00:00.000001Z"}"#,
            Environment { now: Timestamp::from_micros(here.now.as_micros() + 1), ..here },
        ),
    ] {
        let world = when(condition);
        assert_eq!((decided(&world, &here, false), decided(&world, &elsewhere, false)), (true, false), "{condition}");
    }
    let world = when(r#""Bool":{"acs:MFAPresent":"true"}"#);
    assert_eq!((decided(&world, &here, true), decided(&world, &here, false)), (true, false));
}

#[test]
fn a_single_purpose_credential_is_good_for_its_action_alone() {
    let expires = Timestamp::from_micros(ENVIRONMENT.now.as_micros() + 1);
    let fact = |user: &IdentityName, action: &str, expires| {
        let (user, action) = (user.clone(), action.to_owned());
        let fact = super::super::CredentialFact { user, secret_sha256: [0; 32], action, expires };
        Fact::Credential { credential: "c1".to_owned(), fact: Some(fact) }
    };
    let admin = IdentityName::User(account('A'), "admin".to_owned());
    let nobody = IdentityName::User(account('A'), "nobody".to_owned());
    let decided = |world: &Snapshot, user: &IdentityName, method: &str, target: &[&str]| {
        let purpose = Purpose { credential: "c1".to_owned(), action: "directory:CreateMember".to_owned() };
        let caller = Caller::Identity(Principal { purpose: Some(purpose), ..Principal::new(user.clone(), 2, "c1") });
        let decided = decide(&rule(method), &caller, world, &targets(target), &ENVIRONMENT);
        decided.map(|_| ()).map_err(|refusal| (refusal.reason, metadata(&refusal, "policy_type")))
    };
    let world = with([fact(&admin, "directory:CreateMember", expires)]);
    assert_eq!(decided(&world, &admin, "create-member", &["D1"]), Ok(()));
    let not_for = Err((Reason::ActionNotAllowed, PolicyType::Credential.as_str().to_owned()));
    assert_eq!(decided(&world, &admin, "create-invitation", &["D1"]), not_for);
    assert_eq!(decided(&world, &admin, "who-am-i", &["-"]), not_for);
    assert_eq!(decided(&world, &admin, "create-token", &["-"]), Ok(()));
    let revoked = Err((Reason::CredentialRevoked, String::new()));
    for gone in [
        with([]),
        with([fact(&admin, "directory:CreateMember", ENVIRONMENT.now)]),
        with([fact(&nobody, "directory:CreateMember", expires)]),
        with([fact(&admin, "directory:CreateInvitation", expires)]),
    ] {
        assert_eq!(decided(&gone, &admin, "create-member", &["D1"]), revoked);
    }
    // It acts within the policies of its user.
    let world = with([fact(&nobody, "directory:CreateMember", expires)]);
    let not_allowed = Err((Reason::ActionNotAllowed, PolicyType::Identity.as_str().to_owned()));
    assert_eq!(decided(&world, &nobody, "create-member", &["D1"]), not_allowed);
}

#[test]
fn nobody_acts_in_an_account_that_waits_for_its_deletion() {
    let Fact::Account { account: id, membership, placement } = membership('C', Some(('1', "first"))) else { panic!() };
    let placement = Placement { suspended: true, ..placement };
    let world = with([Fact::Account { account: id, membership, placement }]);
    check(
        &world,
        "
        admin@C  leave          D1/members/C -> ACCOUNT_SUSPENDED
        root@C   create-user    C            -> ACCOUNT_SUSPENDED
        role@C   who-am-i       -            -> ACCOUNT_SUSPENDED
        admin@C  create-token   -            -> allowed
        admin@D  leave          D1/members/D -> allowed
        admin@A  add-sase       D1 C         -> allowed
        ",
    );
    assert_eq!(metadata(&refused(&world, "admin@C who-am-i -"), "account"), account('C').name());
}

#[test]
fn an_explanation_names_the_policies_that_spoke() {
    let administrator = [SystemPolicy::AdministratorAccess.into()];
    let statement = r#"{"Sid":"NotC","Effect":"Deny","Action":"delegation:*","Resource":"*/accounts/C"}"#;
    let world = own(&statement.replace("*/accounts/C", &name("C")), &administrator);
    let words = ["carol@A", "designate"];
    let (result, explained) = explain(&rule(words[1]), &caller(words[0]), &world, &targets(&["D1", "C"]), &ENVIRONMENT);
    assert_eq!(result.unwrap_err().reason, Reason::ActionDenied);
    let told: Vec<_> = explained
        .policies
        .iter()
        .map(|told| {
            (told.policy.as_str(), told.kind, told.allows, told.statement, told.sid.as_str(), told.resource.as_str())
        })
        .collect();
    let own = policy_name();
    let (home, target) = (name("D1"), name("C"));
    assert_eq!(
        told,
        [
            ("AdministratorAccess", PolicyType::Identity, true, Some(0), "", home.as_str()),
            (own.as_str(), PolicyType::Identity, false, Some(0), "NotC", target.as_str()),
        ]
    );
    let last = explained.steps.last().unwrap();
    assert_eq!(
        (last.condition.as_str(), last.holds),
        ("no policy denies `delegation:CreateDelegatedAdministrator`", false)
    );
}
