use bailiwick_core::TrustedService;

use super::{super::account::NewAccount, *};

const NOW: Timestamp = Timestamp::from_micros(9);

fn account() -> Account {
    let new = NewAccount { display_name: "main".to_owned(), provider: String::new(), external_id: String::new() };
    Account::register(1_000_000_000_000_001.try_into().unwrap(), new, NOW)
}

fn new(id: &str) -> NewRole {
    NewRole {
        id: id.to_owned(),
        description: String::new(),
        trust_policy: "trust".to_owned(),
        max_session_seconds: SESSION_SECONDS_MIN,
    }
}

#[test]
fn ids_are_of_the_form_in_the_contract() {
    for (id, ok) in [
        ("auditor", true),
        ("9A.b_c-d", true),
        ("", false),
        ("_a", false),
        ("a b", false),
        ("a/b", false),
        ("é", false),
        ("AliyunServiceRoleForSas", false),
        ("AliyunServiceRoleForWhatComes", false),
        ("AliyunOther", true),
    ] {
        assert_eq!(is_role_id(id), ok, "{id}");
    }
    assert!(is_role_id(&"a".repeat(64)) && !is_role_id(&"a".repeat(65)));
    assert!(is_role_id(ACCESS_ROLE));
}

#[test]
fn sessions_are_bounded() {
    for (asked, seconds) in [
        (0, Some(3_600)),
        (3_599, None),
        (3_600, Some(3_600)),
        (43_200, Some(43_200)),
        (43_201, None),
        (1, None),
        (-1, None),
    ] {
        assert_eq!(max_session_seconds(asked), seconds, "{asked}");
    }
}

#[test]
fn names_and_quotas_are_checked_and_generations_grow() {
    let mut account = account();
    let role = Role::create(&mut account, new("auditor"), false, 0, 2, NOW).unwrap();
    let again = Role::create(&mut account, new("auditor"), false, 1, 2, NOW).unwrap();
    assert!(again.generation > role.generation, "a namesake revives no session");
    let twice = Role::create(&mut account, new("auditor"), true, 1, 2, NOW);
    assert_eq!(twice, Err(Error::ResourceExists(role.name())));
    let full = Role::create(&mut account, new("other"), false, 2, 2, NOW);
    assert_eq!(full, Err(Error::QuotaExceeded { quota: Quota::Roles, limit: 2 }));
}

#[test]
fn an_update_changes_what_is_asked_for() {
    let role = Role::create(&mut account(), new("auditor"), false, 0, 2, NOW).unwrap();
    let update = RoleUpdate { max_session_seconds: Some(7_200), ..RoleUpdate::default() };
    let changed = role.update(update.clone(), "", NOW).unwrap().unwrap();
    assert_eq!((changed.max_session_seconds, &changed.trust_policy), (7_200, &role.trust_policy));
    assert_eq!(changed.generation, role.generation, "sessions that are running stay");
    assert_eq!(changed.update(update.clone(), "", NOW), Ok(None));
    assert_eq!(changed.update(update, &role.etag(), NOW), Err(Error::EtagMismatch(role.name())));
    let trust = RoleUpdate { trust_policy: Some("other".to_owned()), ..RoleUpdate::default() };
    assert_eq!(changed.update(trust, "", NOW).unwrap().unwrap().trust_policy, "other");
}

#[test]
fn linked_roles_are_not_changed() {
    let role = LinkedRole {
        account: account().id,
        id: "AliyunServiceRoleForSas".to_owned(),
        service: TrustedService::SecurityCenter,
        generation: 2,
        create_time: NOW,
    };
    let refusal = Error::ServiceLinkedRoleImmutable { role: role.name(), service: TrustedService::SecurityCenter };
    assert_eq!(AnyRole::Linked(role).own(), Err(refusal));
}
