//! Random texts: most are refused, none stops the process, and what is read is read in one way.

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value, json};

use super::CIRCUMSTANCES;
use crate::{
    TrustedService,
    authz::policy::{Document, Kind, action_matches},
};

const KINDS: [Kind; 4] = [Kind::Permission, Kind::Session, Kind::Control, Kind::Trust];

/// Words of the language and near misses.
const WORDS: &[&str] = &[
    "Version",
    "Statement",
    "Sid",
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
    "Principal",
    "1",
    "Allow",
    "Deny",
    "*",
    "ram:Get*",
    "sts:AssumeRole",
    "accounts/1000000000000001",
    "accounts/*",
    "RAM",
    "Service",
    "Federated",
    "sase",
    "IpAddress",
    "Bool",
    "StringLike",
    "DateEquals",
    "acs:SourceIp",
    "acs:MFAPresent",
    "acs:CurrentTime",
    "sts:ExternalId",
    "10.0.0.0/8",
    "::1",
    "true",
    "2026-01-31T08:00:00Z",
    "",
    "é",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![20 => select(WORDS).prop_map(str::to_owned), 1 => any::<String>()]
}

/// Any JSON of such words.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((word(), inner), 0..6).prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}

/// A sound statement, and for some an unsound one.
fn statement() -> impl Strategy<Value = Value> {
    let action = vec(select(&["*", "ram:*", "ram:Get*", "*:List*", "sase:GetX"][..]), 1..4);
    let resource = vec(select(&["*", "accounts/*", "*/users/a", "accounts/1000000000000001"][..]), 1..4);
    (action, any::<bool>(), resource, any::<bool>(), any::<bool>(), proptest::option::weighted(0.1, (word(), value())))
        .prop_map(|(action, not_action, resource, not_resource, deny, odd)| {
            let mut members = Map::new();
            members.insert("Effect".to_owned(), json!(if deny { "Deny" } else { "Allow" }));
            members.insert(if not_action { "NotAction" } else { "Action" }.to_owned(), json!(action));
            members.insert(if not_resource { "NotResource" } else { "Resource" }.to_owned(), json!(resource));
            members.extend(odd);
            Value::Object(members)
        })
}

fn every_question(document: &Document) {
    let alice = "accounts/1000000000000001/users/alice".parse().unwrap();
    document.matching("ram:GetUser", "accounts/1000000000000001", &CIRCUMSTANCES);
    document.trusts(&alice, Some("x"), &CIRCUMSTANCES);
    document.trusts_service(TrustedService::Sase, &CIRCUMSTANCES);
    document.trusts_provider("x", &CIRCUMSTANCES);
}

/// Effects by the words of the language, over the JSON itself: whether some statement allows, and whether some denies.
fn naive(document: &Value, action: &str, resource: &str) -> (bool, bool) {
    let includes = |statement: &Value, member: &str, text: &str| {
        let any = |list: &Value| list.as_array().unwrap().iter().any(|p| action_matches(p.as_str().unwrap(), text));
        match statement.get(member) {
            Some(list) => any(list),
            None => !any(&statement[&format!("Not{member}")]),
        }
    };
    let with = |effect: &str| {
        document["Statement"].as_array().unwrap().iter().any(|statement| {
            statement["Effect"] == effect
                && includes(statement, "Action", action)
                && includes(statement, "Resource", resource)
        })
    };
    (with("Allow"), with("Deny"))
}

proptest! {
    #[test]
    fn no_text_stops_the_process(text in "[{}\\[\\]\":,a-zA-Z0-9 \\\\]{0,200}|\\PC{0,80}", kind in select(&KINDS[..])) {
        if let Ok(document) = Document::parse(kind, &text) {
            every_question(&document);
        }
    }

    #[test]
    fn no_json_stops_the_process(value in value(), within in 0..3, kind in select(&KINDS[..])) {
        let value = match within {
            0 => value,
            1 => json!({"Version": "1", "Statement": [value]}),
            _ => json!({"Version": "1", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": value}]}),
        };
        match Document::parse(kind, &value.to_string()) {
            Ok(document) => every_question(&document),
            Err(error) => prop_assert!((1..=20).contains(&error.mistakes.len())),
        }
    }

    #[test]
    fn a_document_means_what_its_json_says(
        statements in vec(statement(), 1..6),
        action in select(&["ram:GetUser", "ram:DeleteUser", "sase:GetX", "sase:ListX"][..]),
        resource in select(&["", "accounts/1000000000000001", "accounts/1000000000000001/users/a", "directories/x"][..]),
    ) {
        let json = json!({"Version": "1", "Statement": statements});
        let (compact, pretty) = (json.to_string(), serde_json::to_string_pretty(&json).unwrap());
        let read = Document::parse(Kind::Permission, &compact);
        // Blanks mean nothing: also the mistakes are the same.
        let again = Document::parse(Kind::Permission, &pretty);
        match (read, again) {
            (Ok(read), Ok(again)) => {
                prop_assert_eq!(read.text(), compact);
                let matches = read.matching(action, resource, &CIRCUMSTANCES);
                prop_assert_eq!((matches.allow.is_some(), matches.deny.is_some()), naive(&json, action, resource));
                prop_assert_eq!(matches, again.matching(action, resource, &CIRCUMSTANCES));
            }
            (Err(error), Err(again)) => prop_assert_eq!(error, again),
            other => prop_assert!(pretty.len() > 6_144, "{other:?}"),
        }
    }
}
