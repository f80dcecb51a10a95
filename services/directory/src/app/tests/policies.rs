use super::{
    super::{NewVersion, VersionName},
    *,
};
use crate::domain::{
    Error as Refusal, Quota,
    policy::{PolicyVersion, VERSIONS_MAX},
};

async fn version(
    world: &World,
    of: AccountId,
    policy: &str,
    number: u32,
    set_default: bool,
) -> Result<PolicyVersion, Error> {
    let name = format!("{}/policies/{policy}", of.name());
    let call = world.root(of, "PolicyService/CreatePolicyVersion", &name).await;
    let new = NewVersion { document: document(number), set_default };
    let done = world.app.policy_version_create(&call, &change(), (of, &PolicyId::from(policy)), new).await?;
    assert_eq!(done.value.1, set_default);
    Ok(done.value.0)
}

async fn delete(world: &World, of: AccountId, policy: &str, etag: &str) -> Result<(), Error> {
    let call = world.root(of, "PolicyService/DeletePolicy", &format!("{}/policies/{policy}", of.name())).await;
    world.app.policy_delete(&call, &change(), of, &PolicyId::from(policy), etag).await.map(drop)
}

async fn get(world: &World, of: AccountId, policy: &str) -> Result<PolicyView, Error> {
    let call = world.root(of, "PolicyService/GetPolicy", &format!("{}/policies/{policy}", of.name())).await;
    world.app.policy_get(&call, of, &PolicyId::from(policy)).await
}

/// The document that the log has for a policy at last.
async fn known(world: &World, policy: &str) -> Option<String> {
    let mut known = None;
    for changed in world.changes().await.into_iter().flat_map(|change| change.facts) {
        if let Some(Kind::Policy(fact)) = changed.fact.unwrap().kind
            && fact.policy == policy
        {
            known = (!changed.removed).then_some(fact.document);
        }
    }
    known
}

fn version_name(of: AccountId, policy: &str, number: u32) -> VersionName {
    VersionName { account: of, policy: PolicyId::from(policy), number }
}

// covers: E-GW-07
#[tokio::test]
async fn the_default_version_is_what_everybody_knows_of_a_policy() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let view = world.policy(id, "auditors").await;
        let name = view.id.name(id);
        assert_eq!(known(&world, &name).await, Some(document(1)), "{}", world.engine);
        let second = version(&world, id, "auditors", 2, false).await.unwrap();
        assert_eq!((second.id().as_str(), known(&world, &name).await), ("v2", Some(document(1))));
        version(&world, id, "auditors", 3, true).await.unwrap();
        assert_eq!(known(&world, &name).await, Some(document(3)));

        let call = world.root(id, "PolicyService/SetDefaultPolicyVersion", &second.name()).await;
        let set = |number, etag: String| {
            let (app, call, named) = (world.app.clone(), call.clone(), version_name(id, "auditors", number));
            async move { app.policy_version_set_default(&call, &change(), &named, &etag).await }
        };
        let stale = view.custom.unwrap().0.etag();
        assert_eq!(refused(set(2, stale).await), Refusal::EtagMismatch(name.clone()));
        let now = set(2, String::new()).await.unwrap().value;
        assert_eq!(now.custom.as_ref().unwrap().1, document(2));
        assert_eq!(known(&world, &name).await, Some(document(2)), "{}", world.engine);
        assert_eq!(get(&world, id, "auditors").await.unwrap(), now);
        let changes = world.changes().await.len();
        set(2, String::new()).await.unwrap();
        assert_eq!(world.changes().await.len(), changes, "what counts already is no change");
        assert!(matches!(refused(set(9, String::new()).await), Refusal::NotFound(_)));

        let delete = |number| {
            let (app, call, named) = (world.app.clone(), call.clone(), version_name(id, "auditors", number));
            async move { app.policy_version_delete(&call, &change(), &named).await }
        };
        assert_eq!(refused(delete(2).await), Refusal::PolicyVersionInUse(second.name()));
        delete(3).await.unwrap();
        assert!(matches!(refused(delete(3).await), Refusal::NotFound(_)), "{}", world.engine);
        for number in 4..=6 {
            assert_eq!(version(&world, id, "auditors", number, false).await.unwrap().number, number);
        }
        let full = refused(version(&world, id, "auditors", 7, false).await);
        assert_eq!(full, Refusal::QuotaExceeded { quota: Quota::PolicyVersions, limit: VERSIONS_MAX });
        let call = world.root(id, "PolicyService/ListPolicyVersions", &name).await;
        let (mut seen, mut asked) = (Vec::new(), first(2));
        loop {
            let page = world.app.policy_version_list(&call, id, &PolicyId::from("auditors"), &asked).await.unwrap();
            seen.extend(page.items.into_iter().map(|(version, counts)| (version.number, counts)));
            if page.next.is_empty() {
                break;
            }
            asked.token = page.next;
        }
        assert_eq!(seen, [(6, false), (5, false), (4, false), (2, true), (1, false)], "{}", world.engine);
    }
}

