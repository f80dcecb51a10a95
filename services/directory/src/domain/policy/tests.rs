use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_micros(9);

fn account() -> AccountId {
    1_000_000_000_000_001.try_into().unwrap()
}

fn new(id: &str) -> NewPolicy {
    NewPolicy { id: id.to_owned(), description: String::new(), document: "one".to_owned() }
}

fn policy() -> (Policy, PolicyVersion) {
    Policy::create(account(), new("auditors"), false, 0, 10, NOW).unwrap()
}

#[test]
fn ids_are_of_the_form_in_the_contract() {
    for (id, ok) in [
        ("auditors", true),
        ("A-9", true),
        ("9", true),
        ("-", true),
        ("", false),
        ("a_b", false),
        ("a/b", false),
        ("é", false),
        ("AdministratorAccess", false),
        ("AliyunRAMFullAccess", false),
        ("AliyunOfTheNextRelease", false),
        ("administratoraccess", true),
    ] {
        assert_eq!(is_policy_id(id), ok, "{id}");
    }
    assert!(is_policy_id(&"a".repeat(128)) && !is_policy_id(&"a".repeat(129)));
}

#[test]
fn version_ids_are_read_as_they_are_written() {
    for (id, number) in [
        ("v1", Some(1)),
        ("v10", Some(10)),
        ("v0", None),
        ("v01", None),
        ("v", None),
        ("1", None),
        ("v+1", None),
        ("v4294967296", None),
    ] {
        assert_eq!(version_number(id), number, "{id}");
    }
    assert_eq!(policy().1.name(), "accounts/1000000000000001/policies/auditors/versions/v1");
}

#[test]
fn system_policies_come_in_pages_and_do_not_change() {
    let (mut seen, mut after) = (Vec::new(), "");
    loop {
        let part = system_page(after, 2);
        seen.extend(part.iter().copied());
        match part.last() {
            Some(last) => after = last.name(),
            None => break,
        }
    }
    assert_eq!(seen, system_page("", 100));
    assert_eq!(seen.len(), SystemPolicy::ALL.len());
    let name = "accounts/1000000000000001/policies/AdministratorAccess".to_owned();
    let refusal = PolicyId::from("AdministratorAccess").custom(account()).map(drop);
    assert_eq!(refusal, Err(Error::SystemPolicyImmutable(name)));
    assert_eq!(PolicyId::from("auditors").custom(account()), Ok("auditors"));
}

#[test]
fn names_and_quotas_are_checked() {
    let twice = Policy::create(account(), new("auditors"), true, 0, 10, NOW).map(drop);
    assert_eq!(twice, Err(Error::ResourceExists(policy().0.name())));
    let full = Policy::create(account(), new("auditors"), false, 10, 10, NOW).map(drop);
    assert_eq!(full, Err(Error::QuotaExceeded { quota: Quota::Policies, limit: 10 }));
    assert!(Policy::create(account(), new("auditors"), false, 9, 10, NOW).is_ok());
}

#[test]
fn a_policy_in_use_stays_and_so_does_the_version_that_counts() {
    let (policy, first) = policy();
    assert_eq!(policy.delete(0, ""), Ok(()));
    assert_eq!(policy.delete(2, ""), Err(Error::PolicyInUse { policy: policy.name(), attachments: 2 }));
    assert_eq!(policy.delete(0, "other"), Err(Error::EtagMismatch(policy.name())));
    assert_eq!(policy.delete_version(&first, NOW), Err(Error::PolicyVersionInUse(first.name())));
    assert_eq!(policy.set_default(&first, "", NOW), Ok(None));
    let (policy, second) = policy.add_version("two".to_owned(), false, 1, NOW).unwrap();
    assert_eq!((policy.default_version, second.number), (1, 2));
    let stale = policy.etag();
    let changed = policy.set_default(&second, &stale, NOW).unwrap().unwrap();
    assert_eq!(changed.default_version, 2);
    assert_eq!(changed.set_default(&first, &stale, NOW), Err(Error::EtagMismatch(changed.name())));
    assert!(changed.delete_version(&first, NOW).is_ok());
}

proptest! {
    #[test]
    fn versions_are_five_at_most_and_their_numbers_never_return(
        steps in proptest::collection::vec((0u8..3, 0usize..6), 1..40)
    ) {
        let (mut policy, first) = policy();
        let mut versions = vec![first];
        let mut given = std::collections::BTreeSet::from([1]);
        for (step, at) in steps {
            let at = at % versions.len();
            match step {
                0 => {
                    let count = u32::try_from(versions.len()).unwrap();
                    match policy.add_version("next".to_owned(), at == 0, count, NOW) {
                        Ok((changed, added)) => {
                            prop_assert!(count < VERSIONS_MAX && given.insert(added.number));
                            prop_assert_eq!(changed.default_version == added.number, at == 0);
                            policy = changed;
                            versions.push(added);
                        }
                        Err(error) => {
                            let full = Error::QuotaExceeded { quota: Quota::PolicyVersions, limit: VERSIONS_MAX };
                            prop_assert_eq!((error, count), (full, VERSIONS_MAX));
                        }
                    }
                }
                1 => policy = policy.set_default(&versions[at], "", NOW).unwrap().unwrap_or(policy),
                _ => if let Ok(changed) = policy.delete_version(&versions[at], NOW) {
                    policy = changed;
                    versions.remove(at);
                }
            }
            prop_assert!(versions.iter().any(|version| version.number == policy.default_version));
        }
    }
}
