use super::{CIRCUMSTANCES, document, indexes, read};
use crate::authz::policy::{Circumstances, Document, Kind, Matched, Matches, SystemPolicy, Verdict};

const MEMBER: &str = "directories/rd-0000000000001/members/1000000000000002";
const USER: &str = "accounts/1000000000000001/users/alice";

/// Which statements of a document allow and deny an action on a resource.
fn matched(document: &Document, action: &str, resource: &str) -> (Option<usize>, Option<usize>) {
    indexes(document.matching(action, resource, &CIRCUMSTANCES))
}

#[test]
fn a_statement_is_about_its_actions_on_its_resources() {
    for (members, action, resource, expected) in [
        (r#""Action":"*","Resource":"*""#, "ram:GetUser", USER, true),
        (r#""Action":"*","Resource":"*""#, "access:ExplainAccess", "", true),
        (r#""Action":"*","Resource":"**""#, "access:ExplainAccess", "", true),
        (r#""Action":"*","Resource":"accounts/*""#, "access:ExplainAccess", "", false),
        (r#""Action":"*","NotResource":"accounts/*""#, "access:ExplainAccess", "", true),
        (r#""Action":"*","NotResource":"*""#, "access:ExplainAccess", "", false),
        (r#""Action":"ram:GetUser","Resource":"*""#, "ram:GetUser", USER, true),
        (r#""Action":"ram:getuser","Resource":"*""#, "ram:GetUser", USER, false),
        (r#""Action":["ram:List*","ram:Get*"],"Resource":"*""#, "ram:GetUser", USER, true),
        (r#""Action":["ram:List*","ram:Get*"],"Resource":"*""#, "ram:DeleteUser", USER, false),
        (r#""NotAction":["ram:List*","ram:Get*"],"Resource":"*""#, "ram:GetUser", USER, false),
        (r#""NotAction":["ram:List*","ram:Get*"],"Resource":"*""#, "ram:DeleteUser", USER, true),
        (r#""Action":"ram:*","Resource":"accounts/1000000000000001/*""#, "ram:GetUser", USER, true),
        (r#""Action":"ram:*","Resource":"accounts/1000000000000001""#, "ram:GetUser", USER, false),
        (r#""Action":"ram:*","Resource":"accounts/1000000000000002/*""#, "ram:GetUser", USER, false),
        (r#""Action":"ram:*","NotResource":"accounts/1000000000000002/*""#, "ram:GetUser", USER, true),
        (r#""Action":"*","Resource":["accounts/*","*/members/*"]"#, "directory:GetMember", MEMBER, true),
        (r#""Action":"*","Resource":"directories/rd-0000000000001/members/*2""#, "directory:GetMember", MEMBER, true),
        (r#""Action":"*","Resource":"directories/rd-0000000000001/members/*3""#, "directory:GetMember", MEMBER, false),
    ] {
        for (effect, found) in [("Allow", (Some(0), None)), ("Deny", (None, Some(0)))] {
            let document = document(Kind::Control, &[&format!(r#"{{"Effect":"{effect}",{members}}}"#)]);
            let expected = if expected { found } else { (None, None) };
            assert_eq!(matched(&document, action, resource), expected, "{effect} {members} {action} {resource}");
        }
    }
}

#[test]
fn the_first_statement_of_each_effect_is_named() {
    let document = document(
        Kind::Permission,
        &[
            r#"{"Effect":"Allow","Action":"sase:*","Resource":"*"}"#,
            r#"{"Sid":"Read","Effect":"Allow","Action":"ram:Get*","Resource":"*"}"#,
            r#"{"Sid":"All","Effect":"Allow","Action":"ram:*","Resource":"*"}"#,
            r#"{"Sid":"NotAlice","Effect":"Deny","Action":"*","Resource":"*/users/alice"}"#,
            r#"{"Effect":"Deny","Action":"ram:*","Resource":"*"}"#,
        ],
    );
    let read = Matched { index: 1, sid: Some("Read") };
    let not_alice = Matched { index: 3, sid: Some("NotAlice") };
    let matches = document.matching("ram:GetUser", USER, &CIRCUMSTANCES);
    assert_eq!(matches, Matches { allow: Some(read), deny: Some(not_alice) });
    assert_eq!(matches.verdict(), Verdict::Deny(not_alice));
    let matches = document.matching("sase:GetSaseMember", "", &CIRCUMSTANCES);
    assert_eq!(matches.verdict(), Verdict::Allow(Matched { index: 0, sid: None }));
    assert_eq!(document.matching("soc:GetX", "", &CIRCUMSTANCES).verdict(), Verdict::No);
}

#[test]
fn conditions_are_of_their_statement() {
    let document = document(
        Kind::Session,
        &[
            r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#,
            r#"{"Effect":"Deny","Action":"ram:*","Resource":"*","Condition":{"Bool":{"acs:MFAPresent":"false"}}}"#,
        ],
    );
    let mfa = Circumstances { mfa: true, ..CIRCUMSTANCES };
    assert_eq!(indexes(document.matching("ram:GetUser", USER, &CIRCUMSTANCES)), (Some(0), Some(1)));
    assert_eq!(indexes(document.matching("ram:GetUser", USER, &mfa)), (Some(0), None));
    assert_eq!(indexes(document.matching("sase:X", "", &CIRCUMSTANCES)), (Some(0), None));
}

#[test]
fn system_policies_say_the_same_as_their_documents() {
    for policy in SystemPolicy::ALL {
        let parsed = read(Kind::Permission, policy.document().text());
        for service in ["directory", "delegation", "ram", "securitycenter", "soc", "sase", "bastion", "audit", "sts"] {
            for name in ["GetX", "ListX", "CreateX", "X"] {
                let action = format!("{service}:{name}");
                for resource in ["", USER, MEMBER] {
                    let expected = (policy.allows(&action).then_some(0), None);
                    assert_eq!(matched(policy.document(), &action, resource), expected, "{policy:?} {action}");
                    assert_eq!(matched(&parsed, &action, resource), expected, "{policy:?} {action}");
                }
            }
        }
    }
}

#[test]
fn a_document_is_its_kind_and_its_text() {
    let text = r#"{ "Version": "1", "Statement": [{"Effect":"Allow","Action":"*","Resource":"*"}] }"#;
    let document = read(Kind::Permission, text);
    assert_eq!((document.text(), document.kind()), (text, Kind::Permission));
    assert_eq!(document, document.clone());
    assert_eq!(document, read(Kind::Permission, text));
    assert_ne!(document, read(Kind::Control, text));
    assert_ne!(document, *SystemPolicy::AdministratorAccess.document());
    assert!(format!("{document:?}").starts_with("Document(Permission, "));
}