#[tokio::test]
async fn a_policy_is_deleted_once_nobody_has_it() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let alice = world.user(id, "alice").await;
        let name = world.policy(id, "auditors").await.id.name(id);
        let alice_target = target(id, TargetKind::User, "alice");
        world.put(alice_target, "auditors", Put::Attach).await.unwrap();
        assert_eq!(world.policies_of(&alice.name()).await, [&*name], "{}", world.engine);
        assert_eq!(get(&world, id, "auditors").await.unwrap().attachments, 1);
        let refusal = Refusal::PolicyInUse { policy: name.clone(), attachments: 1 };
        assert_eq!(refused(delete(&world, id, "auditors", "").await), refusal);
        world.put(alice_target, "auditors", Put::Detach).await.unwrap();
        assert_eq!(refused(delete(&world, id, "auditors", "stale").await), Refusal::EtagMismatch(name.clone()));
        delete(&world, id, "auditors", "").await.unwrap();
        assert_eq!(known(&world, &name).await, None, "{}", world.engine);
        assert!(matches!(refused(get(&world, id, "auditors").await), Refusal::NotFound(_)));
        assert!(matches!(refused(delete(&world, id, "auditors", "").await), Refusal::NotFound(_)));
        // A namesake begins anew.
        assert_eq!(world.policy(id, "auditors").await.custom.unwrap().0.last_version, 1);
        let system = refused(delete(&world, id, "AdministratorAccess", "").await);
        assert!(matches!(system, Refusal::SystemPolicyImmutable(_)));
        let system = refused(version(&world, id, "AdministratorAccess", 2, true).await);
        assert!(matches!(system, Refusal::SystemPolicyImmutable(_)));
        // Whoever is deleted has nothing any more.
        world.put(alice_target, "auditors", Put::Attach).await.unwrap();
        let call = world.root(id, "UserService/DeleteUser", &alice.name()).await;
        world.app.user_delete(&call, &change(), id, "alice", "").await.unwrap();
        delete(&world, id, "auditors", "").await.unwrap();
    }
}

// covers: E-GW-08
#[tokio::test]
async fn pages_have_system_policies_first_and_those_of_the_account_alone() {
    for world in worlds().await {
        let (id, other) = (world.account("main", None).await, world.account("other", None).await);
        for policy in ["b", "A", "zz"] {
            world.policy(id, policy).await;
        }
        world.policy(other, "c").await;
        let call = world.root(id, "PolicyService/ListPolicies", &id.name()).await;
        for size in [1, 2, 5, 9, 100] {
            let (mut seen, mut asked) = (Vec::new(), first(size));
            loop {
                let page = world.app.policy_list(&call, id, &asked).await.unwrap();
                seen.extend(page.items);
                if page.next.is_empty() {
                    break;
                }
                asked.token = page.next;
            }
            let (system, custom) = seen.split_at(9);
            assert!(system.iter().all(|view| view.custom.is_none()), "{}", world.engine);
            let ids: Vec<_> = custom.iter().map(|view| view.id.id()).collect();
            assert_eq!(ids, ["A", "b", "zz"], "{} {size}", world.engine);
            assert!(custom.iter().all(|view| view.custom.as_ref().unwrap().1 == document(1)));
        }
        assert!(matches!(refused(get(&world, id, "c").await), Refusal::NotFound(_)));
        let foreign = world.put(target(id, TargetKind::Group, "none"), "c", Put::Attach).await;
        assert_eq!(refused(foreign), Refusal::UnknownPolicy("c".to_owned()));
    }
}

