use bailiwick_core::authz::PolicyKind;

use super::*;
use crate::domain::access_key::LastUse;

const DAY: Duration = Duration::from_hours(24);
const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn days_ago(days: u32) -> Timestamp {
    earlier(NOW, DAY * days)
}

fn key(created: u32, used: Option<u32>) -> AccessKey {
    AccessKey {
        account: 1_000_000_000_000_001.try_into().unwrap(),
        user: "alice".to_owned(),
        id: "AK1".to_owned(),
        enabled: true,
        create_time: days_ago(created),
        last_use: used.map(|days| LastUse { time: days_ago(days), source_ip: String::new() }),
        rotate_time: None,
        disable_time: None,
        version: 1,
    }
}

fn reviewed(kind: PrincipalKind) -> Reviewed {
    let policy = Attached { policy: "p".to_owned(), group: String::new(), allows_everything: false };
    Reviewed {
        identity: "i".to_owned(),
        kind,
        enabled: true,
        policies: vec![policy],
        keys: Vec::new(),
        credentials: 0,
        create_time: days_ago(1),
        last_use_time: None,
        trusts_another_account: false,
    }
}

#[test]
fn findings_say_what_should_be_looked_at() {
    use Finding::{
        FullAdministrator, NoPolicy, OldAccessKey, RootAccessKey, TrustsAnotherAccount, UnusedAccessKey, UnusedIdentity,
    };
    use PrincipalKind::{Role, Root, ServiceLinkedRole, User};
    let with = |key: AccessKey| Reviewed { keys: vec![key], last_use_time: Some(days_ago(1)), ..reviewed(User) };
    let everything = Attached { policy: "p".to_owned(), group: "g".to_owned(), allows_everything: true };
    let bare = |kind| Reviewed { policies: Vec::new(), create_time: days_ago(90), ..reviewed(kind) };
    for (case, entry, expected) in [
        ("nothing", reviewed(User), vec![]),
        ("a key of 89 days, never used", with(key(89, None)), vec![]),
        ("one of 90 days, never used", with(key(90, None)), vec![UnusedAccessKey]),
        ("an old key, used", with(key(91, Some(1))), vec![OldAccessKey]),
        ("an old key, used long ago", with(key(300, Some(90))), vec![UnusedAccessKey, OldAccessKey]),
        ("a disabled key", with(AccessKey { enabled: false, ..key(300, None) }), vec![]),
        ("a key past its end", with(AccessKey { disable_time: Some(NOW), ..key(300, None) }), vec![]),
        ("never used for 90 days", Reviewed { create_time: days_ago(90), ..reviewed(User) }, vec![UnusedIdentity]),
        (
            "used 89 days ago",
            Reviewed { create_time: days_ago(900), last_use_time: Some(days_ago(89)), ..reviewed(Role) },
            vec![],
        ),
        ("root with a key", Reviewed { keys: vec![key(1, None)], ..bare(Root) }, vec![RootAccessKey]),
        ("root without one", bare(Root), vec![]),
        ("a role without policies", bare(Role), vec![UnusedIdentity, NoPolicy]),
        ("a service's role", bare(ServiceLinkedRole), vec![]),
        ("everything", Reviewed { policies: vec![everything], ..reviewed(User) }, vec![FullAdministrator]),
        ("trusting", Reviewed { trusts_another_account: true, ..reviewed(Role) }, vec![TrustsAnotherAccount]),
    ] {
        assert_eq!(entry.findings(NOW), expected, "{case}");
    }
}

#[test]
fn only_patterns_for_all_allow_everything() {
    for (action, resource, expected) in
        [("*", "*", true), ("directory:*", "*", false), ("*", "accounts/1000000000000001/users/*", false)]
    {
        let text = format!(
            r#"{{"Version":"1","Statement":[{{"Effect":"Allow","Action":"{action}","Resource":"{resource}"}}]}}"#
        );
        let document = Document::parse(PolicyKind::Permission, &text).unwrap();
        assert_eq!(allows_everything(&document), expected, "{text}");
    }
    let denied = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},
        {"Effect":"Deny","Action":"*","Resource":"*"}]}"#;
    assert!(!allows_everything(&Document::parse(PolicyKind::Permission, denied).unwrap()));
}

#[test]
fn trusted_accounts_are_those_of_all_principals() {
    let text = r#"{"Version":"1","Statement":[
        {"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":["accounts/1000000000000001",
            "accounts/1000000000000002/users/bob"]}},
        {"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":"accounts/1000000000000003/roles/r"}},
        {"Effect":"Allow","Action":"sts:AssumeRole",
            "Principal":{"Federated":["accounts/1000000000000004/identityProviders/p"]}},
        {"Effect":"Deny","Action":"sts:AssumeRole","Principal":{"RAM":["accounts/1000000000000005"]}}]}"#;
    let accounts: Vec<u64> = trusted_accounts(text).into_iter().map(AccountId::get).collect();
    assert_eq!(accounts, [1_000_000_000_000_001, 1_000_000_000_000_002, 1_000_000_000_000_003, 1_000_000_000_000_004]);
    assert!(trusted_accounts("no json").is_empty());
    Document::parse(PolicyKind::Trust, text).unwrap();
}
