use std::net::IpAddr;

use super::{CIRCUMSTANCES, document, indexes};
use crate::{
    Timestamp,
    authz::policy::{Circumstances, Document, Kind, Verdict},
};

fn under(condition: &str) -> Document {
    document(
        Kind::Permission,
        &[&format!(r#"{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{{{condition}}}}}"#)],
    )
}

fn holds(condition: &str, circumstances: &Circumstances) -> bool {
    match indexes(under(condition).matching("sase:GetSaseMember", "", circumstances)) {
        (Some(0), None) => true,
        (None, None) => false,
        other => panic!("{condition}: {other:?}"),
    }
}

#[test]
fn addresses() {
    let from = |address: &str| Circumstances {
        source_ip: (address != "-").then(|| address.parse::<IpAddr>().unwrap()),
        ..CIRCUMSTANCES
    };
    for (values, address, inside) in [
        (r#""10.0.0.0/8""#, "10.0.0.0", true),
        (r#""10.0.0.0/8""#, "10.255.255.255", true),
        (r#""10.0.0.0/8""#, "11.0.0.0", false),
        (r#""10.0.0.0/8""#, "9.255.255.255", false),
        (r#""10.0.0.0/8""#, "::ffff:10.0.0.1", true),
        (r#""10.0.0.0/8""#, "::10.0.0.1", false),
        (r#""10.0.0.0/8""#, "2001:db8::1", false),
        (r#""::ffff:10.0.0.0/104""#, "10.1.2.3", true),
        (r#""::ffff:10.0.0.0/104""#, "::ffff:10.1.2.3", true),
        (r#""::ffff:10.0.0.0/104""#, "11.1.2.3", false),
        (r#""::ffff:10.0.0.1""#, "10.0.0.1", true),
        (r#""::ffff:10.0.0.1""#, "10.0.0.2", false),
        (r#""10.0.0.1""#, "10.0.0.1", true),
        (r#""10.0.0.1/32""#, "10.0.0.0", false),
        (r#""10.0.0.0/31""#, "10.0.0.1", true),
        (r#""0.0.0.0/0""#, "255.255.255.255", true),
        (r#""0.0.0.0/0""#, "2001:db8::1", false),
        (r#""::/0""#, "2001:db8::1", true),
        (r#""::/0""#, "10.0.0.1", false),
        (r#""2001:db8::/32""#, "2001:db8:ffff::1", true),
        (r#""2001:db8::/32""#, "2001:db9::", false),
        (r#""2001:db8::1""#, "2001:db8::1", true),
        (r#""2001:db8::1/128""#, "2001:db8::2", false),
        (r#"["10.0.0.0/8","192.168.0.0/16"]"#, "192.168.1.1", true),
        (r#"["10.0.0.0/8","192.168.0.0/16"]"#, "172.16.0.1", false),
        (r#""0.0.0.0/0""#, "-", false),
    ] {
        let circumstances = from(address);
        let condition = |operator| format!(r#""{operator}":{{"acs:SourceIp":{values}}}"#);
        assert_eq!(holds(&condition("IpAddress"), &circumstances), inside, "{values} {address}");
        assert_eq!(holds(&condition("NotIpAddress"), &circumstances), !inside, "not {values} {address}");
    }
}

#[test]
fn times() {
    let at =
        |micros| Circumstances { now: Timestamp::from_micros(CIRCUMSTANCES.now.as_micros() + micros), ..CIRCUMSTANCES };
    // Before the time, at it, after it.
    for (operator, expected) in [
        ("DateEquals", [false, true, false]),
        ("DateNotEquals", [true, false, true]),
        ("DateLessThan", [true, false, false]),
        ("DateLessThanEquals", [true, true, false]),
        ("DateGreaterThan", [false, false, true]),
        ("DateGreaterThanEquals", [false, true, true]),
    ] {
        for time in ["2026-01-31T08:00:00Z", "2026-01-31T16:00:00.000000+08:00"] {
            let condition = format!(r#""{operator}":{{"acs:CurrentTime":"{time}"}}"#);
            assert_eq!([-1, 0, 1].map(|micros| holds(&condition, &at(micros))), expected, "{condition}");
        }
    }
    let either = r#"{"acs:CurrentTime":["2026-01-31T08:00:00Z","2026-01-31T08:00:00.000001Z"]}"#;
    assert_eq!([-1, 0, 1, 2].map(|m| holds(&format!(r#""DateEquals":{either}"#), &at(m))), [false, true, true, false]);
    assert_eq!(
        [-1, 0, 1, 2].map(|m| holds(&format!(r#""DateNotEquals":{either}"#), &at(m))),
        [true, false, false, true]
    );
}

#[test]
fn flags() {
    let tls = Circumstances { secure_transport: true, ..CIRCUMSTANCES };
    let mfa = Circumstances { mfa: true, ..CIRCUMSTANCES };
    // In the plain circumstances, over TLS, with a second factor.
    for (condition, expected) in [
        (r#""acs:SecureTransport":"true""#, [false, true, false]),
        (r#""acs:SecureTransport":false"#, [true, false, true]),
        (r#""acs:MFAPresent":true"#, [false, false, true]),
        (r#""acs:MFAPresent":["false"]"#, [true, true, false]),
        (r#""acs:MFAPresent":[true,"false"]"#, [true, true, true]),
        (r#""acs:MFAPresent":"false","acs:SecureTransport":"true""#, [false, true, false]),
    ] {
        let condition = format!(r#""Bool":{{{condition}}}"#);
        assert_eq!([CIRCUMSTANCES, tls, mfa].map(|e| holds(&condition, &e)), expected, "{condition}");
    }
}

#[test]
fn all_operators_and_keys_must_hold() {
    let condition = r#""IpAddress":{"acs:SourceIp":"10.0.0.0/8"},"NotIpAddress":{"acs:SourceIp":"10.9.0.0/16"},
        "Bool":{"acs:MFAPresent":"true"}"#;
    for (address, mfa, expected) in
        [("10.0.0.1", true, true), ("10.9.0.1", true, false), ("11.0.0.1", true, false), ("10.0.0.1", false, false)]
    {
        let circumstances = Circumstances { source_ip: Some(address.parse().unwrap()), mfa, ..CIRCUMSTANCES };
        assert_eq!(holds(condition, &circumstances), expected, "{address} {mfa}");
    }
}

#[test]
fn external_ids() {
    let verdict = |operator: &str, values: &str, id: Option<&str>| {
        let statement = format!(
            r#"{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{{"RAM":"accounts/1000000000000001"}},
            "Condition":{{"{operator}":{{"sts:ExternalId":{values}}}}}}}"#
        );
        let alice = "accounts/1000000000000001/users/alice".parse().unwrap();
        matches!(document(Kind::Trust, &[&statement]).trusts(&alice, id, &CIRCUMSTANCES), Verdict::Allow(_))
    };
    for (operator, values, id, expected) in [
        ("Equals", r#""Acme-7""#, Some("Acme-7"), true),
        ("Equals", r#""Acme-7""#, Some("acme-7"), false),
        ("Equals", r#""Acme-*""#, Some("Acme-7"), false),
        ("Equals", r#"["x","Acme-7"]"#, Some("Acme-7"), true),
        ("Equals", r#"["x","y"]"#, Some("Acme-7"), false),
        ("Equals", r#""Acme-7""#, Some(""), false),
        ("Equals", r#""Acme-7""#, None, false),
        ("EqualsIgnoreCase", r#""Acme-7""#, Some("aCME-7"), true),
        ("EqualsIgnoreCase", r#""Acme-7""#, Some("acme-8"), false),
        ("EqualsIgnoreCase", r#""É""#, Some("é"), false),
        ("Like", r#""Acme-?""#, Some("Acme-7"), true),
        ("Like", r#""Acme-?""#, Some("Acme-77"), false),
        ("Like", r#""A*7""#, Some("Acme-7"), true),
        ("Like", r#""a*7""#, Some("Acme-7"), false),
        ("Like", r#""*""#, Some(""), true),
        ("Like", r#""*""#, None, false),
    ] {
        assert_eq!(verdict(&format!("String{operator}"), values, id), expected, "{operator} {values} {id:?}");
        let negated = operator.replace("Equals", "NotEquals").replace("Like", "NotLike");
        assert_eq!(verdict(&format!("String{negated}"), values, id), !expected, "{negated} {values} {id:?}");
    }
}
