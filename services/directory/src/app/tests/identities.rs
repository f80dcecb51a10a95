use bailiwick_core::{
    Clock,
    authz::{Facts, SystemPolicy},
    filter::Listing,
};

use super::{super::KeyName, *};
use crate::{
    domain::{
        Error as Refusal,
        access_key::Use,
        user::{SCHEMA, UserUpdate},
    },
    store,
};

const DAY: std::time::Duration = std::time::Duration::from_hours(24);

pub(super) async fn user(world: &World, of: AccountId, id: &str) -> Result<User, Error> {
    let call = world.root(of, "UserService/CreateUser", &of.name()).await;
    let new = NewUser { id: id.to_owned(), display_name: String::new() };
    Ok(world.app.user_create(&call, &change(), of, new).await?.value)
}

pub(super) async fn delete(world: &World, of: AccountId, id: &str) -> Result<(), Error> {
    let call = world.root(of, "UserService/DeleteUser", &format!("{}/users/{id}", of.name())).await;
    world.app.user_delete(&call, &change(), of, id, "").await.map(drop)
}

pub(super) async fn key(world: &World, of: AccountId, user: &str) -> Result<String, Error> {
    let call = world.root(of, "AccessKeyService/CreateAccessKey", &format!("{}/users/{user}", of.name())).await;
    Ok(world.app.access_key_create(&call, &change(), of, user).await?.value.key.id)
}

pub(super) async fn put(world: &World, of: AccountId, user: &str, key: &str, to: Use) -> Result<(), Error> {
    let named = KeyName { account: of, user, key };
    let name = format!("{}/users/{user}/accessKeys/{key}", of.name());
    let call = world.root(of, "AccessKeyService/DisableAccessKey", &name).await;
    world.app.access_key_put(&call, &change(), named, to, "").await.map(drop)
}

// covers: R-DIR-31, R-GW-13
#[tokio::test]
async fn a_user_may_do_what_its_policies_say() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let alice = user(&world, id, "alice").await.unwrap();
        assert_eq!(refused(user(&world, id, "alice").await), Refusal::UserExists("alice".to_owned()));
        let target = target(id, TargetKind::User, "alice");
        let [ram, all] = [SystemPolicy::RamFullAccess, SystemPolicy::AdministratorAccess];
        world.put(target, ram.name(), Put::Attach).await.unwrap();
        let made = world.last_change().await;
        assert_eq!((made.tenant, made.resource), (id.name(), alice.name()));
        let again = world.put(target, ram.name(), Put::Attach).await.unwrap();
        assert_eq!(world.changes().await.len(), 4, "attaching again is no change: {}", world.engine);
        assert_eq!(again, [PolicyId::System(ram)]);
        assert_eq!(world.policies_of(&alice.name()).await, [ram.name()]);
        world.put(target, all.name(), Put::Attach).await.unwrap();
        let left = world.put(target, ram.name(), Put::Detach).await.unwrap();
        assert_eq!(left, [PolicyId::System(all)]);
        assert_eq!(world.policies_of(&alice.name()).await, [all.name()]);
        let read = world.call(&alice.identity(), "UserService/GetUser", &alice.name()).await;
        let read = world.app.user_get(&read, id, "alice").await.unwrap();
        assert_eq!((&read.policies, read.version), (&left, 4));
        for to in [Put::Attach, Put::Detach] {
            let unknown = refused(world.put(target, "AliyunNoSuchAccess", to).await);
            assert_eq!(unknown, Refusal::UnknownPolicy("AliyunNoSuchAccess".to_owned()));
        }
        let list = world.root(id, "UserService/ListUsers", &id.name()).await;
        let users = world.app.user_list(&list, id, &first(10), &Default::default()).await.unwrap().items;
        assert_eq!(users.iter().map(|user| user.id.as_str()).collect::<Vec<_>>(), ["alice", "root"]);
    }
}

