//! Rules that must not build: each contract here has one fault, and the build's own check must name it.

#[path = "../build/check.rs"]
mod check;

use std::path::Path;

use prost_reflect::DescriptorPool;

const HEAD: &str = r#"
    syntax = "proto3";
    package bailiwick.unsound.v1;
    import "bailiwick/options/v1/options.proto";
    import "google/api/resource.proto";
"#;

/// A sound method, with places for faults.
struct Contract {
    role: &'static str,
    method: &'static str,
    rule: &'static str,
    request: &'static str,
    resource: &'static str,
}

const SOUND: Contract = Contract {
    role: r#"option (bailiwick.options.v1.role) = "sase-policy";"#,
    method: "CreateThing",
    rule: r#"
        action: "things:CreateThing"
        seat: SEAT_ADMINISTRATOR
        trusted_service: "sase"
        resource: "parent"
        accounts: ["thing.account", "others"]
        enrolled: true
        operator_required: true
        also_requires: ["directory:GetMember"]
        audit: AUDIT_WRITE
    "#,
    request: r"
        string parent = 1;
        Thing thing = 2;
        repeated string others = 3;
        oneof choice { string chosen = 4; Thing chosen_thing = 5; }
        map<string, Thing> mapped = 6;
        repeated Thing things = 7;
        optional string perhaps = 8;
        int64 number = 9;
        string request_id = 10;
    ",
    resource: r#"type: "bailiwick.dev/Thing" pattern: "directories/{directory}/things/{account}""#,
};

impl Contract {
    fn text(&self) -> String {
        let Self { role, method, rule, request, resource } = self;
        let option = if rule.is_empty() {
            String::new()
        } else {
            format!("option (bailiwick.options.v1.authz) = {{ {rule} }};")
        };
        format!(
            "{HEAD}
            service ThingService {{ {role} rpc {method}({method}Request) returns (Thing) {{ {option} }} }}
            message {method}Request {{ {request} }}
            message Thing {{
                option (google.api.resource) = {{ {resource} }};
                string name = 1;
                string account = 2;
            }}"
        )
    }

    fn check(&self) -> Result<Vec<check::CheckedRule>, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("unsound.proto"), self.text()).unwrap();
        let contracts = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").expect("run by cargo")).join("../../proto");
        let mut compiler = protox::Compiler::new([folder.path(), &contracts]).unwrap();
        compiler.include_imports(true);
        compiler.open_file("unsound.proto").unwrap_or_else(|error| panic!("{error:?}\n{}", self.text()));
        check::rules(&DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap())
    }

    /// The contract is refused, for this reason and no other.
    fn refused(&self, expected: &str) {
        let errors = self.check().expect_err(expected);
        let [error] = errors.as_slice() else { panic!("{expected}: {errors:?}") };
        assert!(error.contains(expected), "expected: {expected}\nbut: {error}");
    }
}

fn with_rule(rule: &'static str) -> Contract {
    Contract { rule, ..SOUND }
}

