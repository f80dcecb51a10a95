use crate::authz::policy::{Document, Kind, Mistake};

fn mistakes(kind: Kind, text: &str) -> Vec<Mistake> {
    Document::parse(kind, text).expect_err(text).mistakes
}

/// Each case: a text, and its mistakes as `path: part of the problem`, all of them, in order.
fn check(kind: Kind, cases: &[(&str, &[&str])]) {
    for (text, expected) in cases {
        let found = mistakes(kind, text);
        let same = found.len() == expected.len()
            && found.iter().zip(*expected).all(|(mistake, expected)| {
                let (path, problem) = expected.split_once(": ").unwrap();
                mistake.path == path && mistake.problem.contains(problem)
            });
        assert!(same, "{text}\nexpected {expected:#?}\nfound {found:#?}");
    }
}

/// Each case: the members of the one statement.
fn statements(kind: Kind, cases: &[(&str, &[&str])]) {
    for (members, expected) in cases {
        check(kind, &[(&format!(r#"{{"Version":"1","Statement":[{{{members}}}]}}"#), expected)]);
    }
}

#[test]
fn documents() {
    check(
        Kind::Permission,
        &[
            ("", &[": no JSON"]),
            ("{", &[": no JSON"]),
            ("{} x", &[": no JSON"]),
            ("[]", &[": must be an object, not a list"]),
            ("null", &[": must be an object, not null"]),
            ("1.5", &[": must be an object, not a number"]),
            ("{}", &["Version: is missing", "Statement: is missing"]),
            (
                r#"{"Version":"2","Statement":{}}"#,
                &["Version: must be \"1\"", "Statement: must be a list of statements"],
            ),
            (
                r#"{"Version":1,"Statement":[]}"#,
                &["Version: must be \"1\"", "Statement: must have 1 to 100 statements"],
            ),
            (
                r#"{"Version":"1","Statement":[true,"x"],"Id":"x"}"#,
                &[
                    "Id: is unknown; expected here: `Version`, `Statement`",
                    "Statement[0]: must be an object, not a boolean",
                    "Statement[1]: must be an object, not a text",
                ],
            ),
            (
                r#"{"Version":"1","version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
                &["version: is unknown"],
            ),
        ],
    );
}

#[test]
fn statements_of_permissions() {
    statements(
        Kind::Permission,
        &[
            (
                "",
                &[
                    "Statement[0].Effect: is missing",
                    "Statement[0]: exactly one of `Action` and `NotAction`",
                    "Statement[0]: exactly one of `Resource` and `NotResource`",
                ],
            ),
            (r#""Effect":"allow","Action":"*","Resource":"*""#, &["Statement[0].Effect: must be `Allow` or `Deny`"]),
            (
                r#""Effect":"Allow","Action":"*","NotAction":"*","Resource":"*","NotResource":"*""#,
                &["Statement[0]: `NotAction`", "Statement[0]: `NotResource`"],
            ),
            (
                r#""Effect":"Allow","Action":"*","Resource":"*","Principal":{"RAM":"accounts/1000000000000001"}"#,
                &["Statement[0].Principal: is unknown"],
            ),
            (
                r#""Effect":"Allow","Action":[],"Resource":[]"#,
                &[
                    "Statement[0].Action: must have 1 to 100 entries",
                    "Statement[0].Resource: must have 1 to 100 entries",
                ],
            ),
            (
                r#""Effect":"Allow","Action":["*",null],"Resource":{}"#,
                &[
                    "Statement[0].Action[1]: must be a text, not null",
                    "Statement[0].Resource: must be a text, not an object",
                ],
            ),
            (
                r#""Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*""#,
                &["Statement[0].Effect: a second time"],
            ),
            (
                // The same member, spelled in another way.
                r#""Effect":"Deny","\u0045ffect":"Allow","Action":"*","Resource":"*""#,
                &["Statement[0].Effect: a second time"],
            ),
            (
                r#""Sid":"","Effect":"Allow","Action":"*","Resource":"*""#,
                &["Statement[0].Sid: must be 1 to 64 letters"],
            ),
            (
                r#""Sid":"a b","Effect":"Allow","Action":"*","Resource":"*""#,
                &["Statement[0].Sid: must be 1 to 64 letters"],
            ),
            (r#""Sid":1,"Effect":"Allow","Action":"*","Resource":"*""#, &["Statement[0].Sid: must be 1 to 64 letters"]),
        ],
    );
    let twice = r#"{"Sid":"a","Effect":"Allow","Action":"*","Resource":"*"}"#;
    let other = r#"{"Sid":"b","Effect":"Allow","Action":"*","Resource":"*"}"#;
    check(
        Kind::Permission,
        &[(
            &format!(r#"{{"Version":"1","Statement":[{twice},{other},{twice}]}}"#),
            &["Statement[2].Sid: is the `Sid` of an earlier statement"],
        )],
    );
}

#[test]
fn actions() {
    for wrong in [
        "",
        "directory",
        ":",
        "directory:",
        ":Get",
        "Directory:Get",
        "directory:Get Member",
        "directory:Get:Member",
        "directory:Get?",
        "directory/Get",
        " *",
        "*x",
        "ｄ:*",
    ] {
        statements(
            Kind::Permission,
            &[(
                &format!(r#""Effect":"Allow","Action":["*","{wrong}"],"Resource":"*""#),
                &[&format!("Statement[0].Action[1]: `{wrong}` is neither `*` nor")],
            )],
        );
    }
    let long = format!("a:{}", "b".repeat(127));
    let text = format!(r#"{{"Version":"1","Statement":[{{"Effect":"Allow","NotAction":"{long}","Resource":"*"}}]}}"#);
    let found = mistakes(Kind::Permission, &text);
    assert_eq!(found[0].path, "Statement[0].NotAction");
    assert!(found[0].problem.starts_with(&format!("`{}…` ", &long[..64])), "{}", found[0].problem);
    Document::parse(Kind::Permission, &text.replace(&long, &long[..128])).unwrap();
}

#[test]
fn resources() {
    for (wrong, problem) in [
        ("", "is no pattern of resource names"),
        ("accounts//x", "is no pattern"),
        ("/accounts", "is no pattern"),
        ("accounts/", "is no pattern"),
        ("accounts/1000000000000001/users/a b", "is no pattern"),
        ("accounts/1000000000000001/users/?", "is no pattern"),
        ("acs:ram:*", "is no pattern"),
        ("tenants/1", "does not begin with"),
        ("Accounts/*", "does not begin with"),
        ("accounts/1", "has no account: an account id"),
        ("accounts/1/users/*", "has no account: an account id"),
        ("directories/rd-1/members/*", "has no directory: a directory id"),
    ] {
        statements(
            Kind::Permission,
            &[(
                &format!(r#""Effect":"Allow","Action":"*","NotResource":["*","{wrong}"]"#),
                &[&format!("Statement[0].NotResource[1]: {problem}")],
            )],
        );
    }
    for right in [
        "*",
        "**",
        "*/members/*",
        "accounts",
        "accounts*",
        "accounts/*",
        "accounts/10000*",
        "accounts/1000000000000001",
        "directories/*/members/1000000000000001",
        "directories/rd-0000000000001",
        "acc*/x",
    ] {
        let text = format!(r#"{{"Version":"1","Statement":[{{"Effect":"Deny","Action":"*","Resource":"{right}"}}]}}"#);
        Document::parse(Kind::Permission, &text).unwrap();
    }
}

#[test]
fn conditions() {
    let condition = |condition: &str, expected: &[&str]| {
        let expected: Vec<_> = expected.iter().map(|mistake| format!("Statement[0].Condition{mistake}")).collect();
        let expected: Vec<_> = expected.iter().map(String::as_str).collect();
        let members = format!(r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{condition}"#);
        statements(Kind::Permission, &[(&members, &expected)]);
    };
    condition("[]", &[": must be an object, not a list"]);
    condition("{}", &[": must have an operator"]);
    condition(r#"{"IpAddress":{}}"#, &[".IpAddress: must have a key"]);
    condition(r#"{"IpAddress":"x"}"#, &[".IpAddress: must be an object"]);
    condition(
        r#"{"NumericEquals":{"acs:SourceIp":"1"}}"#,
        &[".NumericEquals: is unknown; expected here: `StringEquals`"],
    );
    condition(r#"{"ipaddress":{"acs:SourceIp":"::1"}}"#, &[".ipaddress: is unknown"]);
    condition(
        r#"{"IpAddress":{"acs:sourceip":"::1"}}"#,
        &[".IpAddress.acs:sourceip: is unknown; expected here: `acs:SourceIp`"],
    );
    condition(r#"{"StringEquals":{"sts:ExternalId":"x"}}"#, &[".StringEquals.sts:ExternalId: is unknown"]);
    condition(
        r#"{"IpAddress":{"acs:SourceIp":"::1"},"IpAddress":{"acs:SourceIp":"::1"}}"#,
        &[".IpAddress: a second time"],
    );
    condition(
        r#"{"IpAddress":{"acs:SourceIp":"::1","acs:SourceIp":"::1"}}"#,
        &[".IpAddress.acs:SourceIp: a second time"],
    );
    condition(r#"{"IpAddress":{"acs:SourceIp":[]}}"#, &[".IpAddress.acs:SourceIp: must have 1 to 100 entries"]);
    condition(
        r#"{"IpAddress":{"acs:SourceIp":["10.0.0.0/8","10.0.0.1/8","10.0.0.0/33","10.0.0.0/08","x","::/129",7]}}"#,
        &[
            ".IpAddress.acs:SourceIp[1]: bits set beyond",
            ".IpAddress.acs:SourceIp[2]: no prefix length of 0 to 32",
            ".IpAddress.acs:SourceIp[3]: no prefix length",
            ".IpAddress.acs:SourceIp[4]: is no IP address",
            ".IpAddress.acs:SourceIp[5]: no prefix length of 0 to 128",
            ".IpAddress.acs:SourceIp[6]: must be a text, not a number",
        ],
    );
    for wrong in [
        "",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/+8",
        "10.0.0.0/-1",
        "10.0.0.0/8/8",
        "010.0.0.0/8",
        "10.0.0",
        "::1%lo",
        " ::1",
        "::ffff:10.0.0.0/90",
        "2001:db8::1/64",
    ] {
        condition(
            &format!(r#"{{"NotIpAddress":{{"acs:SourceIp":"{wrong}"}}}}"#),
            &[&format!(".NotIpAddress.acs:SourceIp: `{wrong}` ")],
        );
    }
    for wrong in ["", "2026-01-31", "2026-02-30T00:00:00Z", "2026-01-31T08:00:00", "1769846400", "2026-01-31 08:00:00Z"]
    {
        condition(
            &format!(r#"{{"DateLessThan":{{"acs:CurrentTime":"{wrong}"}}}}"#),
            &[&format!(".DateLessThan.acs:CurrentTime: `{wrong}` is no time")],
        );
    }
    condition(
        r#"{"Bool":{"acs:MFAPresent":["true","yes",1]}}"#,
        &[".Bool.acs:MFAPresent[1]: neither", ".Bool.acs:MFAPresent[2]: must be `true`"],
    );
    condition(r#"{"StringEquals":{"acs:SourceIp":"::1"}}"#, &[".StringEquals.acs:SourceIp: use `IpAddress`"]);
    condition(
        r#"{"IpAddress":{"acs:CurrentTime":"2026-01-31T08:00:00Z"}}"#,
        &[".IpAddress.acs:CurrentTime: use an operator such as `DateLessThan`"],
    );
    condition(r#"{"StringLike":{"acs:MFAPresent":"true"}}"#, &[".StringLike.acs:MFAPresent: use `Bool`"]);
    condition(r#"{"DateEquals":{"acs:SecureTransport":"true"}}"#, &[".DateEquals.acs:SecureTransport: use `Bool`"]);
    let trust = r#""Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"sase"},"Condition":"#;
    statements(
        Kind::Trust,
        &[
            (
                &format!(r#"{trust}{{"Bool":{{"sts:ExternalId":"x"}}}}"#),
                &["Statement[0].Condition.Bool.sts:ExternalId: such as `StringEquals`"],
            ),
            (
                &format!(r#"{trust}{{"StringLike":{{"sts:ExternalId":["x",""]}}}}"#),
                &["Statement[0].Condition.StringLike.sts:ExternalId[1]: 1 to 1024 bytes"],
            ),
        ],
    );
}

#[test]
fn trust_documents() {
    let some = r#""Effect":"Allow","Action":"sts:AssumeRole","Principal""#;
    statements(
        Kind::Trust,
        &[
            (
                r#""Effect":"Allow","Resource":"*","NotAction":"ram:*""#,
                &[
                    "Statement[0].Resource: is unknown; expected here: `Sid`, `Effect`, `Principal`",
                    "Statement[0].NotAction: is unknown",
                    "Statement[0].Action: is missing",
                    "Statement[0].Principal: is missing",
                ],
            ),
            (
                r#""Effect":"Allow","Action":["sts:AssumeRole","sts:*"],"Principal":{"Service":"sase"}"#,
                &["Statement[0].Action[1]: is not `sts:AssumeRole`"],
            ),
            (&format!(r#"{some}:"*""#), &["Statement[0].Principal: must be an object"]),
            (&format!("{some}:{{}}"), &["Statement[0].Principal: must name someone"]),
            (&format!(r#"{some}:{{"AWS":"*"}}"#), &["Statement[0].Principal.AWS: is unknown"]),
            (
                &format!(r#"{some}:{{"RAM":[],"Service":"oss","Federated":"idp"}}"#),
                &[
                    "Statement[0].Principal.RAM: must have 1 to 100 entries",
                    "Statement[0].Principal.Service: is no trusted service",
                    "Statement[0].Principal.Federated: is not of the form",
                ],
            ),
        ],
    );
    for (wrong, problem) in [
        ("*", "is none of"),
        ("accounts/*", "16 digits"),
        ("accounts/1", "16 digits"),
        ("accounts/", "16 digits"),
        ("accounts/1000000000000001/users/*", "is none of"),
        ("accounts/1000000000000001/users/root", "is a root user"),
        ("accounts/1000000000000001/groups/g", "is none of"),
        ("accounts/1000000000000001/roles/r/x", "is none of"),
        ("accounts/1000000000000001/roles/", "is none of"),
        ("operators/main", "is none of"),
    ] {
        statements(
            Kind::Trust,
            &[(&format!(r#"{some}:{{"RAM":"{wrong}"}}"#), &[&format!("Statement[0].Principal.RAM: {problem}")])],
        );
    }
    for wrong in [
        "accounts/1000000000000001/identityProviders/*",
        "accounts/1000000000000001/roles/r",
        "accounts/1/identityProviders/i",
    ] {
        statements(
            Kind::Trust,
            &[(
                &format!(r#"{some}:{{"Federated":"{wrong}"}}"#),
                &["Statement[0].Principal.Federated: is not of the form"],
            )],
        );
    }
}

#[test]
fn documents_have_bounds() {
    for (kind, most) in
        [(Kind::Permission, 6_144), (Kind::Session, 2_048), (Kind::Control, 4_096), (Kind::Trust, 4_096)]
    {
        assert_eq!(kind.max_characters(), most);
        let statement = match kind {
            Kind::Trust => r#"{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"sase"}}"#,
            _ => r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#,
        };
        let text = format!(r#"{{"Version":"1","Statement":[{statement}]}}"#);
        let whole = format!("{text}{}", " ".repeat(most - text.len()));
        assert_eq!(Document::parse(kind, &whole).unwrap().text(), whole);
        check(kind, &[(&format!("{whole} "), &[&format!(": more than {most} characters")])]);
        // Characters count, not bytes.
        check(kind, &[(&"信".repeat(most), &[": no JSON"]), (&"信".repeat(most + 1), &[": more than"])]);
    }
    let entries = |count| {
        let list = vec![r#""a:*""#; count].join(",");
        format!(r#"{{"Version":"1","Statement":[{{"Effect":"Deny","Action":[{list}],"Resource":"*"}}]}}"#)
    };
    Document::parse(Kind::Permission, &entries(100)).unwrap();
    check(Kind::Permission, &[(&entries(101), &["Statement[0].Action: must have 1 to 100 entries"])]);
    let statements = |count| {
        let list = vec![r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#; count].join(",");
        format!(r#"{{"Version":"1","Statement":[{list}]}}"#)
    };
    Document::parse(Kind::Permission, &statements(100)).unwrap();
    check(Kind::Permission, &[(&statements(101), &["Statement: must have 1 to 100 statements"])]);
    check(Kind::Permission, &[(&"[".repeat(6_000), &[": no JSON: recursion limit"])]);
}

#[test]
fn twenty_mistakes_are_reported_and_none_shows_more_than_a_line() {
    let members: Vec<String> = (0..40).map(|n| format!(r#""\u202e{n}{}":0"#, "x".repeat(100))).collect();
    let found = mistakes(Kind::Permission, &format!("{{{}}}", members.join(",")));
    assert_eq!(found.len(), 20);
    assert!(found[0].path.starts_with("\\u{202e}0xxx") && found[0].path.ends_with('…'), "{}", found[0].path);
    assert!(found.iter().all(|mistake| mistake.path.chars().count() < 80));
    let error = Document::parse(Kind::Permission, "{}").unwrap_err();
    assert_eq!(error.to_string(), "Version: is missing; Statement: is missing");
}
