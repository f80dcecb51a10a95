use bailiwick_core::authz::{Document, PolicyKind};

use super::*;

const NOW: Timestamp = Timestamp::from_micros(5);
const BOUNDS: Bounds = Bounds { policies_max: 2, attached_max: 3 };

fn policy(id: &str) -> ControlPolicy {
    let full = ControlPolicy::full_access("rd-0000000000001".parse().unwrap(), NOW);
    ControlPolicy { id: id.to_owned(), ..full }
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[test]
fn the_system_policy_is_a_control_policy_document() {
    assert!(Document::parse(PolicyKind::Control, FULL_ACCESS_DOCUMENT).is_ok());
    assert!(policy(FULL_ACCESS).is_system());
}

// covers: E-DIR-26
#[test]
fn a_node_has_from_one_to_the_most_policies_each_once() {
    let node = Node::Folder("root".to_owned());
    let target = || node.name(policy("a").directory);
    assert_eq!(attach(&policy("b"), &node, &ids(&["a", "c"]), BOUNDS), Ok(ids(&["a", "b", "c"])));
    let again = attach(&policy("a"), &node, &ids(&["a"]), BOUNDS);
    assert_eq!(again, Err(Error::ControlPolicyAttached { policy: policy("a").name(), target: target() }));
    let full = attach(&policy("d"), &node, &ids(&["a", "b", "c"]), BOUNDS);
    assert_eq!(full, Err(Error::ControlPolicyQuotaExceeded { on: Some(target()), limit: 3 }));
    assert_eq!(detach(&policy("a"), &node, &ids(&["a", "b"])), Ok(ids(&["b"])));
    assert_eq!(detach(&policy("a"), &node, &ids(&["a"])), Err(Error::LastControlPolicy(target())));
    let absent = detach(&policy("z"), &node, &ids(&["a"]));
    assert_eq!(absent, Err(Error::ControlPolicyNotAttached { policy: policy("z").name(), target: target() }));
}

// covers: E-DIR-29
#[test]
fn custom_policies_have_free_ids_up_to_the_quota() {
    let create = |id: &str, taken, custom| ControlPolicy::create(policy(id), taken, custom, BOUNDS).map(|p| p.id);
    assert_eq!(create("a", false, 1), Ok("a".to_owned()));
    assert_eq!(create("a", true, 1), Err(Error::ControlPolicyExists("a".to_owned())));
    assert_eq!(create("fullaliyunaccess", false, 0), Err(Error::ControlPolicyExists("fullaliyunaccess".to_owned())));
    assert_eq!(create("a", false, 2), Err(Error::ControlPolicyQuotaExceeded { on: None, limit: 2 }));
    for (id, ok) in [("", false), ("a-B9", true), ("a_b", false), ("é", false), (&"a".repeat(129), false)] {
        assert_eq!(is_policy_id(id), ok, "{id}");
    }
}

#[test]
fn only_custom_policies_that_are_nowhere_go() {
    assert_eq!(policy("a").delete(0, ""), Ok(()));
    let used = Error::ControlPolicyInUse { policy: policy("a").name(), attachments: 2 };
    assert_eq!(policy("a").delete(2, ""), Err(used));
    assert_eq!(policy("a").delete(0, "stale"), Err(Error::EtagMismatch(policy("a").name())));
    let system = policy(FULL_ACCESS);
    assert_eq!(system.delete(0, ""), Err(Error::SystemPolicyImmutable(system.name())));
    let change = ControlPolicyChange { description: Some("new".to_owned()), document: None };
    assert_eq!(system.update(change.clone(), "", NOW), Err(Error::SystemPolicyImmutable(system.name())));
    let changed = policy("a").update(change, "", NOW).unwrap();
    assert_eq!((changed.description.as_str(), changed.document), ("new", policy("a").document));
    assert_ne!(policy("a").etag(), etag(changed.create_time, changed.version));
}
