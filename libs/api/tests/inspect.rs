//! What a service reads of a request: targets, and what the audit trail may show.

use bailiwick_api::{
    directory::v1::CreateTokenRequest,
    inspect, rule,
    sase::v1::{
        BatchCreateSaseMembersRequest, CreateSaseMemberRequest, DeleteSaseMemberRequest, SaseMember,
        UpdateSaseMemberRequest,
    },
};
use bailiwick_core::authz::Targets;
use prost::Message;
use serde_json::Value;

const DIRECTORY: &str = "directories/rd-0000000000001";
const ONE: &str = "accounts/1000000000000001";
const TWO: &str = "accounts/1000000000000002";
const SASE: &str = "/bailiwick.sase.v1.SaseMemberService";

fn targets(path: &str, request: &[u8]) -> Targets {
    inspect(rule(path).unwrap(), request).unwrap().targets
}

fn json(path: &str, request: &[u8]) -> Value {
    serde_json::from_str(&inspect(rule(path).unwrap(), request).unwrap().json).unwrap()
}

fn named(resource: &str, accounts: &[&str]) -> Targets {
    Targets {
        resource: resource.to_owned(),
        accounts: accounts.iter().map(|account| (*account).to_owned()).collect(),
        ..Targets::default()
    }
}

fn create(account: &str) -> CreateSaseMemberRequest {
    CreateSaseMemberRequest {
        parent: DIRECTORY.to_owned(),
        sase_member: Some(SaseMember {
            account: account.to_owned(),
            remark: "theirs".to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// A field of the wire: a length-delimited one.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

fn varint(number: u8, value: u8) -> Vec<u8> {
    vec![number << 3, value]
}

#[test]
fn a_plain_field_names_the_resource_and_the_account() {
    let name = format!("{DIRECTORY}/saseMembers/1000000000000001");
    let request = DeleteSaseMemberRequest { name: name.clone(), ..Default::default() };
    assert_eq!(targets(&format!("{SASE}/DeleteSaseMember"), &request.encode_to_vec()), named(&name, &[&name]));
}

#[test]
fn a_field_of_a_message_names_them_too() {
    let request = create(ONE).encode_to_vec();
    assert_eq!(targets(&format!("{SASE}/CreateSaseMember"), &request), named(DIRECTORY, &[ONE]));
    let name = format!("{DIRECTORY}/saseMembers/1000000000000001");
    let member = SaseMember { name: name.clone(), ..Default::default() };
    let request = UpdateSaseMemberRequest { sase_member: Some(member), ..Default::default() };
    assert_eq!(targets(&format!("{SASE}/UpdateSaseMember"), &request.encode_to_vec()), named(&name, &[&name]));
}

#[test]
fn a_repeated_field_names_accounts_in_its_order() {
    let path = format!("{SASE}/BatchCreateSaseMembers");
    let batch = |accounts: &[&str]| BatchCreateSaseMembersRequest {
        parent: DIRECTORY.to_owned(),
        accounts: accounts.iter().map(|account| (*account).to_owned()).collect(),
        ..Default::default()
    };
    for accounts in [&[][..], &[ONE], &[TWO, ONE, TWO], &["", ONE]] {
        assert_eq!(targets(&path, &batch(accounts).encode_to_vec()), named(DIRECTORY, accounts));
    }
}

#[test]
fn what_is_absent_is_empty() {
    assert_eq!(targets(&format!("{SASE}/DeleteSaseMember"), &[]), named("", &[""]));
    assert_eq!(targets(&format!("{SASE}/CreateSaseMember"), &[]), named("", &[""]));
    let member_without_account = CreateSaseMemberRequest { sase_member: Some(SaseMember::default()), ..create(ONE) };
    assert_eq!(
        targets(&format!("{SASE}/CreateSaseMember"), &member_without_account.encode_to_vec()),
        named(DIRECTORY, &[""])
    );
    assert_eq!(targets(&format!("{SASE}/UpdateSaseMember"), &[]), named("", &[""]));
    assert_eq!(targets(&format!("{SASE}/BatchCreateSaseMembers"), &[]), named("", &[]));
    let create_token = "/bailiwick.directory.v1.TokenService/CreateToken";
    assert_eq!(targets(create_token, &[]), Targets::default());
}

#[test]
fn of_a_field_that_comes_twice_the_last_counts() {
    let request = [field(1, ONE.as_bytes()), field(1, DIRECTORY.as_bytes()), field(2, &field(2, ONE.as_bytes()))];
    assert_eq!(targets(&format!("{SASE}/CreateSaseMember"), &request.concat()), named(DIRECTORY, &[ONE]));
    let request = [field(1, DIRECTORY.as_bytes()), field(1, b"")].concat();
    assert_eq!(targets(&format!("{SASE}/ListSaseMembers"), &request), named("", &[]));
    let inner = [field(2, ONE.as_bytes()), field(2, TWO.as_bytes())].concat();
    let request = [field(1, DIRECTORY.as_bytes()), field(2, &inner)].concat();
    assert_eq!(targets(&format!("{SASE}/CreateSaseMember"), &request), named(DIRECTORY, &[TWO]));
}

#[test]
fn a_message_that_comes_twice_is_merged() {
    let path = format!("{SASE}/CreateSaseMember");
    let account = field(2, &field(2, ONE.as_bytes()));
    let other_account = field(2, &field(2, TWO.as_bytes()));
    let remark = field(2, &field(7, b"a remark"));
    let parent = field(1, DIRECTORY.as_bytes());
    for (request, expected) in [
        ([&account[..], &parent, &remark].concat(), ONE),
        ([&remark[..], &parent, &account].concat(), ONE),
        ([&account[..], &parent, &other_account].concat(), TWO),
        ([&account[..], &other_account, &parent, &remark, &field(2, b"")].concat(), TWO),
    ] {
        assert_eq!(targets(&path, &request), named(DIRECTORY, &[expected]));
        // The same as what the service's own decoding makes of it.
        let decoded = CreateSaseMemberRequest::decode(request.as_slice()).unwrap();
        assert_eq!(decoded.sase_member.unwrap().account, expected);
    }
}

#[test]
fn unknown_fields_are_passed_over_and_never_shown() {
    let path = format!("{SASE}/CreateSaseMember");
    let plain = create(ONE).encode_to_vec();
    let unknown = [field(15, b"hidden"), varint(14, 7), field(2, &field(15, b"hidden"))].concat();
    let request = [&unknown[..], &plain, &unknown].concat();
    assert_eq!(targets(&path, &request), named(DIRECTORY, &[ONE]));
    assert_eq!(json(&path, &request), json(&path, &plain));
}

#[test]
fn what_is_no_message_of_the_type_is_refused() {
    let rule = rule(&format!("{SASE}/CreateSaseMember")).unwrap();
    let request = create(ONE).encode_to_vec();
    let whole_field = field(1, DIRECTORY.as_bytes()).len();
    for length in (1..request.len()).filter(|length| *length != whole_field) {
        assert!(inspect(rule, &request[..length]).is_err(), "the first {length} bytes");
    }
    assert!(inspect(rule, &field(1, b"\xff\xfe")).is_err(), "no text");
    assert!(inspect(rule, &varint(1, 7)).is_err(), "a number where a text belongs");
    assert!(inspect(rule, &[0x0b]).is_err(), "a group without end");
    assert!(inspect(rule, &[0x00, 0x01]).is_err(), "field number 0");
    let foreign = bailiwick_api::rule("/grpc.health.v1.Health/Check").unwrap();
    assert!(inspect(foreign, &[]).is_err(), "a contract that is not ours");
}

#[test]
fn a_secret_is_never_shown() {
    let path = "/bailiwick.directory.v1.TokenService/CreateToken";
    let request = CreateTokenRequest { access_key_id: "AK1".to_owned(), secret: "s3cr3t".to_owned() };
    let inspected = inspect(rule(path).unwrap(), &request.encode_to_vec()).unwrap();
    assert!(!format!("{inspected:?}").contains("s3cr3t"), "{inspected:?}");
    let shown: Value = serde_json::from_str(&inspected.json).unwrap();
    assert_eq!(shown, serde_json::json!({ "access_key_id": "AK1", "secret": "[redacted]" }));
    assert_eq!(json(path, &[]), serde_json::json!({}));
}

#[test]
fn what_is_classified_is_shown_in_its_place() {
    let shown = json(&format!("{SASE}/CreateSaseMember"), &create(ONE).encode_to_vec());
    assert_eq!(shown["parent"], DIRECTORY);
    assert_eq!(shown["sase_member"], serde_json::json!({ "account": ONE, "remark": "theirs" }));
    let batch = BatchCreateSaseMembersRequest { accounts: vec![ONE.to_owned(), TWO.to_owned()], ..Default::default() };
    let shown = json(&format!("{SASE}/BatchCreateSaseMembers"), &batch.encode_to_vec());
    assert_eq!(shown["accounts"], serde_json::json!([ONE, TWO]));
    // A field of a shown message that has no class is as secret as one that says so.
    let member = SaseMember { display_name: "unclassified".to_owned(), ..Default::default() };
    let request = CreateSaseMemberRequest { sase_member: Some(member), ..Default::default() };
    let shown = json(&format!("{SASE}/CreateSaseMember"), &request.encode_to_vec());
    assert_eq!(shown["sase_member"], serde_json::json!({ "display_name": "[redacted]" }));
}

#[test]
fn what_is_shown_has_a_bound() {
    let path = format!("{SASE}/BatchCreateSaseMembers");
    let batch = |count| BatchCreateSaseMembersRequest { accounts: vec![ONE.to_owned(); count], ..Default::default() };
    let request = batch(2_000).encode_to_vec();
    let inspected = inspect(rule(&path).unwrap(), &request).unwrap();
    assert_eq!(inspected.targets.accounts.len(), 2_000, "targets are never cut");
    assert_eq!(inspected.json, r#"{"note":"the request is too long to be kept"}"#);
    let inspected = inspect(rule(&path).unwrap(), &batch(100).encode_to_vec()).unwrap();
    assert!(inspected.json.contains(ONE));
}
