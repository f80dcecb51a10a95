use super::{super::MemberName, *};
use crate::domain::{
    Error as Refusal, Quota,
    group::{Group, GroupMember, NewGroup},
};

async fn create(world: &World, of: AccountId, id: &str) -> Result<Group, Error> {
    let call = world.root(of, "GroupService/CreateGroup", &of.name()).await;
    let new = NewGroup { id: id.to_owned(), description: String::new() };
    Ok(world.app.group_create(&call, &change(), of, new).await?.value)
}

async fn add(world: &World, of: AccountId, group: &str, user: &str) -> Result<GroupMember, Error> {
    let call = world.root(of, "GroupService/AddGroupMember", &format!("{}/groups/{group}", of.name())).await;
    let named = MemberName { account: of, group, user };
    Ok(world.app.group_member_add(&call, &change(), named).await?.value)
}

async fn remove(world: &World, of: AccountId, group: &str, user: &str) -> Result<(), Error> {
    let call = world.root(of, "GroupService/RemoveGroupMember", &format!("{}/groups/{group}", of.name())).await;
    let named = MemberName { account: of, group, user };
    world.app.group_member_remove(&call, &change(), named).await.map(drop)
}

async fn delete(world: &World, of: AccountId, group: &str, etag: &str) -> Result<(), Error> {
    let call = world.root(of, "GroupService/DeleteGroup", &format!("{}/groups/{group}", of.name())).await;
    world.app.group_delete(&call, &change(), (of, group), etag).await.map(drop)
}

async fn get(world: &World, of: AccountId, group: &str) -> Result<Group, Error> {
    let call = world.root(of, "GroupService/GetGroup", &format!("{}/groups/{group}", of.name())).await;
    world.app.group_get(&call, of, group).await
}

async fn members(world: &World, of: Target<'_>, size: u32) -> Vec<(String, String)> {
    let call = world.root(of.account, "GroupService/ListGroupMembers", &of.name()).await;
    let (mut seen, mut asked) = (Vec::new(), first(size));
    loop {
        let page = world.app.group_member_list(&call, of, &asked).await.unwrap();
        seen.extend(page.items.into_iter().map(|member| (member.group, member.user)));
        if page.next.is_empty() {
            return seen;
        }
        asked.token = page.next;
    }
}

// covers: R-GW-13
#[tokio::test]
async fn what_a_group_has_its_users_have() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let [alice, bob] = [world.user(id, "alice").await.name(), world.user(id, "bob").await.name()];
        let custom = world.policy(id, "auditors").await.id.name(id);
        create(&world, id, "clerks").await.unwrap();
        let clerks = target(id, TargetKind::Group, "clerks");
        add(&world, id, "clerks", "alice").await.unwrap();
        assert!(world.policies_of(&alice).await.is_empty());
        world.put(clerks, "auditors", Put::Attach).await.unwrap();
        assert_eq!(world.policies_of(&alice).await, [&*custom], "{}", world.engine);
        add(&world, id, "clerks", "bob").await.unwrap();
        assert_eq!(world.policies_of(&bob).await, [&*custom], "{}", world.engine);
        // Own policies and those of several groups are one set.
        create(&world, id, "others").await.unwrap();
        world.put(target(id, TargetKind::Group, "others"), "auditors", Put::Attach).await.unwrap();
        add(&world, id, "others", "alice").await.unwrap();
        world.put(target(id, TargetKind::User, "alice"), "AliyunRAMFullAccess", Put::Attach).await.unwrap();
        assert_eq!(world.policies_of(&alice).await, ["AliyunRAMFullAccess", &custom]);
        // A new credential state says the same of policies.
        let call = world.root(id, "AccessKeyService/CreateAccessKey", &alice).await;
        let key = world.app.access_key_create(&call, &change(), id, "alice").await.unwrap().value.key;
        let call = world.root(id, "AccessKeyService/DeleteAccessKey", &key.name()).await;
        let named = super::super::KeyName { account: id, user: "alice", key: &key.id };
        world.app.access_key_delete(&call, &change(), named, "").await.unwrap();
        assert_eq!(world.policies_of(&alice).await, ["AliyunRAMFullAccess", &custom], "{}", world.engine);
        world.put(clerks, "auditors", Put::Detach).await.unwrap();
        assert_eq!(world.policies_of(&bob).await, [""; 0], "{}", world.engine);
        assert_eq!(world.policies_of(&alice).await.len(), 2, "she has it through the other group");
        delete(&world, id, "others", "").await.unwrap();
        assert_eq!(world.policies_of(&alice).await, ["AliyunRAMFullAccess"], "{}", world.engine);
        world.put(clerks, "auditors", Put::Attach).await.unwrap();
        remove(&world, id, "clerks", "bob").await.unwrap();
        assert!(world.policies_of(&bob).await.is_empty(), "{}", world.engine);
        let shown = get(&world, id, "clerks").await.unwrap();
        assert_eq!((shown.users, shown.policies), (1, vec![PolicyId::from("auditors")]));
    }
}

