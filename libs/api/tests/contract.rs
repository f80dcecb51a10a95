//! The contract as it was built: its rules, its paths, its reasons.

use std::collections::BTreeSet;

use bailiwick_api::{DESCRIPTORS, FOREIGN, errors::v1::ErrorReason, rule, rules};
use bailiwick_core::authz::{Code, Reason, Seat};
use prost_reflect::{DescriptorPool, EnumDescriptor, MethodDescriptor};

fn pool() -> DescriptorPool {
    DescriptorPool::decode(DESCRIPTORS).unwrap()
}

fn methods(pool: &DescriptorPool) -> Vec<MethodDescriptor> {
    pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()).collect()
}

fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

#[test]
fn every_method_has_a_rule_and_every_rule_a_method() {
    let pool = pool();
    let of_methods: BTreeSet<String> = methods(&pool).iter().map(path).collect();
    let of_rules: BTreeSet<String> = rules().iter().map(|rule| rule.path.to_owned()).collect();
    assert_eq!(of_rules, of_methods);
    assert_eq!(of_rules.len(), rules().len(), "a method has two rules");
    for method in methods(&pool) {
        let rule = rule(&path(&method)).unwrap();
        assert_eq!(rule.path, path(&method));
        assert_eq!(rule.action.split_once(':').unwrap().1, method.name(), "{}", rule.path);
        assert_eq!(rule.client_streaming, method.is_client_streaming(), "{}", rule.path);
        assert_eq!(rule.server_streaming, method.is_server_streaming(), "{}", rule.path);
    }
}

#[test]
fn the_fields_of_a_rule_are_those_of_the_request() {
    for method in methods(&pool()) {
        let rule = rule(&path(&method)).unwrap();
        for field in rule.resource.iter().chain(rule.accounts) {
            let mut message = method.input();
            let names: Vec<&str> = field.text.split('.').collect();
            assert_eq!(names.len(), field.numbers.len(), "{} {}", rule.path, field.text);
            for (place, (name, number)) in names.iter().zip(field.numbers).enumerate() {
                let step = message.get_field(*number).unwrap();
                assert_eq!(step.name(), *name, "{} {}", rule.path, field.text);
                match step.kind().as_message() {
                    Some(inner) => message = inner.clone(),
                    None => assert_eq!(place + 1, names.len(), "{} {}", rule.path, field.text),
                }
            }
        }
    }
}

#[test]
fn a_path_is_compared_exactly() {
    const PATH: &str = "/bailiwick.directory.v1.MemberService/CreateMember";
    assert_eq!(rule(PATH).unwrap().path, PATH);
    for other in [
        "",
        "/",
        "bailiwick.directory.v1.MemberService/CreateMember",
        "//bailiwick.directory.v1.MemberService/CreateMember",
        "/bailiwick.directory.v1.MemberService//CreateMember",
        "/bailiwick.directory.v1.MemberService/CreateMember/",
        "/bailiwick.directory.v1.MemberService/CreateMember ",
        "/bailiwick.directory.v1.MemberService/CreateMember?",
        "/bailiwick.directory.v1.MemberService/CreateMember\0",
        "/bailiwick.directory.v1.MemberService/createMember",
        "/bailiwick.directory.v1.MemberService/CREATEMEMBER",
        "/BAILIWICK.directory.v1.MemberService/CreateMember",
        "/bailiwick.directory.v1.MemberService/Create%4Dember",
        "/bailiwick.directory.v1.MemberService%2FCreateMember",
        "/bailiwick.directory.v1.MemberService/./CreateMember",
        "/bailiwick.directory.v1.RoleService/../MemberService/CreateMember",
        "/bailiwick.directory.v1.MemberService/Create",
        "/bailiwick.directory.v1.MemberService/CreateMembers",
        "/bailiwick.directory.v2.MemberService/CreateMember",
        "/bailiwick.directory.v1.MemberService",
        "/bailiwick.directory.v1.MemberService/",
    ] {
        assert_eq!(rule(other), None, "`{other}`");
    }
}

#[test]
fn foreign_methods_tell_nothing_of_tenants() {
    for foreign in FOREIGN {
        assert_eq!(rule(foreign.path), Some(foreign));
        assert!(!foreign.path.starts_with("/bailiwick."), "{}", foreign.path);
        assert_eq!((foreign.seat, foreign.reads_request()), (Seat::Public, false), "{}", foreign.path);
    }
}

/// Each value of the enum with its comment in the contract.
fn documented(pool: &DescriptorPool, reasons: &EnumDescriptor) -> Vec<(String, String)> {
    let file = pool.get_file_by_name("bailiwick/errors/v1/error_reason.proto").unwrap();
    let source = file.file_descriptor_proto().source_code_info.clone().unwrap();
    let comment = |path: &[i32]| {
        let location = source.location.iter().find(|location| location.path == path);
        location.map(|location| location.leading_comments().to_owned()).unwrap_or_default()
    };
    reasons.values().map(|value| (value.name().to_owned(), comment(value.path()))).collect()
}

#[test]
fn every_reason_says_when_it_comes_and_with_which_code() {
    let pool = pool();
    let reasons = pool.get_enum_by_name("bailiwick.errors.v1.ErrorReason").unwrap();
    let codes = [
        "ABORTED",
        "ALREADY_EXISTS",
        "FAILED_PRECONDITION",
        "INTERNAL",
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "UNAUTHENTICATED",
        "UNAVAILABLE",
        "UNIMPLEMENTED",
    ];
    for (name, comment) in documented(&pool, &reasons) {
        if name == "ERROR_REASON_UNSPECIFIED" {
            continue;
        }
        let (when, rest) = comment.split_once("\n Code: ").unwrap_or_else(|| panic!("{name} has no `Code:`"));
        assert!(when.trim().len() > 20, "{name} does not say when it comes");
        let (code, metadata) = rest.split_once('.').unwrap();
        assert!(codes.contains(&code), "{name}: `{code}`");
        let metadata = metadata.trim();
        let example = metadata.strip_prefix("Example metadata: `").and_then(|text| text.strip_suffix("`."));
        match example {
            Some(json) => {
                let map: std::collections::HashMap<String, String> = serde_json::from_str(json).unwrap();
                assert!(!map.is_empty(), "{name}");
            }
            None => assert_eq!(metadata, "No metadata.", "{name}"),
        }
    }
}

#[test]
fn what_core_refuses_with_is_in_the_contract() {
    let pool = pool();
    let reasons = pool.get_enum_by_name("bailiwick.errors.v1.ErrorReason").unwrap();
    let documented = documented(&pool, &reasons);
    for reason in Reason::ALL {
        let name = format!("ERROR_REASON_{}", reason.as_str());
        assert!(ErrorReason::from_str_name(&name).is_some(), "{name}");
        let code = match reason.code() {
            Code::InvalidArgument => "INVALID_ARGUMENT",
            Code::Unauthenticated => "UNAUTHENTICATED",
            Code::PermissionDenied => "PERMISSION_DENIED",
            Code::NotFound => "NOT_FOUND",
        };
        let (_, comment) = documented.iter().find(|(value, _)| *value == name).unwrap();
        assert!(comment.contains(&format!("Code: {code}.")), "{name} is sent as {code}: {comment}");
    }
}
