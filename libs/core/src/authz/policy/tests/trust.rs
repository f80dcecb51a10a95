use super::{CIRCUMSTANCES, document};
use crate::{
    IdentityName, TrustedService,
    authz::policy::{Circumstances, Document, Kind, Matched, Verdict},
};

const A: &str = "accounts/1000000000000001";
const B: &str = "accounts/1000000000000002";

fn statement(effect: &str, principal: &str) -> String {
    format!(r#"{{"Effect":"{effect}","Action":["sts:AssumeRole"],"Principal":{{{principal}}}}}"#)
}

fn trusting(principal: &str) -> Document {
    document(Kind::Trust, &[&statement("Allow", principal)])
}

fn identity(name: &str) -> IdentityName {
    name.parse().unwrap()
}

fn trusts(document: &Document, name: &str) -> bool {
    matches!(document.trusts(&identity(name), None, &CIRCUMSTANCES), Verdict::Allow(_))
}

#[test]
fn an_account_stands_for_its_users_and_roles_but_not_its_root_user() {
    let document = trusting(&format!(r#""RAM":"{A}""#));
    assert!(trusts(&document, &format!("{A}/users/alice")));
    assert!(trusts(&document, &format!("{A}/roles/auditor")));
    assert!(!trusts(&document, &format!("{A}/users/root")));
    assert!(!trusts(&document, &format!("{B}/users/alice")));
    assert!(!trusts(&document, "operators/main"));
}

#[test]
fn identities_are_trusted_by_their_whole_name() {
    let document = trusting(&format!(r#""RAM":["{A}/users/alice","{A}/roles/auditor"]"#));
    for (name, expected) in [
        (format!("{A}/users/alice"), true),
        (format!("{A}/roles/auditor"), true),
        (format!("{A}/roles/alice"), false),
        (format!("{A}/users/auditor"), false),
        (format!("{B}/users/alice"), false),
        (format!("{A}/users/alic"), false),
    ] {
        assert_eq!(trusts(&document, &name), expected, "{name}");
    }
}

#[test]
fn services_and_providers_are_principals_of_their_own_kinds() {
    let provider = format!("{A}/identityProviders/corp");
    let document = trusting(&format!(r#""Service":["security-center","sase"],"Federated":["{provider}"]"#));
    let service = |service| matches!(document.trusts_service(service, &CIRCUMSTANCES), Verdict::Allow(_));
    assert!(service(TrustedService::SecurityCenter) && service(TrustedService::Sase));
    assert!(!service(TrustedService::ThreatAnalysis) && !service(TrustedService::Bastionhost));
    let federated = |name: &str| matches!(document.trusts_provider(name, &CIRCUMSTANCES), Verdict::Allow(_));
    assert!(federated(&provider));
    assert!(!federated(&format!("{A}/identityProviders/other")) && !federated(&format!("{B}/identityProviders/corp")));
    assert!(!trusts(&document, &format!("{A}/users/alice")));
    let ram = trusting(&format!(r#""RAM":"{A}""#));
    assert_eq!(ram.trusts_provider(&provider, &CIRCUMSTANCES), Verdict::No);
    assert_eq!(ram.trusts_service(TrustedService::Sase, &CIRCUMSTANCES), Verdict::No);
}

#[test]
fn a_denial_wins_and_is_named() {
    let deny = statement("Deny", &format!(r#""RAM":"{A}/users/mallory""#)).replacen('{', r#"{"Sid":"NotMallory","#, 1);
    let document = document(Kind::Trust, &[&statement("Allow", &format!(r#""RAM":"{A}""#)), &deny]);
    let verdict = |name: &str| document.trusts(&identity(name), None, &CIRCUMSTANCES);
    assert_eq!(verdict(&format!("{A}/users/alice")), Verdict::Allow(Matched { index: 0, sid: None }));
    let denied = Verdict::Deny(Matched { index: 1, sid: Some("NotMallory") });
    assert_eq!(verdict(&format!("{A}/users/mallory")), denied);
    assert_eq!(verdict(&format!("{B}/users/mallory")), Verdict::No);
}

#[test]
fn conditions_bound_every_kind_of_principal() {
    let provider = format!("{A}/identityProviders/corp");
    let document = document(
        Kind::Trust,
        &[&format!(
            r#"{{"Effect":"Allow","Action":"sts:AssumeRole",
            "Principal":{{"RAM":"{A}","Service":"sase","Federated":"{provider}"}},
            "Condition":{{"Bool":{{"acs:MFAPresent":"true"}}}}}}"#
        )],
    );
    let mfa = Circumstances { mfa: true, ..CIRCUMSTANCES };
    for (circumstances, expected) in
        [(CIRCUMSTANCES, Verdict::No), (mfa, Verdict::Allow(Matched { index: 0, sid: None }))]
    {
        assert_eq!(document.trusts(&identity(&format!("{A}/users/alice")), None, &circumstances), expected);
        assert_eq!(document.trusts_service(TrustedService::Sase, &circumstances), expected);
        assert_eq!(document.trusts_provider(&provider, &circumstances), expected);
    }
}

#[test]
fn trust_and_permission_do_not_stand_in_for_each_other() {
    let trust = trusting(&format!(r#""RAM":"{A}""#));
    assert_eq!(trust.matching("sts:AssumeRole", "", &CIRCUMSTANCES).verdict(), Verdict::No);
    let permission = document(Kind::Permission, &[r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#]);
    assert!(!trusts(&permission, &format!("{A}/users/alice")));
    assert_eq!(permission.trusts_service(TrustedService::Sase, &CIRCUMSTANCES), Verdict::No);
}