#[tokio::test]
async fn targets_are_listed_and_hold_so_many_policies_only() {
    let identities = IdentityLimits { policies_per_target_max: 2, policies_max: 3, ..IdentityLimits::default() };
    for world in worlds_with(Limits { identities, ..Limits::default() }).await {
        let id = world.account("main", None).await;
        for policy in ["a", "b", "c"] {
            world.policy(id, policy).await;
        }
        let call = world.root(id, "PolicyService/CreatePolicy", &id.name()).await;
        let new = NewPolicy { id: "d".to_owned(), description: String::new(), document: document(1) };
        let full = refused(world.app.policy_create(&call, &change(), id, new).await);
        assert_eq!(full, Refusal::QuotaExceeded { quota: Quota::Policies, limit: 3 }, "{}", world.engine);
        for user in ["x", "y", "z"] {
            world.user(id, user).await;
            world.put(target(id, TargetKind::User, user), "a", Put::Attach).await.unwrap();
        }
        let call = world.root(id, "PolicyService/ListPolicyAttachments", &format!("{}/policies/a", id.name())).await;
        let (mut seen, mut asked) = (Vec::new(), first(2));
        loop {
            let page = world.app.policy_attachment_list(&call, id, &PolicyId::from("a"), &asked).await.unwrap();
            seen.extend(page.items.iter().map(|attachment| attachment.target.clone()));
            if page.next.is_empty() {
                break;
            }
            asked.token = page.next;
        }
        assert_eq!(seen, ["users/x", "users/y", "users/z"], "{}", world.engine);
        let x = target(id, TargetKind::User, "x");
        world.put(x, "AdministratorAccess", Put::Attach).await.unwrap();
        let full = refused(world.put(x, "b", Put::Attach).await);
        assert_eq!(full, Refusal::QuotaExceeded { quota: Quota::PoliciesOfTarget, limit: 2 });
        let root = refused(world.put(target(id, TargetKind::User, "root"), "a", Put::Attach).await);
        assert_eq!(root, Refusal::RootUserImmutable);
        for missing in [TargetKind::User, TargetKind::Group, TargetKind::Role] {
            let missing = refused(world.put(target(id, missing, "none"), "a", Put::Attach).await);
            assert!(matches!(missing, Refusal::NotFound(_)), "{}", world.engine);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attaching_at_once_never_exceeds_the_limit() {
    let identities = IdentityLimits { policies_per_target_max: 2, ..IdentityLimits::default() };
    for world in worlds_with(Limits { identities, ..Limits::default() }).await {
        let id = world.account("main", None).await;
        for policy in ["a", "b", "c", "d"] {
            world.policy(id, policy).await;
        }
        for round in 0..4 {
            let user: &'static str = format!("user{round}").leak();
            world.user(id, user).await;
            let target = target(id, TargetKind::User, user);
            let call = world.root(id, "PolicyService/AttachPolicy", &target.name()).await;
            let tries: Vec<_> = ["a", "b", "c", "d"]
                .map(|policy| {
                    let (app, call) = (world.app.clone(), call.clone());
                    tokio::spawn(async move {
                        app.policy_put(&call, &change(), target, &PolicyId::from(policy), Put::Attach).await.map(drop)
                    })
                })
                .into();
            let mut attached = 0;
            for one in tries {
                match one.await.unwrap() {
                    Ok(()) => attached += 1,
                    full => {
                        let limit = Refusal::QuotaExceeded { quota: Quota::PoliciesOfTarget, limit: 2 };
                        assert_eq!(refused(full), limit, "{}", world.engine);
                    }
                }
            }
            assert_eq!((attached, world.policies_of(&target.name()).await.len()), (2, 2), "{}", world.engine);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_never_deleted_while_it_is_being_attached() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let alice = world.user(id, "alice").await.name();
        for round in 0..6 {
            let policy = format!("policy-{round}");
            let name = world.policy(id, &policy).await.id.name(id);
            let attach = world.root(id, "PolicyService/AttachPolicy", &alice).await;
            let delete = world.root(id, "PolicyService/DeletePolicy", &name).await;
            let policy = PolicyId::from(policy);
            let attaching = {
                let (app, policy) = (world.app.clone(), policy.clone());
                let target = target(id, TargetKind::User, "alice");
                tokio::spawn(async move { app.policy_put(&attach, &change(), target, &policy, Put::Attach).await })
            };
            let deleting = {
                let app = world.app.clone();
                tokio::spawn(async move { app.policy_delete(&delete, &change(), id, &policy, "").await })
            };
            let (attached, deleted) = (attaching.await.unwrap(), deleting.await.unwrap());
            assert_ne!(attached.is_ok(), deleted.is_ok(), "{}", world.engine);
            if attached.is_ok() {
                assert!(matches!(refused(deleted), Refusal::PolicyInUse { .. }));
            } else {
                assert!(matches!(refused(attached), Refusal::UnknownPolicy(_)));
            }
            // Asserts that no identity has a policy that is not known.
            world.identity(&alice).await.unwrap();
        }
    }
}

// covers: E-DIR-22
#[tokio::test]
async fn a_rehearsed_policy_is_not_there() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let call = world.root(id, "PolicyService/CreatePolicy", &id.name()).await;
        let rehearsal = Mutation { validate_only: true, ..change() };
        let new = NewPolicy { id: "a".to_owned(), description: String::new(), document: document(1) };
        let done = world.app.policy_create(&call, &rehearsal, id, new).await.unwrap();
        assert_eq!((done.value.id.id(), done.position), ("a", None));
        assert!(matches!(refused(get(&world, id, "a").await), Refusal::NotFound(_)), "{}", world.engine);
    }
}
