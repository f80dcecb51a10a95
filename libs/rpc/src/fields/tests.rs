use bailiwick_api::r#type::v1::AccountType;
use tonic_types::StatusExt;

use super::*;

fn violations(fields: InvalidFields) -> Vec<(String, String)> {
    let details = fields.finish().err().map(|status| status.get_details_bad_request().unwrap().field_violations);
    details.unwrap_or_default().into_iter().map(|v| (v.field, v.description)).collect()
}

#[test]
fn sound_fields_are_read() {
    let mut fields = InvalidFields::new();
    assert_eq!(fields.text("f", "päyments", 2..=8).as_deref(), Some("päyments"));
    assert_eq!(fields.account("f", "accounts/1000000000000001").unwrap().get(), 1_000_000_000_000_001);
    assert_eq!(fields.directory("f", "directories/rd-0000000000001").unwrap().to_string(), "rd-0000000000001");
    let pattern = "directories/{directory}/members/{account}";
    let name = "directories/rd-0000000000001/members/1000000000000002";
    let (owner, [account]) = fields.name("f", name, pattern).unwrap();
    assert!(matches!(owner, Owner::Directory(_)));
    assert_eq!(account, "1000000000000002");
    let uuid = "0B8FBA4E-7d1c-4f53-9c3a-08cc5b4f5a5f";
    assert_eq!(fields.request_id("f", uuid), Some(uuid.to_lowercase()));
    assert_eq!(fields.request_id("f", ""), None);
    assert_eq!(fields.page_size("f", 0), Some(50));
    assert_eq!(fields.page_size("f", 7), Some(7));
    assert_eq!(fields.page_size("f", 100_000), Some(1_000));
    assert_eq!(fields.enumeration::<AccountType>("f", 1), AccountType::try_from(1).ok());
    assert_eq!(fields.required("f", Some(1)), Some(1));
    fields.finish().unwrap();
}

#[test]
fn all_violations_of_a_request_are_told_at_once() {
    let mut fields = InvalidFields::new();
    assert_eq!(fields.text("member.display_name", "x", 2..=50), None);
    assert_eq!(fields.text("remark", "a\nb", 0..=50), None);
    assert_eq!(fields.account("account", "accounts/1000000000000001/users/root"), None);
    assert_eq!(fields.directory("parent", "accounts/1000000000000001"), None);
    assert_eq!(fields.name::<1>("name", "accounts/1000000000000001", "accounts/{account}/users/{user}"), None);
    assert_eq!(fields.request_id("request_id", "0b8fba4e7d1c4f539c3a08cc5b4f5a5f"), None);
    assert_eq!(fields.page_size("page_size", -1), None);
    assert_eq!(fields.enumeration::<AccountType>("type", 0), None);
    assert_eq!(fields.required::<i32>("member", None), None);
    assert_eq!(fields.parse::<bailiwick_core::TrustedService>("trusted_service", "nope"), None);
    let found = violations(fields);
    let named = found.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>();
    let expected = [
        "member.display_name",
        "remark",
        "account",
        "parent",
        "name",
        "request_id",
        "page_size",
        "type",
        "member",
        "trusted_service",
    ];
    assert_eq!(named, expected);
    assert_eq!(found[0].1, "must have 2 to 50 characters");
    assert_eq!(found[9].1, "there is no trusted service `nope`");
}

#[test]
fn violations_are_bounded() {
    let mut fields = InvalidFields::new();
    (0..1_000).for_each(|n| fields.violation(format!("accounts[{n}]"), "x".repeat(1_000)));
    let status = fields.into_status();
    assert!(status.details().len() <= 4 << 10);
    assert!(!status.get_details_bad_request().unwrap().field_violations.is_empty());
}
