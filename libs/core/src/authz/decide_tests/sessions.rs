//! Roles: who may assume them, and what their sessions may do.

use super::{
    super::{Caller, Document, Fact, IdentityFact, Placement, PolicyKind, Principal, Session, SignedIn, SystemPolicy},
    world::{account, caller, gone, holds, membership, name, rule, world},
    *,
};
use crate::{IdentityName, PrincipalKind};

fn role(letter: char) -> IdentityName {
    IdentityName::Role(account(letter), "auditor".to_owned())
}

/// The role auditor of an account, that trusts by these members of a statement.
fn trusting(letter: char, members: &str) -> Fact {
    let statement = format!(r#"{{"Effect":"Allow","Action":"sts:AssumeRole",{members}}}"#);
    let text = format!(r#"{{"Version":"1","Statement":[{statement}]}}"#);
    known(letter, PrincipalKind::Role, true, Some(Document::parse(PolicyKind::Trust, &text).unwrap()))
}

fn known(letter: char, kind: PrincipalKind, enabled: bool, trust_policy: Option<Document>) -> Fact {
    let policies = [SystemPolicy::AdministratorAccess.into()].into();
    let fact = IdentityFact { kind, enabled, generation: 2, policies, trust_policy };
    Fact::Identity { identity: role(letter), fact: Some(fact) }
}

fn with(facts: impl IntoIterator<Item = Fact>) -> Snapshot {
    let mut world = world();
    world.apply(8, facts.into_iter().map(holds));
    world
}

fn ram(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
    format!(r#""Principal":{{"RAM":[{}]}}"#, names.join(","))
}

#[test]
fn a_role_is_assumed_by_whom_it_trusts() {
    let world = with([
        trusting('C', &ram(&[account('T').name(), name("D/users/admin"), name("B")])),
        trusting('N', &ram(&[name("M/users/nobody")])),
    ]);
    check(
        &world,
        "
        admin@T      assume-role  C/roles/auditor -> allowed
        role@T       assume-role  C/roles/auditor -> allowed
        nobody@T     assume-role  C/roles/auditor -> ACTION_NOT_ALLOWED
        root@T       assume-role  C/roles/auditor -> OPERATOR_REQUIRED
        root@C       assume-role  C/roles/auditor -> OPERATOR_REQUIRED
        root@S       assume-role  C/roles/auditor -> OPERATOR_REQUIRED
        disabled@T   assume-role  C/roles/auditor -> CREDENTIAL_REVOKED
        anonymous    assume-role  C/roles/auditor -> CREDENTIAL_MISSING
        operator     assume-role  C/roles/auditor -> SEAT_REQUIRED
        admin@D      assume-role  C/roles/auditor -> allowed
        security@D   assume-role  C/roles/auditor -> ROLE_NOT_TRUSTED
        admin@C      assume-role  C/roles/auditor -> ROLE_NOT_TRUSTED
        admin@C      assume-role  C/roles/nothing -> ROLE_NOT_TRUSTED
        admin@D      assume-role  C/roles/nothing -> ROLE_NOT_TRUSTED
        admin@S      assume-role  C/roles/auditor -> RESOURCE_NOT_FOUND
        admin@S      assume-role  C/roles/nothing -> RESOURCE_NOT_FOUND
        admin@T      assume-role  C/roles/nothing -> RESOURCE_NOT_FOUND
        admin@M      assume-role  C/roles/auditor -> RESOURCE_NOT_FOUND
        nobody@M     assume-role  N/roles/auditor -> ACTION_NOT_ALLOWED
        admin@M      assume-role  N/roles/auditor -> ROLE_NOT_TRUSTED
        admin@T      assume-role  C/users/admin   -> INVALID_FIELD
        admin@T      assume-role  C               -> INVALID_FIELD
        admin@T      assume-role  D1              -> INVALID_FIELD
        ",
    );
    let permit = call(&world, "admin@T assume-role C/roles/auditor").unwrap();
    assert_eq!(permit.tenant(), Tenant::Account(account('C')));
    assert_eq!((permit.account(), permit.directory()), (Some(account('T')), None));
    let refusal = refused(&world, "admin@C assume-role C/roles/auditor");
    assert_eq!(refusal.metadata, [("role", role('C').to_string())]);
    assert_eq!(refused(&world, "admin@S assume-role C/roles/auditor").metadata.len(), 1);
}

#[test]
fn a_role_that_cannot_be_had_trusts_nobody() {
    let trust = ram(&[name("T")]);
    let Fact::Identity { fact: Some(IdentityFact { trust_policy, .. }), .. } = trusting('C', &trust) else { panic!() };
    let Fact::Account { account: id, membership: of, placement } = membership('C', Some(('1', "first"))) else {
        panic!()
    };
    let suspended =
        Fact::Account { account: id, membership: of, placement: Placement { suspended: true, ..placement } };
    for facts in [
        vec![known('C', PrincipalKind::Role, false, trust_policy.clone())],
        vec![known('C', PrincipalKind::ServiceLinkedRole, true, trust_policy.clone())],
        vec![known('C', PrincipalKind::Role, true, None)],
        vec![trusting('C', &trust), suspended],
    ] {
        check(&with(facts), "admin@T assume-role C/roles/auditor -> RESOURCE_NOT_FOUND");
    }
}

// A partner is told that there is a role that it may have, if it sends the right external id (E-GW-04).
#[test]
fn an_external_id_is_asked_for() {
    let condition = r#""Condition":{"StringEquals":{"sts:ExternalId":"customer-1"}}"#;
    let world = with([trusting('C', &format!("{},{condition}", ram(&[name("T")])))]);
    let decided = |who: &str, external_id: &str| {
        let targets = Targets { external_id: external_id.to_owned(), ..targets(&["C/roles/auditor"]) };
        let decided = decide(&rule("assume-role"), &caller(who), &world, &targets, &ENVIRONMENT);
        decided.map(|permit| permit.covers(&targets)).map_err(|refusal| refusal.reason)
    };
    assert_eq!(decided("admin@T", "customer-1"), Ok(true));
    assert_eq!(decided("admin@T", "customer-2"), Err(Reason::RoleNotTrusted));
    assert_eq!(decided("admin@T", ""), Err(Reason::RoleNotTrusted));
    assert_eq!(decided("admin@S", "customer-1"), Err(Reason::ResourceNotFound));
}

fn session(policy: Option<&str>, source: Option<(IdentityName, i64)>) -> Principal {
    let policy = policy.map(|statements| {
        let text = format!(r#"{{"Version":"1","Statement":[{statements}]}}"#);
        Document::parse(PolicyKind::Session, &text).unwrap()
    });
    let (source, source_generation) = source.map_or((None, 0), |(source, generation)| (Some(source), generation));
    let session = Session { name: "night-shift".to_owned(), policy, source, source_generation };
    Principal { session: Some(session.into()), ..Principal::new(role('A'), 2, "AK1") }
}

fn decided(world: &Snapshot, principal: &Principal, line: &str) -> Result<(), (Reason, String)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let caller = Caller::Identity(principal.clone());
    let decided = decide(&rule(words[0]), &caller, world, &targets(&words[1..]), &ENVIRONMENT);
    decided.map(|_| ()).map_err(|refusal| {
        let kind = refusal.metadata.iter().find(|(key, _)| *key == "policy_type").map(|(_, kind)| kind.clone());
        (refusal.reason, kind.unwrap_or_default())
    })
}

#[test]
fn a_session_policy_only_narrows() {
    let world = with([known('A', PrincipalKind::Role, true, None)]);
    let free = session(None, None);
    assert_eq!(decided(&world, &free, "create-member D1"), Ok(()));
    let allow = r#"{"Effect":"Allow","Action":"directory:CreateMember","Resource":"*"}"#;
    let narrow = session(Some(allow), None);
    assert_eq!(decided(&world, &narrow, "create-member D1"), Ok(()));
    let refused = Err((Reason::ActionNotAllowed, "SESSION".to_owned()));
    assert_eq!(decided(&world, &narrow, "create-invitation D1"), refused);
    let deny = session(Some(&format!(r#"{allow},{{"Effect":"Deny","Action":"*","Resource":"*"}}"#)), None);
    assert_eq!(decided(&world, &deny, "create-member D1"), Err((Reason::ActionDenied, "SESSION".to_owned())));
    // What the role itself may not do, its session may not.
    let bare = Fact::Identity {
        identity: role('A'),
        fact: Some(IdentityFact {
            kind: PrincipalKind::Role,
            enabled: true,
            generation: 2,
            policies: Box::default(),
            trust_policy: None,
        }),
    };
    let refused = Err((Reason::ActionNotAllowed, "IDENTITY".to_owned()));
    assert_eq!(decided(&with([bare]), &narrow, "create-member D1"), refused);
}

#[test]
fn a_session_ends_with_the_identity_that_it_began_with() {
    let admin = IdentityName::User(account('T'), "admin".to_owned());
    let disabled = IdentityName::User(account('T'), "disabled".to_owned());
    let mut world = with([known('A', PrincipalKind::Role, true, None)]);
    let begun = |source: &IdentityName, generation| session(None, Some((source.clone(), generation)));
    let revoked = Err((Reason::CredentialRevoked, String::new()));
    for method in ["create-member D1", "who-am-i -"] {
        assert_eq!(decided(&world, &begun(&admin, 2), method), Ok(()));
        assert_eq!(decided(&world, &begun(&admin, 1), method), revoked);
        assert_eq!(decided(&world, &begun(&disabled, 2), method), revoked);
    }
    let Fact::Account { account: id, placement, .. } = membership('T', None) else { panic!() };
    let placement = Placement { suspended: true, ..placement };
    let mut suspended = world.clone();
    suspended.apply(9, [holds(Fact::Account { account: id, membership: None, placement })]);
    let refused = Err((Reason::AccountSuspended, String::new()));
    assert_eq!(decided(&suspended, &begun(&admin, 2), "who-am-i -"), refused);
    world.apply(9, [gone(Fact::Identity { identity: admin.clone(), fact: None })]);
    assert_eq!(decided(&world, &begun(&admin, 2), "create-member D1"), revoked);
    // Its own role ends it too.
    assert_eq!(decided(&world, &Principal { generation: 1, ..session(None, None) }, "who-am-i -"), revoked);
}

#[test]
fn a_permit_says_how_its_caller_was_identified() {
    let world = with([known('A', PrincipalKind::Role, true, None)]);
    let admin = IdentityName::User(account('T'), "admin".to_owned());
    let expires = Some(Timestamp::from_micros(9));
    let person = SignedIn { provider: "provider".to_owned(), subject: "person".to_owned() };
    let signed_in = Some(person.clone().into());
    let principal = Principal { mfa: true, expires, signed_in, ..session(None, Some((admin.clone(), 2))) };
    let caller = Caller::Identity(principal);
    let permit = decide(&rule("who-am-i"), &caller, &world, &Targets::default(), &ENVIRONMENT).unwrap();
    let how = permit.authentication().unwrap();
    assert_eq!((how.generation, how.mfa, how.expires), (2, true, expires));
    assert_eq!(how.session, Some(Some((admin, 2))));
    assert_eq!((how.signed_in.as_ref(), &how.credential), (Some(&person), &None));
    assert_eq!(how.secure_transport, ENVIRONMENT.secure_transport);
    assert_eq!(call(&world, "admin@A who-am-i -").unwrap().authentication().unwrap().session, None);
    assert_eq!(call(&world, "anonymous create-token -").unwrap().authentication(), None);
}
