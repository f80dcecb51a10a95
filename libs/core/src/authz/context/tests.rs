use std::time::Duration;

use super::*;
use crate::{
    PrincipalKind,
    authz::{Audit, FieldPath, Seat, SignedIn},
};

const fn rule(path: &'static str) -> Rule {
    Rule {
        path,
        role: Some(Role::Directory),
        action: "directory:CreateMember",
        seat: Seat::ManagementAccount,
        trusted_service: None,
        resource: Some(FieldPath { text: "parent", numbers: &[1] }),
        accounts: &[],
        enrolled: false,
        operator_required: false,
        also_requires: &[],
        audit: Audit::Write,
        callers: &[],
        scope_filtered: false,
        external_id: None,
        client_streaming: false,
        server_streaming: false,
    }
}

static RULE: Rule = rule("/bailiwick.directory.v1.MemberService/CreateMember");
static OTHER: Rule = rule("/bailiwick.directory.v1.MemberService/RemoveMember");

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn key() -> ContextKey {
    ContextKey::new([7; 32])
}

fn account() -> AccountId {
    1_000_000_000_000_001.try_into().unwrap()
}

fn permit(tenant: Tenant) -> Permit {
    Permit {
        path: RULE.path,
        tenant,
        identity: Some(IdentityName::User(account(), "alice".to_owned())),
        account: Some(account()),
        directory: Some("rd-0000000000001".parse().unwrap()),
        service: None,
        resource: "directories/rd-0000000000001".to_owned(),
        accounts: vec![account().name()],
        external_id: "customer-1".to_owned(),
        scope: Scope::Folders(vec!["fd-1".to_owned(), "fd-2".to_owned()]),
        authentication: Some(Authentication {
            generation: 3,
            mfa: true,
            expires: Some(NOW),
            session: Some(Some((IdentityName::root(account()), 5))),
            signed_in: Some(SignedIn { provider: "provider".to_owned(), subject: "person".to_owned() }),
            credential: Some("c1".to_owned()),
            secure_transport: true,
        }),
        revision: 42,
        operator: Some(Operator {
            principal: "accounts/1000000000000001/users/alice".to_owned(),
            kind: PrincipalKind::User,
            account: Some(account()),
            access_key_id: "AK1".to_owned(),
            source_ip: "192.0.2.1".to_owned(),
            call_id: "call".to_owned(),
            via: vec![Role::Gateway],
            session_name: String::new(),
            source_identity: String::new(),
            identity_provider: String::new(),
            subject: String::new(),
        }),
    }
}

fn signed() -> Vec<u8> {
    CallerContext::new(&permit(Tenant::Account(account())), Role::Directory, NOW).sign(&key())
}

fn verify(signed: &[u8]) -> Result<Permit, ContextError> {
    CallerContext::verify(signed, &key(), Role::Directory, &RULE, NOW)
}

#[test]
fn a_permit_comes_out_as_it_went_in() {
    let directory = "rd-0000000000001".parse().unwrap();
    for tenant in [Tenant::Account(account()), Tenant::Directory(directory), Tenant::Platform] {
        let signed = CallerContext::new(&permit(tenant), Role::Directory, NOW).sign(&key());
        assert_eq!(verify(&signed), Ok(permit(tenant)));
    }
    let nobody = Permit {
        identity: None,
        account: None,
        directory: None,
        operator: None,
        authentication: None,
        ..permit(Tenant::Platform)
    };
    let signed = CallerContext::new(&nobody, Role::Directory, NOW).sign(&key());
    assert_eq!(verify(&signed), Ok(nobody));
}

#[test]
fn a_change_of_any_bit_is_noticed() {
    let signed = signed();
    for place in 0..signed.len() {
        for bit in 0..8 {
            let mut tampered = signed.clone();
            tampered[place] ^= 1 << bit;
            assert_eq!(verify(&tampered), Err(ContextError::NotAuthentic), "byte {place}, bit {bit}");
        }
    }
}

#[test]
fn a_change_of_length_is_noticed() {
    let signed = signed();
    for length in 0..signed.len() {
        assert_eq!(verify(&signed[..length]), Err(ContextError::NotAuthentic), "the first {length} bytes");
        assert_eq!(
            verify(&signed[signed.len() - length..]),
            Err(ContextError::NotAuthentic),
            "the last {length} bytes"
        );
    }
    assert_eq!(verify(&[signed.as_slice(), &[0]].concat()), Err(ContextError::NotAuthentic));
}

#[test]
fn parts_of_two_contexts_make_no_third() {
    let one = signed();
    let other = CallerContext::new(&permit(Tenant::Platform), Role::Directory, NOW).sign(&key());
    let mixed = [&one[..TAG_LEN], &other[TAG_LEN..]].concat();
    assert_eq!(verify(&mixed), Err(ContextError::NotAuthentic));
}

#[test]
fn another_key_made_nothing_that_counts() {
    for place in 0..32 {
        let mut bytes = [7; 32];
        bytes[place] ^= 1;
        let result = CallerContext::verify(&signed(), &ContextKey::new(bytes), Role::Directory, &RULE, NOW);
        assert_eq!(result, Err(ContextError::NotAuthentic), "byte {place} of the key");
    }
}

#[test]
fn a_context_is_for_one_service_and_one_method() {
    for audience in Role::ALL.into_iter().filter(|role| *role != Role::Directory) {
        let result = CallerContext::verify(&signed(), &key(), audience, &RULE, NOW);
        assert_eq!(result, Err(ContextError::Audience), "{audience}");
    }
    let result = CallerContext::verify(&signed(), &key(), Role::Directory, &OTHER, NOW);
    assert_eq!(result, Err(ContextError::Method));
}

#[test]
fn a_context_ends() {
    let at = |now| CallerContext::verify(&signed(), &key(), Role::Directory, &RULE, now);
    let end = NOW.after(LIFETIME);
    assert!(at(NOW).is_ok());
    assert!(at(end).is_ok());
    assert_eq!(at(end.after(Duration::from_micros(1))), Err(ContextError::Expired));
    assert_eq!(at(Timestamp::from_micros(i64::MAX)), Err(ContextError::Expired));
}

#[test]
fn a_well_made_tag_over_nonsense_is_no_context() {
    for body in [&b""[..], b"x", &[0xff; 64]] {
        let tag = key().mac().chain_update(body).finalize().into_bytes();
        assert_eq!(verify(&[tag.as_slice(), body].concat()), Err(ContextError::NotAuthentic));
    }
}