// covers: E-GW-07
#[tokio::test]
async fn groups_are_kept_with_their_users() {
    for world in worlds().await {
        let (id, other) = (world.account("main", None).await, world.account("other", None).await);
        for user in ["a", "b", "c"] {
            world.user(id, user).await;
        }
        let group = create(&world, id, "clerks").await.unwrap();
        assert_eq!(refused(create(&world, id, "clerks").await), Refusal::ResourceExists(group.name()));
        create(&world, other, "clerks").await.unwrap();
        let joined = add(&world, id, "clerks", "a").await.unwrap();
        let changes = world.changes().await.len();
        assert_eq!(add(&world, id, "clerks", "a").await.unwrap(), joined, "{}", world.engine);
        remove(&world, id, "clerks", "b").await.unwrap();
        assert_eq!(world.changes().await.len(), changes, "nothing changed: {}", world.engine);
        add(&world, id, "clerks", "c").await.unwrap();
        add(&world, id, "clerks", "b").await.unwrap();
        create(&world, id, "all").await.unwrap();
        add(&world, id, "all", "b").await.unwrap();
        let pair = |group: &str, user: &str| (group.to_owned(), user.to_owned());
        let clerks = ["a", "b", "c"].map(|user| pair("clerks", user));
        assert_eq!(members(&world, target(id, TargetKind::Group, "clerks"), 1).await, clerks, "{}", world.engine);
        let of_b = [pair("all", "b"), pair("clerks", "b")];
        assert_eq!(members(&world, target(id, TargetKind::User, "b"), 1).await, of_b, "{}", world.engine);
        assert!(members(&world, target(other, TargetKind::Group, "clerks"), 10).await.is_empty());
        assert_eq!(refused(add(&world, id, "clerks", "root").await), Refusal::RootUserImmutable);
        for (group, user) in [("none", "a"), ("clerks", "none")] {
            assert!(matches!(refused(add(&world, id, group, user).await), Refusal::NotFound(_)));
        }

        let call = world.root(id, "GroupService/UpdateGroup", &group.name()).await;
        let update = |description: Option<&'static str>, etag: String| {
            let (app, call) = (world.app.clone(), call.clone());
            async move { app.group_update(&call, &change(), (id, "clerks"), description, &etag).await }
        };
        assert_eq!(refused(update(Some("new"), group.etag()).await), Refusal::EtagMismatch(group.name()));
        let present = get(&world, id, "clerks").await.unwrap().etag();
        let updated = update(Some("new"), present.clone()).await.unwrap().value;
        assert_eq!((updated.description.as_str(), updated.users), ("new", 3), "{}", world.engine);
        assert_eq!(get(&world, id, "clerks").await.unwrap(), updated);
        assert_eq!(refused(delete(&world, id, "clerks", &present).await), Refusal::EtagMismatch(group.name()));

        let call = world.root(id, "UserService/DeleteUser", &format!("{}/users/c", id.name())).await;
        world.app.user_delete(&call, &change(), id, "c", "").await.unwrap();
        assert_eq!(get(&world, id, "clerks").await.unwrap().users, 2, "{}", world.engine);
        delete(&world, id, "clerks", &updated.etag()).await.unwrap();
        assert!(matches!(refused(get(&world, id, "clerks").await), Refusal::NotFound(_)));
        let call = world.root(id, "GroupService/ListGroups", &id.name()).await;
        let left = world.app.group_list(&call, id, &first(10)).await.unwrap().items;
        assert_eq!(left.iter().map(|group| group.id.as_str()).collect::<Vec<_>>(), ["all"], "{}", world.engine);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn adding_at_once_never_exceeds_the_limits() {
    let identities = IdentityLimits { users_per_group_max: 2, groups_max: 1, ..IdentityLimits::default() };
    for world in worlds_with(Limits { identities, ..Limits::default() }).await {
        let id = world.account("main", None).await;
        create(&world, id, "clerks").await.unwrap();
        let full = Refusal::QuotaExceeded { quota: Quota::Groups, limit: 1 };
        assert_eq!(refused(create(&world, id, "others").await), full, "{}", world.engine);
        let call = world.root(id, "GroupService/AddGroupMember", &format!("{}/groups/clerks", id.name())).await;
        let mut tries = Vec::new();
        for user in ["a", "b", "c", "d", "e"] {
            world.user(id, user).await;
            let (app, call) = (world.app.clone(), call.clone());
            tries.push(tokio::spawn(async move {
                let named = MemberName { account: id, group: "clerks", user };
                app.group_member_add(&call, &change(), named).await.map(drop)
            }));
        }
        let mut added = 0;
        for one in tries {
            match one.await.unwrap() {
                Ok(()) => added += 1,
                full => {
                    let limit = Refusal::QuotaExceeded { quota: Quota::UsersOfGroup, limit: 2 };
                    assert_eq!(refused(full), limit, "{}", world.engine);
                }
            }
        }
        let users = get(&world, id, "clerks").await.unwrap().users;
        assert_eq!((added, users), (2, 2), "{}", world.engine);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_is_being_deleted_leaves_nobody_its_policies() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let alice = world.user(id, "alice").await.name();
        for _ in 0..6 {
            let group = create(&world, id, "clerks").await.unwrap().name();
            world.put(target(id, TargetKind::Group, "clerks"), "AdministratorAccess", Put::Attach).await.unwrap();
            let add = world.root(id, "GroupService/AddGroupMember", &group).await;
            let delete = world.root(id, "GroupService/DeleteGroup", &group).await;
            let named = MemberName { account: id, group: "clerks", user: "alice" };
            let (one, other) = (world.app.clone(), world.app.clone());
            let adding = tokio::spawn(async move { one.group_member_add(&add, &change(), named).await });
            let deleting =
                tokio::spawn(async move { other.group_delete(&delete, &change(), (id, "clerks"), "").await });
            if let Err(error) = adding.await.unwrap() {
                assert!(matches!(refused(Err::<(), _>(error)), Refusal::NotFound(_)), "{}", world.engine);
            }
            deleting.await.unwrap().unwrap();
            assert!(world.policies_of(&alice).await.is_empty(), "{}", world.engine);
        }
    }
}