fn with_resource_path(path: &str, expected: &str) {
    let rule = SOUND.rule.replace(r#"resource: "parent""#, &format!("resource: {path:?}"));
    with_rule(rule.leak()).refused(expected);
}

fn with_accounts_path(path: &str, expected: &str) {
    let rule = SOUND.rule.replace(r#""thing.account""#, &format!("{path:?}"));
    with_rule(rule.leak()).refused(expected);
}

fn without(line: &str) -> Contract {
    let rule = SOUND.rule.replace(line, "");
    assert_ne!(rule, SOUND.rule, "{line}");
    with_rule(rule.leak())
}

#[test]
fn a_sound_rule_is_taken_as_it_stands() {
    let rules = SOUND.check().unwrap();
    assert_eq!(
        check::as_rust(&rules),
        r#"static RULES: &[Rule] = &[
Rule { path: "/bailiwick.unsound.v1.ThingService/CreateThing", role: Some(Role::SasePolicy), action: "things:CreateThing", seat: Seat::Administrator, trusted_service: Some(TrustedService::Sase), resource: Some(FieldPath { text: "parent", numbers: &[1] }), accounts: &[FieldPath { text: "thing.account", numbers: &[2, 2] }, FieldPath { text: "others", numbers: &[3] }], enrolled: true, operator_required: true, also_requires: &["directory:GetMember"], audit: Audit::Write, callers: &[], scope_filtered: false, external_id: None, client_streaming: false, server_streaming: false },
];
"#
    );
    let internal = r#"
        action: "things:CreateThing" seat: SEAT_INTERNAL resource: "parent" accounts: ["things.account"]
        audit: AUDIT_NONE callers: ["gateway", "delegation"]
    "#;
    let rules = Contract { role: r#"option (bailiwick.options.v1.role) = "*";"#, ..with_rule(internal) }.check();
    let text = check::as_rust(&rules.unwrap());
    assert!(text.contains("role: None,") && text.contains("callers: &[Role::Gateway, Role::Delegation]"), "{text}");
    assert!(text.contains(r#"FieldPath { text: "things.account", numbers: &[7, 2] }"#), "{text}");
}

#[test]
fn a_method_needs_a_rule() {
    with_rule("").refused("bailiwick.unsound.v1.ThingService.CreateThing: has no authorization rule");
    with_rule(r#"action: "things:CreateThing""#).refused("`seat` is not set");
}

#[test]
fn every_field_of_a_rule_that_has_no_default_must_be_set() {
    without("seat: SEAT_ADMINISTRATOR").refused("`seat` is not set");
    without("audit: AUDIT_WRITE").refused("`audit` is not set");
    let unspecified = SOUND.rule.replace("SEAT_ADMINISTRATOR", "SEAT_UNSPECIFIED");
    with_rule(unspecified.leak()).refused("`seat` is not set");
    let unspecified = SOUND.rule.replace("AUDIT_WRITE", "AUDIT_UNSPECIFIED");
    with_rule(unspecified.leak()).refused("`audit` is not set");
    without(r#"resource: "parent""#).refused("SEAT_ADMINISTRATOR needs `resource`");
}

#[test]
fn the_action_is_named_after_the_method() {
    let needed = "must be `{service}:CreateThing`";
    for action in ["", "things", "CreateThing", "things:Create", "things:createThing", "things:CreateThing:x"] {
        let rule = SOUND.rule.replace("things:CreateThing", action);
        with_rule(rule.leak()).refused(needed);
    }
}

#[test]
fn the_path_of_a_resource_leads_to_one_text() {
    with_resource_path("nowhere", "has no field `nowhere`");
    with_resource_path("thing.nowhere", "bailiwick.unsound.v1.Thing has no field `nowhere`");
    with_resource_path("parent.name", "`parent.name` does not lead to a string field");
    with_resource_path("thing", "`thing` does not lead to a string field");
    with_resource_path("number", "`number` does not lead to a string field");
    with_resource_path("thing.", "has no field ``");
    with_resource_path("chosen", "`chosen` is in a oneof or a map");
    with_resource_path("chosen_thing.name", "`chosen_thing` is in a oneof or a map");
    with_resource_path("perhaps", "`perhaps` is in a oneof or a map");
    with_resource_path("mapped", "`mapped` is in a oneof or a map");
    with_resource_path("mapped.value", "`mapped` is in a oneof or a map");
    with_resource_path("others", "`others` is repeated, and names one resource");
    with_resource_path("things.name", "`things` is repeated, and names one resource");
}

#[test]
fn the_paths_of_accounts_lead_to_texts() {
    with_accounts_path("nowhere", "has no field `nowhere`");
    with_accounts_path("thing", "`thing` does not lead to a string field");
    with_accounts_path("chosen", "`chosen` is in a oneof or a map");
    with_accounts_path("mapped.value", "`mapped` is in a oneof or a map");
    with_accounts_path("", "has no field ``");
}

#[test]
fn internal_methods_name_who_calls_them_and_others_do_not() {
    let needed = "`callers` goes with SEAT_INTERNAL, and only with it";
    with_rule(r#"action: "things:CreateThing" seat: SEAT_INTERNAL audit: AUDIT_NONE"#).refused(needed);
    let rule = format!("{} callers: [\"gateway\"]", SOUND.rule);
    with_rule(rule.leak()).refused(needed);
    with_rule(r#"action: "things:CreateThing" seat: SEAT_INTERNAL audit: AUDIT_NONE callers: ["nobody"]"#)
        .refused("there is no role `nobody`");
}

#[test]
fn administrators_are_of_a_known_service_and_nobody_else_is_of_one() {
    let rule = SOUND.rule.replace("enrolled: true", "");
    let rule: &str = rule.leak();
    with_rule(rule.replace(r#"trusted_service: "sase""#, "").leak())
        .refused("SEAT_ADMINISTRATOR needs `trusted_service`");
    let either = rule.replace("SEAT_ADMINISTRATOR", "SEAT_OWN_ACCOUNT_OR_ADMINISTRATOR");
    with_rule(either.replace(r#"trusted_service: "sase""#, "").leak())
        .refused("SEAT_OWN_ACCOUNT_OR_ADMINISTRATOR needs `trusted_service`");
    with_rule(rule.replace(r#""sase""#, r#""nope""#).leak()).refused("there is no trusted service `nope`");
    for seat in ["SEAT_MANAGEMENT_ACCOUNT", "SEAT_OWN_ACCOUNT", "SEAT_MEMBER", "SEAT_INVITEE", "SEAT_AUTHENTICATED"] {
        with_rule(rule.replace("SEAT_ADMINISTRATOR", seat).leak())
            .refused("`trusted_service` goes with administrator seats only");
    }
    assert!(with_rule(rule.replace(r#""sase""#, r#""*""#).leak()).check().is_ok());
}

#[test]
fn the_enrolled_are_accounts_of_one_service() {
    let needed = "`enrolled` needs `accounts` and one `trusted_service`";
    without(r#"accounts: ["thing.account", "others"]"#).refused(needed);
    with_rule(SOUND.rule.replace(r#""sase""#, r#""*""#).leak()).refused(needed);
    with_rule(
        r#"action: "things:CreateThing" seat: SEAT_MANAGEMENT_ACCOUNT resource: "parent" accounts: ["others"]
           enrolled: true audit: AUDIT_WRITE"#,
    )
    .refused(needed);
}

#[test]
fn who_is_bound_to_no_tenant_names_none() {
    for seat in ["PUBLIC", "AUTHENTICATED", "PLATFORM_OPERATOR"] {
        for paths in [r#"resource: "parent""#, r#"accounts: ["others"]"#] {
            let rule = format!("action: \"things:CreateThing\" seat: SEAT_{seat} {paths} audit: AUDIT_WRITE");
            with_rule(rule.leak()).refused(&format!("SEAT_{seat} looks at no resource and no accounts"));
        }
    }
    for seat in ["OWN_ACCOUNT", "MANAGEMENT_ACCOUNT", "MEMBER", "INVITEE"] {
        let rule = format!("action: \"things:CreateThing\" seat: SEAT_{seat} audit: AUDIT_WRITE");
        with_rule(rule.leak()).refused(&format!("SEAT_{seat} needs `resource`"));
    }
}

#[test]
fn only_administrators_have_a_scope_to_keep_to() {
    let needed = "`scope_filtered` goes with SEAT_ADMINISTRATOR only";
    let filtered = format!("{} scope_filtered: true", SOUND.rule);
    let rules = with_rule(filtered.clone().leak()).check().unwrap();
    assert!(check::as_rust(&rules).contains("scope_filtered: true"));
    with_rule(filtered.replace("SEAT_ADMINISTRATOR", "SEAT_OWN_ACCOUNT_OR_ADMINISTRATOR").leak()).refused(needed);
    for seat in ["MANAGEMENT_ACCOUNT", "OWN_ACCOUNT", "MEMBER", "INVITEE", "TRUSTED_PRINCIPAL"] {
        let rule = format!(
            r#"action: "things:CreateThing" seat: SEAT_{seat} resource: "parent" audit: AUDIT_WRITE scope_filtered: true"#
        );
        with_rule(rule.leak()).refused(needed);
    }
}

#[test]
fn an_external_id_is_for_whoever_a_role_trusts() {
    let rule = |seat: &str, path: &str| {
        let rule = format!(
            r#"action: "things:CreateThing" seat: SEAT_{seat} resource: "parent" audit: AUDIT_WRITE external_id: "{path}""#
        );
        with_rule(rule.leak())
    };
    let rules = rule("TRUSTED_PRINCIPAL", "thing.name").check().unwrap();
    let text = check::as_rust(&rules);
    assert!(text.contains("seat: Seat::TrustedPrincipal"), "{text}");
    assert!(text.contains(r#"external_id: Some(FieldPath { text: "thing.name", numbers: &[2, 1] })"#), "{text}");
    for seat in ["MANAGEMENT_ACCOUNT", "OWN_ACCOUNT", "MEMBER", "INVITEE"] {
        rule(seat, "thing.name").refused("`external_id` goes with SEAT_TRUSTED_PRINCIPAL only");
    }
    rule("TRUSTED_PRINCIPAL", "nowhere").refused("has no field `nowhere`");
    rule("TRUSTED_PRINCIPAL", "others").refused("`others` is repeated, and names one resource");
    rule("TRUSTED_PRINCIPAL", "chosen").refused("`chosen` is in a oneof or a map");
    with_rule(r#"action: "things:CreateThing" seat: SEAT_TRUSTED_PRINCIPAL audit: AUDIT_WRITE"#)
        .refused("SEAT_TRUSTED_PRINCIPAL needs `resource`");
}

#[test]
fn a_change_can_be_repeated_safely() {
    let request = SOUND.request.replace("string request_id = 10;", "");
    Contract { request: request.leak(), ..SOUND }.refused("a method that changes state needs `request_id`");
}

#[test]
fn a_list_comes_in_pages() {
    let list = |paging: &str| Contract {
        method: "ListThings",
        rule: r#"action: "things:ListThings" seat: SEAT_MANAGEMENT_ACCOUNT resource: "parent" audit: AUDIT_READ"#,
        request: format!("string parent = 1; {paging}").leak(),
        ..SOUND
    };
    let needed = "a list needs `page_size` and `page_token`";
    list("").refused(needed);
    list("int32 page_size = 2;").refused(needed);
    list("string page_token = 3;").refused(needed);
    assert!(list("int32 page_size = 2; string page_token = 3;").check().is_ok());
}

#[test]
fn a_service_has_a_role_that_there_is() {
    Contract { role: "", ..SOUND }.refused("its service has no role");
    Contract { role: r#"option (bailiwick.options.v1.role) = "nobody";"#, ..SOUND }
        .refused("there is no role `nobody`");
    Contract { role: r#"option (bailiwick.options.v1.role) = "*";"#, ..SOUND }
        .refused("a service of every role is for the roles alone");
}

#[test]
fn a_resource_name_begins_with_its_owner() {
    let needed = "bailiwick.unsound.v1.Thing: a resource name begins with its owning account or directory";
    for patterns in [
        "",
        r#"pattern: "things/{thing}""#,
        r#"pattern: "operators/{operator}""#,
        r#"pattern: "accounts/{thing}/things/{account}""#,
        r#"pattern: "accounts/{account}x/things/{thing}""#,
        r#"pattern: "/accounts/{account}/things/{thing}""#,
        r#"pattern: "directories/{directory}/things/{thing}" pattern: "things/{thing}""#,
    ] {
        let resource = format!("type: \"bailiwick.dev/Thing\" {patterns}");
        Contract { resource: resource.leak(), ..SOUND }.refused(needed);
    }
    for pattern in ["accounts/{account}", "directories/{directory}", "accounts/{account}/things/{thing}"] {
        let resource = format!("type: \"bailiwick.dev/Thing\" pattern: {pattern:?}");
        assert!(Contract { resource: resource.leak(), ..SOUND }.check().is_ok(), "{pattern}");
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let contract = Contract { resource: r#"type: "bailiwick.dev/Thing""#, ..with_rule("") };
    let errors = contract.check().unwrap_err();
    assert_eq!(errors.len(), 2, "{errors:?}");
}