#[tokio::test]
async fn users_are_filtered_and_ordered_by_what_they_say() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        world.clock.advance(DAY);
        for (user, display_name) in [("alice", "Team b"), ("bob", "team A"), ("b.o", "100%"), ("carol", "")] {
            let call = world.root(id, "UserService/CreateUser", &id.name()).await;
            let new = NewUser { id: user.to_owned(), display_name: display_name.to_owned() };
            world.app.user_create(&call, &change(), id, new).await.unwrap();
        }
        world.clock.advance(DAY);
        let call = world.root(id, "UserService/UpdateUser", &format!("{}/users/bob", id.name())).await;
        let to = UserUpdate { display_name: None, enabled: Some(false) };
        world.app.user_update(&call, &change(), (id, "bob"), &to, "").await.unwrap();
        let now = world.clock.now();
        let signed_in = move |tx: bailiwick_db::Tx| async move {
            Ok::<_, Error>(store::user::save_sign_in(tx.conn(), id, "alice", now).await?)
        };
        world.app.db.write("sign_in", signed_in).await.unwrap();
        let other = world.account("other", None).await;
        world.user(other, "alice").await;

        let call = world.root(id, "UserService/ListUsers", &id.name()).await;
        let list = async |filter: &str, order: &str| {
            let listing = Listing { filter: SCHEMA.filter(filter).unwrap(), order: SCHEMA.order(order).unwrap() };
            let (mut found, mut asked) = (Vec::new(), first(2));
            loop {
                let page = world.app.user_list(&call, id, &asked, &listing).await.unwrap();
                found.extend(page.items.into_iter().map(|user| user.id));
                if page.next.is_empty() {
                    return found.join(" ");
                }
                asked = PageRequest { size: 2, token: page.next };
            }
        };
        // When they were created: the clock begins with the year.
        let (time, name) = ("2026-01-02T00:00:00Z", format!("{}/users/bob", id.name()));
        for (filter, order, found) in [
            ("", "", "alice b.o bob carol root"),
            ("", "user_id desc", "root carol bob b.o alice"),
            ("", "display_name", "carol root b.o alice bob"),
            ("", "create_time desc", "alice b.o bob carol root"),
            ("", "update_time desc", "bob alice b.o carol root"),
            ("", "last_sign_in_time desc", "alice b.o bob carol root"),
            ("TEAM", "", "alice bob"),
            ("user_id = \"bo*\" OR user_id:o NOT kind = PRINCIPAL_KIND_ROOT", "", "b.o bob carol"),
            ("display_name:\"%\"", "", "b.o"),
            ("enabled = false", "", "bob"),
            ("kind = PRINCIPAL_KIND_ROOT", "", "root"),
            (&format!("name = \"{name}\""), "", "bob"),
            (&format!("create_time < \"{time}\""), "", "root"),
            (&format!("update_time > \"{time}\""), "", "bob"),
            (&format!("last_sign_in_time < \"{time}\" AND enabled = true"), "", "b.o carol root"),
        ] {
            assert_eq!(list(filter, order).await, found, "{}: {filter}, {order}", world.engine);
        }
        // A page goes on in the list that it is of, and in no other.
        let by = |order: &str| Listing { filter: Default::default(), order: SCHEMA.order(order).unwrap() };
        let page = world.app.user_list(&call, id, &first(1), &by("user_id")).await.unwrap();
        let asked = PageRequest { size: 1, token: page.next };
        let wrong = world.app.user_list(&call, id, &asked, &by("display_name")).await;
        assert!(matches!(wrong, Err(Error::PageToken(_))), "{}", world.engine);
    }
}

#[tokio::test]
async fn a_user_made_again_does_not_revive_its_tokens() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let alice = user(&world, id, "alice").await.unwrap().identity();
        let mut last = world.generation(&alice).await.unwrap();
        for _ in 0..3 {
            let access_key = key(&world, id, "alice").await.unwrap();
            put(&world, id, "alice", &access_key, Use::Disabled).await.unwrap();
            let disabled = world.generation(&alice).await.unwrap();
            assert!(disabled > last, "{}", world.engine);
            delete(&world, id, "alice").await.unwrap();
            assert_eq!(world.generation(&alice).await, None);
            user(&world, id, "alice").await.unwrap();
            last = world.generation(&alice).await.unwrap();
            assert!(last > disabled, "{}", world.engine);
        }
    }
}

// covers: R-DIR-23
#[tokio::test]
async fn keys_are_few_and_their_end_revokes() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let alice = user(&world, id, "alice").await.unwrap().identity();
        let keys = [key(&world, id, "alice").await.unwrap(), key(&world, id, "alice").await.unwrap()];
        let third = refused(key(&world, id, "alice").await);
        assert_eq!(third, Refusal::AccessKeyQuotaExceeded { limit: 2 }, "{}", world.engine);
        let before = world.generation(&alice).await.unwrap();
        put(&world, id, "alice", &keys[0], Use::Disabled).await.unwrap();
        let disabled = world.generation(&alice).await.unwrap();
        put(&world, id, "alice", &keys[0], Use::Enabled).await.unwrap();
        assert!(disabled > before && world.generation(&alice).await == Some(disabled));
        let name = format!("{alice}/accessKeys/{}", keys[1]);
        let call = world.root(id, "AccessKeyService/DeleteAccessKey", &name).await;
        let named = KeyName { account: id, user: "alice", key: &keys[1] };
        world.app.access_key_delete(&call, &change(), named, "").await.unwrap();
        assert!(world.generation(&alice).await.unwrap() > disabled);
        let again = refused(world.app.access_key_delete(&call, &change(), named, "").await);
        assert!(matches!(again, Refusal::NotFound(_)), "{}", world.engine);
        let list = world.root(id, "AccessKeyService/ListAccessKeys", &alice.to_string()).await;
        let left = world.app.access_key_list(&list, id, "alice", &first(10)).await.unwrap().items;
        assert_eq!(left.iter().map(|key| &key.id).collect::<Vec<_>>(), [&keys[0]]);
    }
}

// covers: R-DIR-30
#[tokio::test]
async fn the_root_user_of_a_resource_account_gets_no_key() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let member = world.member(by, directory, "payments").await.unwrap().membership.account;
        let call = world.platform("AccountService/CreateRootAccessKey").await;
        let refusal = refused(world.app.access_key_create_root(&call, &change(), member).await);
        assert_eq!(refusal, Refusal::RootUserDisabled(member), "{}", world.engine);
        let made = world.app.access_key_create_root(&call, &change(), by).await.unwrap();
        assert_eq!((made.value.key.user.as_str(), made.value.secret.len()), ("root", 43));
        assert_eq!(refused(delete(&world, by, "root").await), Refusal::RootUserImmutable);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_at_once_never_give_a_generation_twice() {
    for world in worlds().await {
        let id = world.account("main", None).await;
        let call = world.root(id, "UserService/CreateUser", &id.name()).await;
        let tries: Vec<_> = (0..8)
            .map(|number| {
                let (app, call) = (world.app.clone(), call.clone());
                let new = NewUser { id: format!("user{number}"), display_name: String::new() };
                tokio::spawn(async move { app.user_create(&call, &change(), id, new).await.unwrap().value.generation })
            })
            .collect();
        let mut generations = BTreeSet::new();
        for one in tries {
            assert!(generations.insert(one.await.unwrap()), "{}", world.engine);
        }
    }
}

#[tokio::test]
async fn an_operator_is_put_in_place_once_and_a_rotated_key_revokes() {
    for world in worlds().await {
        let ops = IdentityName::Operator("ops".to_owned());
        assert_eq!(world.generation(&ops).await, Some(1));
        world.app.operators_ensure(&[operator(1)]).await.unwrap();
        assert_eq!(world.changes().await.len(), 1, "{}", world.engine);
        world.app.operators_ensure(&[operator(2)]).await.unwrap();
        assert_eq!(world.generation(&ops).await, Some(2));
        let other = Configured { id: "other".to_owned(), ..operator(2) };
        world.app.operators_ensure(std::slice::from_ref(&other)).await.unwrap();
        let facts = world.facts().await;
        assert!(!facts.identity(&ops).unwrap().enabled, "{}", world.engine);
        assert!(facts.identity(&IdentityName::Operator("other".to_owned())).unwrap().enabled);
    }
}
